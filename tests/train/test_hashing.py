import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from filiberto.train.hashing import key_of, mix, permute


@given(size=st.integers(1, 3_000), key=st.integers(0, 2**64 - 1))
def test_permute_is_a_bijection(size: int, key: int) -> None:
    order = permute(np.arange(size), size=size, key=key)
    assert np.array_equal(np.sort(order), np.arange(size))


def test_permute_does_not_need_its_neighbours() -> None:
    whole = permute(np.arange(1_000), size=1_000, key=7)
    assert permute(np.array([613]), size=1_000, key=7)[0] == whole[613]


def test_another_key_gives_another_order() -> None:
    first, second = (permute(np.arange(1_000), size=1_000, key=key) for key in (1, 2))
    # Two random orders agree in one place on average.
    assert (first == second).sum() < 10


def test_values_are_the_same_on_every_machine() -> None:
    assert key_of("order", 0, 1) == 2436593385808882727
    assert mix(np.array([0], dtype=np.uint64))[0] == 16294208416658607535
    assert permute(np.arange(8), size=8, key=3).tolist() == [7, 3, 0, 1, 5, 6, 4, 2]
