"""Stage 1, corpus: how much of a document repeats itself. Pure arithmetic over bytes.

    texts  ->  units (words or lines), hashed  ->  n-grams of units  ->  what repeats in a document

Source:
    Rae et al. 2021 (Gopher), arXiv:2112.11446, section A.1.1 and table A1.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import pyarrow as pa

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2**64
_INVERSE = np.uint64(pow(int(_BASE), -1, 2**64))
_STEP = np.uint64(0xD6E8FEB86659FD93)

# Table A1: a document goes where more than this share of its characters ...
TOP_NGRAM = {2: 0.20, 3: 0.18, 4: 0.16}  # ... is its most frequent n-gram of words
DUPLICATE_NGRAMS = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}  # ... was there before
DUPLICATE_LINES = 0.30
DUPLICATE_LINE_CHARACTERS = 0.20


class Units(NamedTuple):
    """The words or lines of several documents in a row."""

    document: np.ndarray
    """Number of the document each unit is in."""
    start: np.ndarray
    end: np.ndarray
    """Where it begins and ends in the bytes of all documents."""
    hash: np.ndarray
    sizes: np.ndarray
    """Bytes of each document."""


def units(texts: pa.Array, separators: bytes) -> Units:
    """Cut documents at every separator.

    Args:
        texts: large strings, none of them null or empty.
        separators: each one byte; two never stand together, or at an end of a document.
    """
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset :][: len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    ends = offsets[1:] - offsets[0]
    begins = np.zeros(len(data), bool)
    for separator in separators:
        begins[1:] |= data[:-1] == separator
    begins[:1] = True
    begins[ends[:-1]] = True
    start = np.flatnonzero(begins)
    document = np.searchsorted(ends, start, side="right")
    end = np.append(start[1:], len(data))
    last = np.append(document[1:] != document[:-1], True)
    end = np.where(last, end, end - 1)  # without the separator
    # A polynomial in each unit's bytes, from running sums over all.
    powers, inverses = (_powers(base, len(data).bit_length()) for base in (_BASE, _INVERSE))
    sums = np.zeros(len(data) + 1, np.uint64)
    np.multiply(data, powers[: len(data)], out=sums[1:])
    np.cumsum(sums, out=sums)
    hashes = (sums[end] - sums[start]) * inverses[start] + (end - start).astype(np.uint64)
    return Units(document, start, end, hashes, np.diff(offsets))


@functools.lru_cache(maxsize=4)
def _powers(base: np.uint64, bits: int) -> np.ndarray:
    powers = np.full(1 << bits, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint64)


def repeats_words(words: Units) -> np.ndarray:
    """Which documents say the same few words over and over, by the limits of table A1."""
    found = np.zeros(len(words.sizes), bool)
    first = np.arange(len(words.hash))
    for size in range(2, 11):
        # An n-gram that occurs again begins with a shorter one that does, and so does the next.
        again = np.zeros(len(words.hash) + 1, bool)
        again[first] = True
        runs = _runs(words, np.flatnonzero(again[:-1] & again[1:]), size)
        first = runs.first
        if size in TOP_NGRAM:
            found |= _most_frequent(words, runs, size) > TOP_NGRAM[size] * words.sizes
        else:
            found |= _covered(words, runs, size) > DUPLICATE_NGRAMS[size] * words.sizes
    return found


def repeats_lines(lines: Units) -> np.ndarray:
    """Which documents hold the same lines over and over, by the limits of table A1."""
    runs = _runs(lines, np.arange(len(lines.hash)), 1)
    counts = [
        np.bincount(lines.document[some], minlength=len(lines.sizes))
        for some in (runs.first[runs.again], slice(None))
    ]
    return (counts[0] > DUPLICATE_LINES * counts[1]) | (
        _covered(lines, runs, 1) > DUPLICATE_LINE_CHARACTERS * lines.sizes
    )


class Runs(NamedTuple):
    """N-grams that occur more than once in a document, equal ones together and in order."""

    first: np.ndarray
    """The unit each begins with."""
    starts: np.ndarray
    """Where equal ones begin in `first`."""

    @property
    def again(self) -> np.ndarray:
        """True where the n-gram was there before."""
        again = np.ones(len(self.first), bool)
        again[self.starts] = False
        return again


def _runs(of: Units, first: np.ndarray, size: int) -> Runs:
    """Find the n-grams that occur again among those that begin with some units."""
    first = first[first + size <= len(of.hash)]
    first = first[of.document[first] == of.document[first + (size - 1)]]
    keys = of.document[first].astype(np.uint64)
    for i in range(size):
        keys = keys * _STEP + of.hash[first + i]
    keys ^= keys >> np.uint64(32)
    keys *= _BASE
    # Most occur once: a table of counts tells most of these, and the sort is the dear part.
    buckets = (keys >> np.uint64(62 - len(keys).bit_length())).view(np.int64)
    several = np.bincount(buckets)[buckets] > 1 if len(keys) else np.array([], bool)
    keys, first = keys[several], first[several]
    order = np.argsort(keys, kind="stable")  # the earliest of equal ones first
    keys, first = keys[order], first[order]
    same = np.zeros(len(keys) + 1, bool)
    same[1:-1] = keys[1:] == keys[:-1]
    keep = same[1:] | same[:-1]
    return Runs(first[keep], np.flatnonzero(~same[:-1][keep]))


def _most_frequent(of: Units, runs: Runs, size: int) -> np.ndarray:
    """Bytes in each document that are its most frequent n-gram, the longer where two tie."""
    begins = runs.first[runs.starts]
    counts = np.diff(np.append(runs.starts, len(runs.first)))
    lengths = of.end[begins + (size - 1)] - of.start[begins]
    best = np.zeros(len(of.sizes), np.int64)
    np.maximum.at(best, of.document[begins], (counts << 32) + lengths)
    return (best >> 32) * (best & 0xFFFFFFFF)


def _covered(of: Units, runs: Runs, size: int) -> np.ndarray:
    """Bytes in each document that lie in n-grams which were there before."""
    again = runs.first[runs.again]
    edges = np.bincount(again, minlength=len(of.hash) + 1)
    edges -= np.bincount(again + size, minlength=len(of.hash) + 1)
    inside = np.flatnonzero(np.cumsum(edges[:-1]))
    lengths = of.end[inside] - of.start[inside]
    # The separator between two units counts where both are covered.
    lengths[:-1] += (np.diff(inside) == 1) & (np.diff(of.document[inside]) == 0)
    return np.bincount(of.document[inside], weights=lengths, minlength=len(of.sizes))
