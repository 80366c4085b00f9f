"""Counter-based randomness: a value is a function of its key and place, never of what came before.

So order and masks need no generator state, and are the same on every machine and for any number
of workers (NumPy promises its random streams for one build only).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FEISTEL_ROUNDS = 6


def key_of(*parts: int | str) -> int:
    """A 64-bit key from names and numbers, by BLAKE2b."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter 64-bit values: the output function of SplitMix64.

    Source:
        Steele et al. 2014, Fast splittable pseudorandom number generators, figure 17.
    """
    z = values + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def permute(index: NDArray[np.int64], *, size: int, key: int) -> NDArray[np.int64]:
    """Where each index goes in a keyed permutation of 0 .. size-1.

    A balanced Feistel network over the next power of four, walked on while it leaves the range.

    Args:
        index: values from 0 to size-1.
        size: the permutation's length, 1 or more.
        key: which permutation.

    Source:
        Black and Rogaway 2002, Ciphers with arbitrary finite domains, section 4 (cycle-walking).
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    keys = [np.uint64(key_of(key, number)) for number in range(_FEISTEL_ROUNDS)]
    result = index.astype(np.uint64)
    outside = np.ones(len(result), dtype=np.bool_)
    while outside.any():
        result[outside] = _feistel(result[outside], half_bits=half, keys=keys)
        outside = result >= size
    return result.astype(np.int64)


def _feistel(
    values: NDArray[np.uint64], *, half_bits: int, keys: list[np.uint64]
) -> NDArray[np.uint64]:
    bits, low = np.uint64(half_bits), np.uint64((1 << half_bits) - 1)
    left, right = values >> bits, values & low
    for round_key in keys:
        left, right = right, left ^ (mix(right ^ round_key) & low)
    return (left << bits) | right
