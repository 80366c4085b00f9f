"""metrics.jsonl and timings.jsonl on a disk that fails now and then."""

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from filiberto.errors import StateError
from filiberto.train.records import METRICS, Records, read_lines


class Filling(io.FileIO):
    """A file on a disk that may be full; then it takes a part of what it is given, or nothing."""

    room = 10**9

    def write(self, data: Any) -> int:
        if not data or Filling.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = super().write(bytes(data)[: Filling.room])
        Filling.room -= taken
        return taken


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    made = Records(tmp_path, metrics_bytes=0, step=0)
    made._metrics._file.close()
    made._metrics._file = Filling(str(tmp_path / METRICS), "ab")
    monkeypatch.setattr(Filling, "room", 10**9)
    return made


def test_lines_wait_for_a_disk_that_is_full_for_a_while(kept: Records, tmp_path: Path) -> None:
    kept.metrics(1, loss=3.0)
    Filling.room = 7  # in the middle of a line
    for step in (2, 3):
        kept.metrics(step, loss=3.0)
    with pytest.raises(StateError, match=r"metrics.jsonl could not be written: No space left"):
        kept.sync()
    assert [line["step"] for line in read_lines(tmp_path / METRICS)] == [1]
    Filling.room = 10**9
    kept.metrics(4, loss=3.0)
    kept.sync()
    assert [line["step"] for line in read_lines(tmp_path / METRICS)] == [1, 2, 3, 4]
    assert kept.metrics_bytes == (tmp_path / METRICS).stat().st_size
    kept.close()


def test_the_last_validation_is_known_after_a_stop(tmp_path: Path) -> None:
    first = Records(tmp_path, metrics_bytes=0, step=0)
    assert first.validation_loss == float("inf")
    first.metrics(5, validation_loss=4.5, validation_accuracy=0.1)
    first.metrics(6, loss=4.4)
    length = first.metrics_bytes
    first.close()
    again = Records(tmp_path, metrics_bytes=length, step=6)
    assert again.validation_loss == 4.5
    again.close()


@pytest.mark.parametrize("damaged", [b'{"step": 2, "lo\xff": 3.0}\n', b'{"loss": 3.0}\n', b"[]\n"])
def test_a_damaged_line_is_refused_by_its_number(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / METRICS
    path.write_bytes(b'{"step": 1, "loss": 3.0}\n' + damaged + b'{"step": 3, "loss": 3.0}\n')
    with pytest.raises(StateError, match=r"metrics\.jsonl: line 2 is damaged"):
        Records(tmp_path, metrics_bytes=path.stat().st_size, step=3)
    path.write_bytes(b'{"step": 1, "loss": 3.0}\n{"step": 2, "lo')
    assert [line["step"] for line in read_lines(path)] == [1]
