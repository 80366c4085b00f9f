from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filiberto.corpus import dedup, lines
from filiberto.corpus.lines import Lines

DOCUMENTS = st.lists(
    st.lists(st.sampled_from(["uno", "due", "tre", "quattro"]), min_size=1, max_size=4), max_size=30
)


def most_frequent(path: Path, documents: list[list[str]], batch: int) -> list[tuple[int, int]]:
    texts = ["\n".join(document) for document in documents]
    with Lines(path) as counted:
        for start in range(0, len(texts), batch):
            part = pa.array(texts[start : start + batch], pa.large_string())
            index = np.arange(start, start + len(part))
            counted.add(index, part, dedup.keys(part)[:, 0])
        return [(line.count, line.index) for line in counted.most_frequent(3)]


@given(DOCUMENTS, st.sampled_from([1, 3, 100]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_most_frequent_lines_are_counted(
    tmp_path: Path, documents: list[list[str]], batch: int
):
    counts = Counter(line for document in documents for line in document)
    first = {
        line: min(i for i, document in enumerate(documents) if line in document) for line in counts
    }
    repeated = [(n, first[line]) for line, n in counts.items() if n > 1]
    expected = sorted(repeated, key=lambda pair: (-pair[0], pair[1]))[:3]
    assert most_frequent(tmp_path / "lines", documents, batch) == expected


def test_counting_in_parts_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    documents = [[f"riga {i % 37}", f"altra {i % 11}"] for i in range(500)]
    whole = most_frequent(tmp_path / "lines", documents, 50)
    monkeypatch.setattr(lines, "_PART_ENTRIES", 64)
    assert most_frequent(tmp_path / "lines", documents, 50) == whole
