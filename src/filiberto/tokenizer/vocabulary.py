"""How many entries a vocabulary gets."""

from __future__ import annotations

import math

MULTIPLE = 64
SMALLEST, LARGEST = 2_048, 32_768


def vocab_size_for(num_bytes: int) -> int:
    """The size of a vocabulary, by the text there is to train the model on.

    Five entries for the square root of the bytes, as a multiple of 64 within bounds: 1 MB gives
    4,992, 9 MB give 14,976, from 43 MB on it is 32,768. At four times the text each entry is seen
    about twice as often.

    Beyond the upper bound a small model would spend nearly all its arithmetic on the scores of the
    vocabulary: with 2 layers of 128 it is 62 % at 16,384 entries, 76 % at 32,768.

    Source:
        docs/log.md, "Size of the vocabulary".
    """
    entries = MULTIPLE * round(5 * math.sqrt(num_bytes) / MULTIPLE)
    return min(max(SMALLEST, entries), LARGEST)
