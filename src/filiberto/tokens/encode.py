"""Documents to ids, and ids to shard files of bounded size.

    reading (a thread) -> encoding (a thread, all cores inside) -> ids -> shards

The three overlap, a group of texts ahead each, so the cores that encode do not wait for the disk or
for Python. In memory are three groups and a shard, however large the corpus or a document is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer
from tokenizers.decoders import ByteLevel
from tokenizers.normalizers import NFC

from filiberto.ahead import ahead
from filiberto.tokens.shards import dtype_for, write_shard

BATCH_BYTES = 1 << 20
"""Text that is encoded at once: its encodings take some 500 bytes a token (tokenizers 0.23)."""
PART_CHARACTERS = 1 << 16
"""Documents that are longer are encoded in parts, so that all cores share one."""

# No split of ours lets a piece hold a space but as its first character, or after another space.
_BETWEEN_WORDS = re.compile(r"(?<=[^\W_]) (?=[^\W_])")


@dataclass
class _Group:
    """Neighbouring parts of documents: which begin one, which end one."""

    texts: list[str] = field(default_factory=list)
    begins: list[bool] = field(default_factory=list)
    ends: list[bool] = field(default_factory=list)


def encode_documents(
    tokenizer: Tokenizer, batches: Iterable[list[str]], *, special_ids: dict[str, int]
) -> Iterator[tuple[NDArray[Any], list[int]]]:
    """Encode documents, each `<s> ... </s>`, nothing cut. Literal specials in them are text.

    Args:
        tokenizer: of the run.
        batches: lists of texts in NFC.
        special_ids: by our names.

    Yields:
        Ids of neighbouring documents in one array, and the number of ids of each document that
        ends in it.
    """
    # NFC is what a corpus is in already; without it and the template a twelfth of the time is left.
    # Another's tokenizer may do more before it cuts, and then no text can be cut beforehand.
    bare = Tokenizer.from_str(tokenizer.to_str())
    plain = isinstance(bare.normalizer, NFC) and isinstance(bare.decoder, ByteLevel)
    if plain:
        bare.normalizer = None  # type: ignore[assignment]
    bare.post_processor = None  # type: ignore[assignment]
    bare.encode_special_tokens = True
    bos, eos = special_ids["<s>"], special_ids["</s>"]
    groups = _groups(batches, part_characters=PART_CHARACTERS if plain else sys.maxsize)
    dtype = np.dtype(dtype_for(tokenizer.get_vocab_size()))
    length = 0
    for group, encodings in ahead(_encoded(bare, ahead(groups))):
        begins, ends = np.array(group.begins), np.array(group.ends)
        sizes = np.array([len(encoding) for encoding in encodings])
        after = np.cumsum(begins + sizes + ends)
        first, last = (after - ends - sizes - begins)[begins], after[ends] - 1
        ids = np.empty(after[-1], dtype)
        inner = np.ones(len(ids), bool)
        inner[first] = inner[last] = False
        ids[first], ids[last] = bos, eos
        ordinary = chain.from_iterable(encoding.ids for encoding in encodings)
        ids[inner] = np.fromiter(ordinary, dtype, count=int(sizes.sum()))
        lengths = np.diff(after[ends], prepend=-length).tolist()
        length = int(after[-1]) - sum(lengths) + length
        yield ids, lengths


def _groups(batches: Iterable[list[str]], *, part_characters: int) -> Iterator[_Group]:
    """Parts of documents in groups of BATCH_BYTES, a part more at most."""
    group, num_bytes = _Group(), 0
    for text in chain.from_iterable(batches):
        parts = list(parts_of(text, characters=part_characters))
        for number, part in enumerate(parts):
            group.texts.append(part)
            group.begins.append(number == 0)
            group.ends.append(number == len(parts) - 1)
            num_bytes += len(part.encode())
            if num_bytes >= BATCH_BYTES:
                yield group
                group, num_bytes = _Group(), 0
    if group.texts:
        yield group


def parts_of(text: str, *, characters: int) -> Iterator[str]:
    """Cut a text where no token can reach across: before a space between two words.

    Args:
        characters: that a part has at least, but for the last.
    """
    start = 0
    while len(text) - start > characters:
        found = _BETWEEN_WORDS.search(text, start + characters)
        if found is None:
            break
        yield text[start : found.start()]
        start = found.start()
    yield text[start:] if start else text


def _encoded(
    tokenizer: Tokenizer, groups: Iterable[_Group]
) -> Iterator[tuple[_Group, list[Encoding]]]:
    for group in groups:
        yield group, tokenizer.encode_batch_fast(group.texts, add_special_tokens=False)


def write_shards(
    folder: Path,
    batches: Iterable[tuple[NDArray[Any], list[int]]],
    *,
    split: str,
    shard_tokens: int,
    vocab_size: int,
    facts: dict[str, Any],
) -> dict[str, int]:
    """Write batches of ids as `SPLIT-00000.tokens` and so on, each `shard_tokens` long.

    A shard may end inside a document: readers see the shards as one sequence.

    Returns:
        `tokens`, `documents` and `shards` written.
    """
    held: list[NDArray[Any]] = []
    held_tokens = tokens = documents = shards = 0

    def write(ids: NDArray[Any]) -> None:
        nonlocal shards
        path = folder / f"{split}-{shards:05d}.tokens"
        write_shard(path, ids, vocab_size=vocab_size, facts=facts)
        shards += 1

    for ids, lengths in batches:
        held.append(ids)
        held_tokens += len(ids)
        tokens += len(ids)
        documents += len(lengths)
        while held_tokens >= shard_tokens:
            joined = np.concatenate(held)
            write(joined[:shard_tokens])
            held, held_tokens = [joined[shard_tokens:]], held_tokens - shard_tokens
    if held_tokens or not shards:
        write(np.concatenate(held) if held else np.zeros(0, dtype=np.uint16))
    return {"tokens": tokens, "documents": documents, "shards": shards}
