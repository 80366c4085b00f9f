import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filiberto.train.hashing import mix
from filiberto.train.masking import IGNORE_INDEX, MaskedRows, mask_rows, num_slots_for

SPECIAL = np.array([0, 1, 2, 3, 4])
MASK, VOCAB = 4, 500


def mask(ids: np.ndarray, *, slots: int, seed: int = 0) -> MaskedRows:
    keys = mix(np.arange(len(ids), dtype=np.uint64) + np.uint64(seed << 32))
    return mask_rows(
        ids, keys=keys, num_slots=slots, mask_id=MASK, special_ids=SPECIAL, vocab_size=VOCAB
    )


def random_rows(rows: int, length: int) -> np.ndarray:
    return np.random.default_rng(0).integers(5, VOCAB, size=(rows, length))


@settings(max_examples=50, deadline=None)
@given(
    ids=st.lists(st.lists(st.integers(0, 20), min_size=10, max_size=10), min_size=1, max_size=8),
    slots=st.integers(1, 10),
)
def test_specials_are_never_chosen_and_nothing_else_is_touched(ids, slots) -> None:
    rows = np.array(ids)
    masked = mask(rows, slots=slots)
    used = masked.labels != IGNORE_INDEX
    originals = np.take_along_axis(rows, masked.slots, axis=1)
    assert not np.isin(masked.labels[used], SPECIAL).any()
    assert np.array_equal(masked.labels[used], originals[used])
    outside = np.ones_like(rows, dtype=bool)
    np.put_along_axis(outside, masked.slots, ~used, axis=1)
    assert np.array_equal(masked.input_ids[outside], rows[outside])
    ordinary = (~np.isin(rows, SPECIAL)).sum(axis=1)
    assert np.array_equal(used.sum(axis=1), np.minimum(ordinary, slots))


def test_of_the_chosen_80_percent_are_hidden_10_replaced_10_kept() -> None:
    rows = random_rows(400, 100)
    masked = mask(rows, slots=50)
    shown = np.take_along_axis(masked.input_ids, masked.slots, axis=1)
    hidden = (shown == MASK).mean()
    kept = (shown == masked.labels).mean()
    # 20,000 draws: three standard deviations of a share of 0.8 are 0.0085, of 0.1 0.0064; a
    # replacement equals the original once in 495 times.
    assert hidden == pytest.approx(0.8, abs=0.0085)
    assert kept == pytest.approx(0.1 + 0.1 / 495, abs=0.0065)
    replaced = shown[(shown != MASK) & (shown != masked.labels)]
    assert not np.isin(replaced, SPECIAL).any()
    assert len(np.unique(replaced)) > 400


def test_masks_follow_the_key_alone() -> None:
    rows = random_rows(3, 40)
    first, again, other = mask(rows, slots=6), mask(rows, slots=6), mask(rows, slots=6, seed=1)
    assert np.array_equal(first.slots, again.slots)
    assert not np.array_equal(first.slots, other.slots)
    # Row 2 alone, with its key, is hidden just as in the batch.
    keys = mix(np.array([2], dtype=np.uint64))
    alone = mask_rows(
        rows[2:], keys=keys, num_slots=6, mask_id=MASK, special_ids=SPECIAL, vocab_size=VOCAB
    )
    assert np.array_equal(alone.input_ids[0], first.input_ids[2])


def test_the_input_is_not_changed() -> None:
    rows = random_rows(2, 20)
    before = rows.copy()
    mask(rows, slots=5)
    assert np.array_equal(rows, before)


def test_slots_round_the_rate() -> None:
    assert num_slots_for(0.15, 128) == 19
    assert num_slots_for(0.001, 128) == 1


@pytest.mark.parametrize("slots", [0, 21])
def test_more_slots_than_positions_are_refused(slots: int) -> None:
    with pytest.raises(ValueError, match=f"num_slots is {slots}"):
        mask(random_rows(1, 20), slots=slots)
