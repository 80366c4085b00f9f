"""Stage 1, corpus: validation documents that resemble training too much, so that none is a leak.

    signatures of validation  <-  pairs of hashes in common  <-  signatures of training, in blocks

Of Jaccard index 0.5 two documents have one of 56 pairs of hashes in common but for one case in ten
million; then three tenths of all their hashes must agree, fewer than half by more than four
standard deviations, so that chance hides none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from filiberto.corpus.neardup import NUM_HASHES, Signatures

MIN_AGREEMENT = 0.3
"""Of 112 hashes, where 0.5 agree on average, fewer than this do once in a hundred thousand."""
_PAIRS = NUM_HASHES // 2
_FILTER_BITS = 20
_PAIRS_AT_ONCE = 1 << 16
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def resembling(
    signatures: Signatures, *, validation: np.ndarray, training: np.ndarray
) -> np.ndarray:
    """Which validation documents have a Jaccard index of 0.5 or more with one in training.

    Some of less than 0.5 are among them.

    Args:
        validation: rows of their signatures.
        training: rows of the others', in any order.

    Returns:
        Shape (validation,), bool.
    """
    own = signatures.read(validation)
    index = [_Index(_keys(own, pair)) for pair in range(_PAIRS)]
    found = np.zeros(len(validation), bool)
    for block in signatures.blocks(np.sort(training)):
        for pair in range(_PAIRS):
            for theirs, ours in index[pair].matches(_keys(block, pair)):
                left = ~found[ours]
                theirs, ours = theirs[left], ours[left]
                equal = np.count_nonzero(block[theirs] == own[ours], axis=1)
                found[ours[equal >= MIN_AGREEMENT * NUM_HASHES]] = True
            index[pair].drop(found)
    return found


class _Index:
    """Finds equal keys among a few, through a table that excludes nearly all others."""

    def __init__(self, keys: np.ndarray) -> None:
        self._order = np.argsort(keys)
        self._keys = keys[self._order]
        self._maybe = np.zeros(1 << _FILTER_BITS, bool)
        self._maybe[_bucket(keys)] = True

    def drop(self, found: np.ndarray) -> None:
        """Look for some of the few no longer.

        Args:
            found: True for these, in the order they were given.
        """
        left = ~found[self._order]
        self._order, self._keys = self._order[left], self._keys[left]

    def matches(self, keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of equal keys: positions in `keys`, and among the few; so many at a time."""
        maybe = np.flatnonzero(self._maybe[_bucket(keys)])
        start = np.searchsorted(self._keys, keys[maybe])
        counts = np.searchsorted(self._keys, keys[maybe], side="right") - start
        totals = np.cumsum(counts)
        first = 0
        while first < len(maybe):
            before = totals[first - 1] if first else 0
            stop = max(first + 1, int(np.searchsorted(totals, before + _PAIRS_AT_ONCE)))
            part, sizes = slice(first, stop), counts[first:stop]
            theirs = np.repeat(maybe[part], sizes)
            within = np.arange(len(theirs)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            yield theirs, self._order[np.repeat(start[part], sizes) + within]
            first = stop


def _keys(signatures: np.ndarray, pair: int) -> np.ndarray:
    high, low = signatures[:, 2 * pair].astype(np.uint64), signatures[:, 2 * pair + 1]
    return (high << np.uint64(32)) | low


def _bucket(keys: np.ndarray) -> np.ndarray:
    return ((keys * _SPREAD) >> np.uint64(64 - _FILTER_BITS)).astype(np.int64)
