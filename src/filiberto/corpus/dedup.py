"""Stage 1, corpus: exact duplicates, by a 128-bit hash of the clean text.

Two texts are the same if their keys are: among a billion documents the chance that any two differ
and share a key is below 1e-20. The survivor is the first in the order of sources and records.
"""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pyarrow as pa

KEY_BYTES = 16


def keys(texts: pa.Array) -> np.ndarray:
    """Each text's 128-bit key, as two unsigned integers: shape (texts, 2).

    Args:
        texts: large strings, none of them null.
    """
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset :][: len(texts) + 1]
    data = memoryview(texts.buffers()[2] or b"")
    bounds = offsets.tolist()
    digests = (
        hashlib.blake2b(data[start:stop], digest_size=KEY_BYTES).digest()
        for start, stop in itertools.pairwise(bounds)
    )
    return np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)


def survivors(texts_keys: np.ndarray) -> np.ndarray:
    """For each row the one that stays in its place: the first with its key.

    Args:
        texts_keys: shape (rows, 2), in the order of preference.

    Returns:
        Row numbers, shape (rows,).
    """
    order = np.lexsort((texts_keys[:, 1], texts_keys[:, 0]))  # stable: equal keys stay in order
    ordered = texts_keys[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = np.empty(len(order), np.int64)
    first[order] = order[np.flatnonzero(begins)[np.cumsum(begins) - 1]] if len(order) else order
    return first
