"""Stage 1, corpus: what becomes of each document, once all are known.

ledger, signatures  ->  exact  ->  near duplicates  ->  validation  ->  leaks  ->  Sides
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from filiberto.config import CorpusConfig
from filiberto.corpus import dedup, leaks, neardup, split
from filiberto.corpus.ledger import Ledger
from filiberto.corpus.neardup import Signatures
from filiberto.corpus.reasons import Reason

STEPS = neardup.NUM_BANDS + 1


@dataclass(frozen=True)
class Sides:
    """Where each record of a ledger goes; where neither is True, why not."""

    reason: np.ndarray
    """NONE where a record is in the corpus."""
    validation: np.ndarray
    """True where it is for validation."""
    original: np.ndarray
    """Position in the ledger of what a record is a duplicate of; its own where it is none."""
    leaky: bool
    """Training nearly holds all validation text, which is kept all the same."""

    @property
    def kept(self) -> np.ndarray:
        """True where a record is in the corpus."""
        return self.reason == Reason.NONE

    @property
    def train(self) -> np.ndarray:
        """True where a record is for training."""
        return self.kept & ~self.validation


def sides(
    book: Ledger,
    signatures: Signatures,
    *,
    names: Sequence[str],
    settings: CorpusConfig,
    seed: int,
    advance: Callable[[float], None],
) -> Sides:
    """Drop duplicates, part what is left, and drop validation text that training nearly holds.

    Args:
        names: names of the sources, by number.
        advance: told of STEPS steps, one by one.
    """
    reason, original = book.reason.copy(), np.arange(len(book.reason))

    def drop_duplicates(why: Reason, left: np.ndarray, first: np.ndarray) -> None:
        gone = first != np.arange(len(first))
        original[left[gone]] = left[first[gone]]
        reason[left[gone]] = why

    skip = settings.skip_rules
    left = np.flatnonzero(reason == Reason.NONE)
    if Reason.DUPLICATE.label not in skip:
        drop_duplicates(Reason.DUPLICATE, left, dedup.survivors(book.keys[left]))
        left = np.flatnonzero(reason == Reason.NONE)
    if Reason.NEAR_DUPLICATE.label not in skip:
        drop_duplicates(
            Reason.NEAR_DUPLICATE, left, neardup.survivors(signatures, book.row[left], advance)
        )
        left = np.flatnonzero(reason == Reason.NONE)
    validation, leaky = np.zeros(len(reason), bool), False
    sources, records = book.source[left], book.record[left]
    sizes = book.num_bytes[left].astype(np.int64)
    wanted = split.wanted_bytes(
        int(sizes.sum()),
        share=settings.validation_share,
        min_bytes=settings.validation_min_bytes,
        max_bytes=settings.validation_max_bytes,
    )
    chosen = split.validation(sources, records, sizes, names=names, max_bytes=wanted, seed=seed)
    validation[left] = chosen
    if Reason.LEAK.label not in skip:
        leaking = split.beside_the_other_side(sources, chosen)
        leaking[chosen] |= leaks.resembling(
            signatures,
            validation=book.row[left[chosen]],
            training=book.row[left[~chosen]],
        )
        advance(1)
        leaky = bool(leaking.sum() == chosen.sum())
        if not leaky:
            reason[left[leaking]] = Reason.LEAK
            validation[left[leaking]] = False
    return Sides(reason, validation, original, leaky)
