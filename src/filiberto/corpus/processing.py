"""Stage 1, corpus: what is done to each batch of records, in parallel. Pure functions.

    texts, reasons so far  ->  clean, judge, mask, hash  ->  text | reason | sizes | key | shingles

Nothing here knows of other batches: what needs all documents is decided later (`decide`).
"""

# pyarrow.compute makes its functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filiberto.corpus import characters, cleaning, dedup, filters, identify, personal
from filiberto.corpus.decoding import preview
from filiberto.corpus.reasons import MALFORMED, Reason

SCHEMA = pa.schema(
    [
        pa.field("text", pa.large_string()),  # of a malformed record: an escaped preview
        pa.field("reason", pa.uint8()),
        pa.field("num_bytes", pa.int64()),
        pa.field("num_characters", pa.int64()),
        pa.field("key0", pa.uint64()),
        pa.field("key1", pa.uint64()),
        *(pa.field(kind, pa.uint16()) for kind in personal.KINDS),
        pa.field("shingles", pa.large_string()),
    ]
)
# A text with so many characters between spaces is of a script that has none: its shingles are
# characters.
_LONG_WORD = 16


@dataclass(frozen=True, kw_only=True)
class Process:
    """What is done to a batch, with its settings."""

    skip_rules: frozenset[str] = frozenset()
    language: str = ""
    """Language whose foreign texts are dropped; empty where nothing is known of it."""
    mask_personal: bool = False

    def __call__(self, texts: pa.Array, reasons: pa.Array) -> pa.StructArray:
        """Clean and judge neighbouring records.

        Args:
            texts: large strings, none of them null.
            reasons: why some are malformed already, uint8.

        Returns:
            A row of SCHEMA for each.
        """
        known = np.array(reasons)
        raw = characters.characters(texts)
        bad = filters.malformed(raw)
        known = np.where(known == Reason.NONE, bad, known)
        if bad.any():
            heads = [preview(text) for text in texts.filter(pa.array(bad > 0)).to_pylist()]
            texts = pc.replace_with_mask(texts, pa.array(bad > 0), pa.array(heads, texts.type))
        texts = cleaning.clean(texts)
        empty = pc.binary_length(texts).to_numpy() == 0
        known[empty & (known == Reason.NONE)] = Reason.EMPTY
        is_foreign = identify.foreign_to(self.language) if self.language else None
        words = cleaning.count_words(texts)
        known = filters.judge(
            texts, raw, known, words=words, skip=self.skip_rules, is_foreign=is_foreign
        )
        texts, found = personal.find(texts, mask=self.mask_personal)
        found[known >= MALFORMED] = 0
        keys = dedup.keys(texts)
        columns = [
            texts,
            pa.array(known),
            pc.cast(pc.binary_length(texts), pa.int64()),
            pc.cast(pc.utf8_length(texts), pa.int64()),
            pa.array(keys[:, 0]),
            pa.array(keys[:, 1]),
            *(pa.array(found[:, i]) for i in range(found.shape[1])),
            shingled(texts, known == Reason.NONE, words=words),
        ]
        return pa.StructArray.from_arrays(columns, fields=list(SCHEMA))


def shingled(texts: pa.Array, wanted: np.ndarray, *, words: np.ndarray) -> pa.Array:
    """Texts as their shingles are taken from: lower case, one line, a space between units.

    Units are words, or characters where words are not parted by spaces.

    Args:
        wanted: True where a text needs shingles; elsewhere they are empty.
        words: how many words each text has.
    """
    if not wanted.all():
        texts = pc.if_else(pa.array(wanted), texts, pa.scalar("", texts.type))
    texts = pc.utf8_lower(cleaning.one_line(texts))
    unspaced = pa.array(pc.utf8_length(texts).to_numpy() > _LONG_WORD * words)
    rows = [" ".join(text.replace(" ", "")) for text in texts.filter(unspaced).to_pylist()]
    return pc.replace_with_mask(texts, unspaced, pa.array(rows, texts.type)) if rows else texts
