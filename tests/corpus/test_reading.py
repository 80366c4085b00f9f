from pathlib import Path

from filiberto.corpus import reading
from tests.corpus.conftest import build, number, write


def test_documents_come_in_order_and_in_small_batches(run: Path, tmp_path: Path):
    lines = [f"riga numero {i}" for i in range(3000)]
    build(run, write(tmp_path / "a.txt", lines))
    batches = list(reading.documents(run / "corpus", split="train", batch_bytes=1000))
    assert all(sum(len(text) for _, text in batch) < 1020 for batch in batches)
    numbers = [number(identity) for batch in batches for identity, _ in batch]
    assert numbers == sorted(numbers)
    assert all(text == lines[number(i)] for batch in batches for i, text in batch)
