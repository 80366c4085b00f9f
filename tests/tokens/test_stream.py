"""A split read as one long sequence, and parts of it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filiberto.tokens.shards import open_shard, write_shard
from filiberto.tokens.stream import TokenStream

VOCAB = 50


def stream_of(folder: Path, sizes: list[int]) -> TokenStream:
    """Shards of so many ids."""
    draw = np.random.default_rng(0)
    shards = []
    for number, size in enumerate(sizes):
        path = folder / f"train-{number:05}.tokens"
        write_shard(path, draw.integers(VOCAB, size=size), vocab_size=VOCAB, facts={})
        shards.append(open_shard(path))
    return TokenStream(shards)


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> TokenStream:
    return stream_of(tmp_path_factory.mktemp("tokens"), [700, 1, 299])


@given(length=st.integers(1, 1_200))
def test_parts_of_all_hold_every_id_once(stream: TokenStream, length: int) -> None:
    parts = stream.parts(most=len(stream), length=length)
    assert [n for start, size in parts for n in range(start, start + size)] == [*range(1_000)]
    assert max(size for _, size in parts) <= length


@given(most=st.integers(1, 999), length=st.integers(1, 1_200))
def test_parts_of_a_long_one_lie_evenly_in_it(stream: TokenStream, most: int, length: int) -> None:
    parts = stream.parts(most=most, length=length)
    sizes = {size for _, size in parts}
    assert sizes == {min(most, length)}
    assert most - length < sum(size for _, size in parts) <= most
    starts = [start for start, _ in parts]
    assert starts[0] == 0
    assert starts[-1] + min(sizes) <= len(stream)
    gaps = np.diff(starts)
    assert len(gaps) == 0 or (gaps.max() - gaps.min() <= 1 and gaps.min() >= min(sizes))


def test_ids_are_counted_over_the_ends_of_shards(stream: TokenStream) -> None:
    told: list[int] = []
    found = stream.counts(stream.parts(most=1_000, length=300), advance=told.append)
    counts = Counter(stream.read(0, 1_000).tolist())
    assert found.tolist() == [counts[n] for n in range(VOCAB)]
    assert told == [300, 300, 300, 100]
