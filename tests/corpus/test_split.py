import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filiberto.corpus import split

NAMES = [f"s{i}" for i in range(10)]


def choose(
    records: list[int],
    *,
    sources: list[int] | None = None,
    num_bytes: list[int] | None = None,
    max_bytes: int,
) -> np.ndarray:
    return split.validation(
        np.array(sources or [0] * len(records), np.int64),
        np.array(records, np.int64),
        np.array(num_bytes or [100] * len(records), np.int64),
        names=NAMES,
        max_bytes=max_bytes,
        seed=0,
    )


@pytest.mark.parametrize(
    ("total", "expected_bytes"),
    [
        (320_000_000, 3_200_000),  # 1 %
        (10_000_000, 500_000),  # the minimum
        (1_000_000, 100_000),  # a tenth caps the minimum
        (10_000_000_000, 4_000_000),  # the maximum
        (0, 0),
    ],
)
def test_the_share_stays_within_its_bounds(total: int, expected_bytes: int):
    wanted = split.wanted_bytes(total, share=0.01, min_bytes=500_000, max_bytes=4_000_000)
    assert wanted == expected_bytes


def test_64_neighbours_share_a_side():
    side = choose(list(range(6400)), max_bytes=192_000)
    assert all(len(set(side[i : i + 64].tolist())) == 1 for i in range(0, 6400, 64))
    assert side.sum() == 29 * 64  # 97 % of the bytes asked for, which is enough


def test_a_block_keeps_its_side_when_records_are_missing():
    whole = choose(list(range(640)), max_bytes=32_000)
    odd = choose(list(range(1, 640, 2)), max_bytes=16_000)
    assert odd.tolist() == whole[1::2].tolist()


def test_huge_documents_are_blocks_of_their_own_and_never_exceed_the_bytes():
    sizes = [10_000_000, 3_000_000, 900_000, 1_200_000, 700_000, 5_000_000] * 20
    side = choose(list(range(120)), num_bytes=sizes, max_bytes=4_000_000)
    assert 3_000_000 < np.array(sizes)[side].sum() <= 4_000_000


def test_where_nothing_fits_the_smallest_document_is_for_validation():
    side = choose([0, 1, 2], num_bytes=[9_000_000, 5_000_000, 7_000_000], max_bytes=1_000_000)
    assert side.tolist() == [False, True, False]


def test_the_side_depends_on_seed_and_source():
    fractions = {split.fraction(seed, name, 0) for seed in (0, 1) for name in ("a", "b")}
    assert len(fractions) == 4
    assert all(0 <= f < 1 for f in fractions)


def test_a_single_document_is_for_training():
    assert choose([7], max_bytes=100).tolist() == [False]
    assert choose([], max_bytes=100).tolist() == []


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), min_size=2, unique=True),
    st.sampled_from([0, 100, 5_000, 10**9]),
)
def test_neither_side_is_ever_empty(pairs: list[tuple[int, int]], max_bytes: int):
    sources, records = zip(*sorted(pairs), strict=True)
    side = choose(list(records), sources=list(sources), max_bytes=max_bytes)
    assert 0 < side.sum() < len(side)


def test_a_validation_document_beside_training_is_found():
    sources = np.array([0, 0, 0, 0, 0, 1, 1])
    chosen = np.array([True, True, True, False, True, True, False])
    # The third and the fifth stand beside the fourth; the next source's first beside its second.
    expected = [False, False, True, False, True, True, False]
    assert split.beside_the_other_side(sources, chosen).tolist() == expected
