"""Stage 1, corpus: which documents are kept apart for validation. Pure arithmetic.

    fraction = blake2b(seed, source, block of 64 records)   ->   validation if fraction < share

Neighbouring records of a file are often pieces of one text, so a whole block takes one side. A
hash knows no order: more text later leaves the side of each block as it was, share permitting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

BLOCK_RECORDS = 64
_LEAST_PARTS = 10  # the minimum in bytes never takes more than this fraction of the text


def share_of(total_bytes: int, *, share: float, min_bytes: int, max_bytes: int) -> float:
    """The share of the text that goes to validation: the one asked for, within its bounds.

    1 % of 320 MB is 3.2 MB; 1 % of 10 MB is raised to 0.5 MB; of 1 MB only to 0.1 MB
    """
    if total_bytes == 0:
        return 0.0
    wanted = max(share * total_bytes, min(min_bytes, total_bytes / _LEAST_PARTS))
    return min(wanted, max_bytes) / total_bytes


def fraction(seed: int, source: str, block: int) -> float:
    """Where a block falls between 0 and 1."""
    digest = hashlib.blake2b(f"{seed}\0{source}\0{block}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64


def validation(
    sources: np.ndarray, records: np.ndarray, *, names: Sequence[str], share: float, seed: int
) -> np.ndarray:
    """Choose the validation documents.

    With two blocks or more neither side is empty; a single block is cut by record.

    Args:
        sources: number of each document's source. Sorted by source, then record.
        records: number of each document's record in its source.
        names: names of the sources.
        share: of the blocks that go to validation (0 to 1).

    Returns:
        True where a document is for validation.
    """
    for size in (BLOCK_RECORDS, 1):
        units = np.stack([sources, records // size], axis=1)
        starts = np.flatnonzero(np.r_[True, (units[1:] != units[:-1]).any(axis=1)])
        if len(starts) > 1:
            break
    if len(records) < 2:
        return np.zeros(len(records), bool)
    fractions = np.array([fraction(seed, names[int(s)], b) for s, b in units[starts].tolist()])
    chosen = fractions < share
    chosen[fractions.argmin()] = True
    if chosen.all():
        chosen[fractions.argmax()] = False
    return np.repeat(chosen, np.diff(np.r_[starts, len(records)]))
