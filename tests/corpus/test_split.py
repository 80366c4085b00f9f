import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filiberto.corpus import split


def choose(records: list[int], *, sources: list[int] | None = None, share: float = 0.1):
    numbers = np.array(sources or [0] * len(records), np.int64)
    names = [f"s{i}" for i in range(10)]
    return split.validation(numbers, np.array(records), names=names, share=share, seed=0)


@pytest.mark.parametrize(
    ("total", "expected_bytes"),
    [
        (320_000_000, 3_200_000),  # 1 %
        (10_000_000, 500_000),  # the minimum
        (1_000_000, 100_000),  # a tenth caps the minimum
        (10_000_000_000, 4_000_000),  # the maximum
    ],
)
def test_the_share_stays_within_its_bounds(total: int, expected_bytes: int):
    share = split.share_of(total, share=0.01, min_bytes=500_000, max_bytes=4_000_000)
    assert share * total == pytest.approx(expected_bytes)


def test_nothing_has_no_share():
    assert split.share_of(0, share=0.01, min_bytes=1, max_bytes=2) == 0.0


def test_64_neighbours_share_a_side():
    side = choose(list(range(6400)), share=0.3)
    assert all(len(set(side[i : i + 64].tolist())) == 1 for i in range(0, 6400, 64))
    assert 10 < side.sum() / 64 < 50  # 100 blocks, 30 expected


def test_a_block_keeps_its_side_when_records_are_missing():
    whole = choose(list(range(640)), share=0.5)
    odd = choose(list(range(1, 640, 2)), share=0.5)
    assert odd.tolist() == whole[1::2].tolist()


def test_the_side_depends_on_seed_and_source():
    fractions = {split.fraction(seed, name, 0) for seed in (0, 1) for name in ("a", "b")}
    assert len(fractions) == 4
    assert all(0 <= f < 1 for f in fractions)


def test_a_single_block_is_split_by_record():
    side = choose([0, 1, 2])
    assert 0 < side.sum() < 3


def test_a_single_document_is_for_training():
    assert choose([7]).tolist() == [False]
    assert choose([]).tolist() == []


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), min_size=2, unique=True),
    st.sampled_from([0.0, 0.01, 0.5, 1.0]),
)
def test_neither_side_is_ever_empty(pairs: list[tuple[int, int]], share: float):
    sources, records = zip(*sorted(pairs), strict=True)
    side = choose(list(records), sources=list(sources), share=share)
    assert 0 < side.sum() < len(side)
