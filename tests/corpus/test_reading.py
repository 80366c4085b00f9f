from pathlib import Path

import pytest

from filiberto.corpus import reading
from filiberto.errors import (
    UnfinishedStageError,
)
from tests.corpus.conftest import build, number, write


def test_documents_come_in_order_and_in_small_batches(run: Path, tmp_path: Path):
    lines = [f"riga numero {i}" for i in range(3000)]
    build(run, write(tmp_path / "a.txt", lines))
    batches = list(reading.documents(run / "corpus", split="train", batch_bytes=1000))
    assert all(sum(len(text) for _, text in batch) < 1020 for batch in batches)
    numbers = [number(identity) for batch in batches for identity, _ in batch]
    assert numbers == sorted(numbers)
    assert all(text == lines[number(i)] for batch in batches for i, text in batch)


def test_a_sample_is_all_text_or_a_uniform_part(run: Path, tmp_path: Path):
    build(run, write(tmp_path / "a.txt", [f"riga numero {i:05d}" for i in range(4000)]))

    def sample(max_bytes: int, seed: int = 0) -> list[str]:
        drawn = reading.sample(run / "corpus", max_bytes=max_bytes, seed=seed)
        return [text for batch in drawn for text in batch]

    train = reading.documents(run / "corpus", split="train")
    assert sample(10**9) == [text for batch in train for _, text in batch]
    part = sample(20_000)
    assert 18_000 < sum(map(len, part)) < 20_017  # 1176 of 3600 texts: sd about 28 texts of 17
    assert part == sample(20_000)
    assert part != sample(20_000, seed=1)
    mean = sum(int(text[-5:]) for text in part) / len(part)
    assert 1850 < mean < 2150  # sd of the mean: 1155 / sqrt(1176) = 34


def test_a_sample_needs_a_finished_corpus(run: Path):
    with pytest.raises(UnfinishedStageError, match="corpus is unfinished"):
        list(reading.sample(run / "corpus", max_bytes=1, seed=0))
