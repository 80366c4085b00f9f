"""Choose the tokens to guess and hide them, by hash of (seed, epoch, row, position).

A row has a fixed number of slots, so every shape is known beforehand and the language-model head
runs on the slots alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filiberto.train.hashing import mix

IGNORE_INDEX = -100

_UNREACHABLE = np.uint64(2**64 - 1)
_ACTION_STREAM = np.uint64(0xA5A5A5A5A5A5A5A5)
_REPLACEMENT_STREAM = np.uint64(0x5A5A5A5A5A5A5A5A)
# Thresholds on a 64-bit hash: below the first hide (80 %), below the second replace (10 %).
_HIDE = np.uint64(int(0.8 * 2**64))
_REPLACE = np.uint64(int(0.9 * 2**64))


@dataclass(frozen=True)
class MaskedRows:
    """Rows with holes.

    Attributes:
        input_ids: `[rows, length]`, the corrupted ids.
        slots: `[rows, num_slots]`, positions in the row, ascending.
        labels: `[rows, num_slots]`, the original id at each slot, `IGNORE_INDEX` at spare slots.
    """

    input_ids: NDArray[np.int64]
    slots: NDArray[np.int64]
    labels: NDArray[np.int64]


def num_slots_for(rate: float, row_length: int) -> int:
    """Slots a row has at a mask rate: `round(rate x row_length)`, at least one."""
    return max(1, round(rate * row_length))


def mask_rows(
    input_ids: NDArray[np.int64],
    *,
    keys: NDArray[np.uint64],
    num_slots: int,
    mask_id: int,
    special_ids: NDArray[np.int64],
    vocab_size: int,
) -> MaskedRows:
    """Corrupt rows for masked language modelling.

    Of the chosen tokens 80 % become `mask_id`, 10 % a uniformly random ordinary id, 10 % stay, so
    the model cannot tell a kept token from a chosen one. Special tokens are never chosen.

    Args:
        input_ids: `[rows, length]`. Not modified.
        keys: `[rows]`, the only source of randomness.
        num_slots: how many positions of a row are chosen (fewer where fewer are ordinary).
        mask_id: id of `<mask>`.
        special_ids: ids of all special tokens.
        vocab_size: ids run from 0 to before this.

    Raises:
        ValueError: `num_slots` is less than 1 or more than a row.

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 3.1; Liu et al. 2019, arXiv:1907.11692,
        section 4.1 (dynamic masking).
    """
    if not 1 <= num_slots <= input_ids.shape[1]:
        raise ValueError(f"num_slots is {num_slots}; a row has {input_ids.shape[1]} positions")
    hashes = mix(keys[:, None] + _units(input_ids) * np.uint64(0xD1342543DE82EF95))
    ordinary = ordinary_table(special_ids, vocab_size=vocab_size)
    scores = np.where(ordinary[input_ids], hashes, _UNREACHABLE)
    slots = np.sort(np.argpartition(scores, num_slots - 1, axis=1)[:, :num_slots], axis=1)
    originals = np.take_along_axis(input_ids, slots, axis=1)
    chosen = np.take_along_axis(scores, slots, axis=1)
    used = chosen != _UNREACHABLE
    action = mix(chosen ^ _ACTION_STREAM)
    choices = np.flatnonzero(ordinary)
    random_ids = choices[(mix(chosen ^ _REPLACEMENT_STREAM) % np.uint64(len(choices))).astype(int)]
    shown = np.where(action < _HIDE, mask_id, np.where(action < _REPLACE, random_ids, originals))
    corrupted = input_ids.copy()
    np.put_along_axis(corrupted, slots, np.where(used, shown, originals), axis=1)
    return MaskedRows(corrupted, slots, np.where(used, originals, IGNORE_INDEX))


def _units(input_ids: NDArray[np.int64]) -> NDArray[np.uint64]:
    """What is chosen together, by number: every token by itself."""
    return np.arange(input_ids.shape[1], dtype=np.uint64)[None]


def ordinary_table(special_ids: NDArray[np.int64], *, vocab_size: int) -> NDArray[np.bool_]:
    """`[vocab_size]`, True for the ids that are no special token."""
    table = np.ones(vocab_size, dtype=np.bool_)
    table[special_ids] = False
    return table
