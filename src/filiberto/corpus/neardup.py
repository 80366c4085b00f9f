"""Stage 1, corpus: near duplicates, by MinHash signatures that lie on disk.

    shingles  ->  signature, 112 hashes  ->  14 bands of 8  ->  candidates  ->  verified

Two documents that share a band are candidates; they are near duplicates if at least three quarters
of their hashes agree, which estimates the Jaccard index of their shingles (five words in a row).
A document goes only if it agrees so with one that stays: chains of small changes never merge unlike
documents. Of Jaccard index s, a pair shares a band with probability 1 - (1 - s^8)^14:

    s      0.5   0.6   0.7   0.75  0.8   0.85  0.9   0.95
    share  5 %   21 %  57 %  77 %  92 %  99 %  99.96 %  100 %

Source:
    Broder 1997 (MinHash); Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

NUM_HASHES = 112
NUM_BANDS = 14
NGRAM_UNITS = 5
SEED = 1
MIN_AGREEMENT = 0.75

_BAND_HASHES = NUM_HASHES // NUM_BANDS
_MAX_ROUNDS = 8
_PAIRS_AT_ONCE = 1 << 15
_MIX = np.random.Generator(np.random.PCG64(SEED)).integers(
    1 << 63, size=_BAND_HASHES, dtype=np.uint64
) | np.uint64(1)


class Signatures:
    """Signatures in files of a folder, in the order they came: 560 bytes a document."""

    def __init__(self, folder: Path) -> None:
        self._paths = [folder / f"band-{band:02d}.u64" for band in range(NUM_BANDS)]
        self._path = folder / "signatures.u32"
        self._files = [path.open("wb") for path in [*self._paths, self._path]]
        self._count = 0

    def __enter__(self) -> Signatures:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for file in self._files:
            file.close()
        for path in [*self._paths, self._path]:
            path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return self._count

    def add(self, signatures: np.ndarray) -> None:
        """Append signatures, shape (documents, NUM_HASHES), uint32."""
        bands = signatures.reshape(-1, NUM_BANDS, _BAND_HASHES).astype(np.uint64) @ _MIX
        for hashes, file in zip(bands.T, self._files, strict=False):
            file.write(hashes.tobytes())
        self._files[-1].write(np.ascontiguousarray(signatures).tobytes())
        self._count += len(signatures)

    def flush(self) -> None:
        """Make what was added readable."""
        for file in self._files:
            file.flush()

    def band(self, band: int) -> np.ndarray:
        """The hash of one band of every signature, shape (documents,), uint64."""
        return np.fromfile(self._paths[band], np.uint64)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Some signatures, shape (rows, NUM_HASHES)."""
        found = np.empty((len(rows), NUM_HASHES), np.uint32)
        size = found.strides[0]
        with self._path.open("rb", buffering=0) as file:
            for place, row in zip(found, rows.tolist(), strict=True):
                os.preadv(file.fileno(), [place.data], row * size)
        return found

    def blocks(self, rows: np.ndarray, *, size: int = 1 << 16) -> Iterator[np.ndarray]:
        """The signatures of some rows, in order, in blocks.

        Args:
            rows: sorted.
        """
        with self._path.open("rb") as file:
            for start in range(0, self._count, size):
                block = np.fromfile(file, np.uint32, size * NUM_HASHES).reshape(-1, NUM_HASHES)
                inside = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + size)]
                yield block[inside - start]

    def agree(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Whether the signatures of two rows agree in MIN_AGREEMENT of their hashes."""
        result = np.zeros(len(left), bool)
        for start in range(0, len(left), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            rows, where = np.unique(np.concatenate([left[part], right[part]]), return_inverse=True)
            found = self.read(rows)
            one, other = np.split(where, 2)
            equal = np.count_nonzero(found[one] == found[other], axis=1)
            result[part] = equal >= MIN_AGREEMENT * NUM_HASHES
        return result


def survivors(
    signatures: Signatures, rows: np.ndarray, advance: Callable[[float], None] = lambda _: None
) -> np.ndarray:
    """For each document the one that stays in its place: itself, if it stays.

    In round r each document of a band's group is compared with the r-th of the group that is
    still there. Where the survivor of a document falls to a third, the document is compared with
    that one, and comes back if they are unlike.

    Args:
        rows: rows of the documents' signatures, in the order of preference.
        advance: told of each of the NUM_BANDS bands in the first round, which is the long one.

    Returns:
        Positions in `rows`, shape (documents,).
    """
    survivor = np.arange(len(rows))
    left, tested = survivor.copy(), np.array([], np.int64)
    for place in range(_MAX_ROUNDS):
        told = advance if place == 0 else lambda _: None
        found = _candidates(signatures, rows, left, place, told)
        pairs = np.setdiff1d(found, tested)
        if not len(pairs):
            break
        tested = np.union1d(tested, pairs)
        later, earlier = np.divmod(pairs, len(rows))
        same = signatures.agree(rows[later], rows[earlier])
        _drop(survivor, later[same], earlier[same])
        _unchain(signatures, rows, survivor)
        # What shared no band in the first round shares none in the others.
        left = np.unique(np.concatenate(np.divmod(tested, len(rows))))
        left = left[survivor[left] == left]
    return survivor


def _candidates(
    signatures: Signatures,
    rows: np.ndarray,
    left: np.ndarray,
    place: int,
    advance: Callable[[float], None],
) -> np.ndarray:
    """Pairs of those that are left, as later * number + earlier, sorted."""
    pairs = np.array([], np.int64)
    for band in range(NUM_BANDS):
        keys = signatures.band(band)[rows[left]]
        order = np.argsort(keys, kind="stable")  # of equal keys the earliest first
        keys = keys[order]
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        sizes = np.diff(np.append(starts, len(keys)))
        starts, sizes = starts[sizes > place + 1], sizes[sizes > place + 1]
        earlier = np.repeat(left[order[starts + place]], sizes - place - 1)
        offsets = np.arange(len(earlier)) - np.repeat(
            np.cumsum(sizes - place - 1) - (sizes - place - 1), sizes - place - 1
        )
        later = left[order[np.repeat(starts + place + 1, sizes - place - 1) + offsets]]
        pairs = np.union1d(pairs, later * len(rows) + earlier)
        advance(1)
    return pairs


def _drop(survivor: np.ndarray, later: np.ndarray, earlier: np.ndarray) -> None:
    """Go through the documents in order: one goes if an earlier one like it stays.

    Args:
        survivor: changed in place.
        later: one of each pair of like documents ...
        earlier: ... and the other.
    """
    unknown, stays, goes = 0, 1, 2
    state = np.full(len(survivor), stays)
    state[later] = unknown
    while len(later):
        decided = state[earlier] == stays
        state[later[decided]] = goes
        # The earliest of several is written last.
        survivor[later[decided][::-1]] = earlier[decided][::-1]
        open_pairs = (state[later] == unknown) & (state[earlier] != goes)
        blocked = np.zeros(len(survivor), bool)
        blocked[later[open_pairs]] = True
        state[(state == unknown) & ~blocked] = stays
        later, earlier = later[open_pairs], earlier[open_pairs]


def _unchain(signatures: Signatures, rows: np.ndarray, survivor: np.ndarray) -> None:
    """Compare those whose survivor has gone with the survivor's own, and bring back the unlike."""
    while len(orphans := np.flatnonzero(survivor[survivor] != survivor)):
        heirs = survivor[survivor[orphans]]
        same = signatures.agree(rows[orphans], rows[heirs])
        survivor[orphans] = np.where(same, heirs, orphans)
