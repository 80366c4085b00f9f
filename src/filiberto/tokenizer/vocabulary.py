"""How many entries a vocabulary gets."""

from __future__ import annotations

import math

MULTIPLE = 64
SMALLEST, LARGEST = 2_048, 50_304


def vocab_size_for(num_bytes: int) -> int:
    """The size of a vocabulary, by the text there is to train the model on.

    Two entries for the square root of the bytes, as a multiple of 64 within bounds: 4 MB give
    4,032, 100 MB give 20,032, from 630 MB on it is 50,304.

    Source:
        docs/log.md, "Size of the vocabulary".
    """
    entries = MULTIPLE * round(2 * math.sqrt(num_bytes) / MULTIPLE)
    return min(max(SMALLEST, entries), LARGEST)
