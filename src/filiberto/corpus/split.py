"""Stage 1, corpus: which documents are kept apart for validation. Pure arithmetic.

    blocks of neighbours, by hash  ->  as many as the bytes asked for  ->  validation

Neighbouring records of a file are often pieces of one text, so a whole block takes one side, and a
document at the edge of a block, whose neighbour is on the other side, takes none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

BLOCK_RECORDS = 64
BLOCK_BYTES = 64 << 10
"""A block ends where it has so many records or bytes: a whole novel is a block of its own."""
_LEAST_PARTS = 10  # the minimum in bytes never takes more than this fraction of the text
_FEW_BLOCKS = 10  # with fewer there are smaller blocks
_ENOUGH = 0.95  # of the bytes asked for


def wanted_bytes(total_bytes: int, *, share: float, min_bytes: int, max_bytes: int) -> int:
    """How much text goes to validation: the share asked for, within its bounds.

    1 % of 320 MB is 3.2 MB; 1 % of 10 MB is raised to 0.5 MB; of 1 MB only to 0.1 MB
    """
    wanted = max(share * total_bytes, min(min_bytes, total_bytes / _LEAST_PARTS))
    return round(min(wanted, max_bytes))


def fraction(seed: int, source: str, block: int, part: int = 0) -> float:
    """Where a part of a block falls between 0 and 1."""
    place = f"{seed}\0{source}\0{block}" + (f"\0{part}" if part else "")
    digest = hashlib.blake2b(place.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64


def validation(
    sources: np.ndarray,
    records: np.ndarray,
    num_bytes: np.ndarray,
    *,
    names: Sequence[str],
    max_bytes: int,
    seed: int,
) -> np.ndarray:
    """Choose the validation documents.

    Blocks are taken in the order of their hashes as long as they fit; where none does, the
    smallest. Of two documents or more neither side is empty.

    Args:
        sources: number of each document's source. Sorted by source, then record.
        records: number of each document's record in its source.
        num_bytes: of each document.
        names: names of the sources.
        max_bytes: of validation text; more only where every block has more.

    Returns:
        True where a document is for validation.
    """
    if len(records) < 2:
        return np.zeros(len(records), bool)
    size = BLOCK_RECORDS
    starts, parts = _blocks(sources, records, num_bytes, size=size)
    while len(starts) < min(_FEW_BLOCKS, len(records)) and size > 1:
        size //= 4
        starts, parts = _blocks(sources, records, num_bytes, size=size)
    sizes = np.add.reduceat(num_bytes, starts)
    places = zip(sources[starts], records[starts] // size, parts, strict=True)
    fractions = [fraction(seed, names[int(source)], block, part) for source, block, part in places]
    chosen = np.zeros(len(starts), bool)
    room = max_bytes
    for block in np.argsort(fractions)[:-1].tolist():  # the last stays for training
        if sizes[block] <= room:
            chosen[block] = True
            room -= int(sizes[block])
        if room < (1 - _ENOUGH) * max_bytes:
            break
    if not chosen.any():
        chosen[sizes.argmin()] = True
    return np.repeat(chosen, np.diff(np.append(starts, len(records))))


def _blocks(
    sources: np.ndarray, records: np.ndarray, num_bytes: np.ndarray, *, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut at every `size`-th record of a source, and where there are too many bytes.

    Returns:
        Where each block begins, and which part it is of its `size` records.
    """
    totals = np.concatenate([[0], np.cumsum(num_bytes)])
    units = np.stack([sources, records // size], axis=1)
    unit_starts = np.flatnonzero(np.append(True, (units[1:] != units[:-1]).any(axis=1)))
    unit = np.repeat(unit_starts, np.diff(np.append(unit_starts, len(records))))
    part = (totals[:-1] - totals[unit]) // BLOCK_BYTES
    begins = np.append(True, (unit[1:] != unit[:-1]) | (part[1:] != part[:-1]))
    starts = np.flatnonzero(begins)
    return starts, part[starts]


def beside_the_other_side(sources: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Which validation documents follow or precede a training document in their source.

    What stood between and was dropped, a blank line or a copy, parts no neighbours.

    Args:
        sources: of `validation`.
        chosen: its result.

    Returns:
        True where a document has such a neighbour.
    """
    beside = np.zeros(len(chosen), bool)
    border = (sources[1:] == sources[:-1]) & (chosen[1:] != chosen[:-1])
    beside[1:] |= border
    beside[:-1] |= border
    return beside & chosen
