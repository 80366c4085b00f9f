"""The course of a training on disk: metrics.jsonl, timings.jsonl and TensorBoard.

metrics.jsonl holds what the arithmetic decides, timings.jsonl what the clock says; TensorBoard's
files are written from both, where it is installed, and can be thrown away.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"
_TENSORBOARD = "tensorboard"


class Records:
    """Appends lines to the two files and to TensorBoard.

    Args:
        run: the run folder.
        metrics_bytes: where metrics.jsonl ends for the step that training goes on from; what lies
            behind is cut off, since those steps are taken again.
        step: that step.
    """

    def __init__(self, run: Path, *, metrics_bytes: int, step: int) -> None:
        _cut(run / METRICS, metrics_bytes)
        _cut(run / TIMINGS, _end_of_step(run / TIMINGS, step))
        self._metrics = (run / METRICS).open("ab")
        self._timings = (run / TIMINGS).open("ab")
        self._board = _board(run)

    def metrics(self, step: int, **values: float) -> None:
        """Add what the arithmetic gave at a step."""
        self._append(self._metrics, step, values)

    def timings(self, step: int, **values: float) -> None:
        """Add what the clock gave at a step."""
        self._append(self._timings, step, values)

    @property
    def metrics_bytes(self) -> int:
        """Length of metrics.jsonl now."""
        return self._metrics.tell()

    def close(self) -> None:
        """Close the files."""
        self._metrics.close()
        self._timings.close()
        if self._board is not None:
            self._board.close()

    def _append(self, file: Any, step: int, values: dict[str, float]) -> None:
        file.write(json.dumps({"step": step, **values}).encode() + b"\n")
        file.flush()
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of metrics.jsonl or timings.jsonl; a torn last line is left out."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield json.loads(line)


def last_seconds(run: Path) -> float:
    """Training time of the last line of timings.jsonl, saved steps or not; 0 without one."""
    return max((line.get("seconds", 0.0) for line in read_lines(run / TIMINGS)), default=0.0)


def _board(run: Path) -> Any:
    """A fresh TensorBoard log, filled with what the two files hold; None without TensorBoard."""
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    shutil.rmtree(run / _TENSORBOARD, ignore_errors=True)
    writer = SummaryWriter(str(run / _TENSORBOARD))
    for path in (run / METRICS, run / TIMINGS):
        for line in read_lines(path):
            step = line.pop("step")
            for name, value in line.items():
                writer.add_scalar(name, value, step)
    return writer


def _cut(path: Path, length: int) -> None:
    with path.open("ab") as file:
        if file.tell() > length:
            file.truncate(length)


def _end_of_step(path: Path, step: int) -> int:
    if not path.exists():
        return 0
    end = 0
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n") or json.loads(line)["step"] > step:
            break
        end += len(line)
    return end
