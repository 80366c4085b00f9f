"""The course of a training on disk: metrics.jsonl and timings.jsonl.

metrics.jsonl holds what the arithmetic decides, timings.jsonl what the clock says; the boards show
both (see `boards`).
"""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from filiberto.config import Tracker
from filiberto.console import say
from filiberto.errors import StateError
from filiberto.runfolder import safeio
from filiberto.train.boards import open_boards

METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"
DIVERGED = "diverged.json"


class Records:
    """Appends lines to the two files, and shows them on the boards.

    Args:
        run: the run folder.
        metrics_bytes: where metrics.jsonl ends for the step that training goes on from; what lies
            behind is cut off, since those steps are taken again.
        step: that step.
        trackers: where it is shown beside TensorBoard.

    Raises:
        StateError: a line is damaged.

    Attributes:
        validation_loss: the last one at the start, in nats; infinity before the first.
    """

    def __init__(
        self, run: Path, *, metrics_bytes: int, step: int, trackers: Sequence[Tracker] = ()
    ) -> None:
        self._run = run
        _cut(run / METRICS, metrics_bytes)
        _cut(run / TIMINGS, _end_of_step(run / TIMINGS, step))
        self.validation_loss = math.inf
        self._unseen: defaultdict[int, dict[str, float]] = defaultdict(dict)
        for path in (run / METRICS, run / TIMINGS):
            for line in read_lines(path):
                self._unseen[line.pop("step")].update(line)
                self.validation_loss = line.get("validation_loss", self.validation_loss)
        self._metrics, self._timings = _File(run / METRICS), _File(run / TIMINGS)
        self._boards = open_boards(run, trackers)
        self.show()

    def metrics(self, step: int, **values: float) -> None:
        """Add what the arithmetic gave at a step."""
        self._append(self._metrics, step, values)

    def timings(self, step: int, **values: float) -> None:
        """Add what the clock gave at a step."""
        self._append(self._timings, step, values)

    def show(self) -> None:
        """Show on the boards what has come, each step with all its values."""
        for step in sorted(self._unseen):
            for board in self._boards:
                board.add(step, self._unseen[step])
        self._unseen.clear()

    @property
    def metrics_bytes(self) -> int:
        """Length of metrics.jsonl now."""
        return self._metrics.length

    def diverged(self, circumstances: dict[str, Any]) -> Path:
        """Write down what led to an end without a number; returns the file."""
        path = self._run / DIVERGED
        safeio.write_json(path, circumstances)
        return path

    def sync(self) -> None:
        """Ask the disk to keep what the next checkpoint counts on.

        Raises:
            StateError: the disk is full or fails.
        """
        try:
            self._metrics.sync()
            self._timings.sync()
            safeio.sync(self._run)
        except OSError as error:
            raise StateError(
                f"{self._run / METRICS} could not be written: {error.strerror}"
            ) from None

    def close(self) -> None:
        """Close files and boards."""
        self._metrics.close()
        self._timings.close()
        for board in self._boards:
            board.close()

    def _append(self, file: _File, step: int, values: dict[str, float]) -> None:
        file.append(json.dumps({"step": step, **values}).encode() + b"\n")
        self._unseen[step].update(values)


class _File:
    """A file that grows; what the disk does not take is kept until it does, or `sync` fails."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._waiting = b""

    @property
    def length(self) -> int:
        """With what waits."""
        return self._file.tell() + len(self._waiting)

    def append(self, data: bytes) -> None:
        self._waiting += data
        with suppress(OSError):
            self._write()

    def sync(self) -> None:
        self._write()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        with suppress(OSError):
            self._write()
        self._file.close()

    def _write(self) -> None:
        while self._waiting:
            self._waiting = self._waiting[self._file.write(self._waiting) :]


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of metrics.jsonl or timings.jsonl; a torn last line is left out.

    Raises:
        StateError: one is damaged.
    """
    for _, line in _lines_by_end(path):
        yield line


def last_seconds(run: Path) -> float:
    """Training time of the last line of timings.jsonl, saved steps or not; 0 without one."""
    return max((line.get("seconds", 0.0) for line in read_lines(run / TIMINGS)), default=0.0)


def _cut(path: Path, length: int) -> None:
    with path.open("ab") as file:
        if file.tell() > length:
            file.truncate(length)
        elif file.tell() < length:
            file.truncate(path.read_bytes().rfind(b"\n") + 1)
            say(f"{path} is shorter than when the checkpoint was saved: some of its lines are lost")


def _end_of_step(path: Path, step: int) -> int:
    end = 0
    for line_end, line in _lines_by_end(path):
        if line["step"] > step:
            break
        end = line_end
    return end


def _lines_by_end(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each whole line, with the place in the file where it ends."""
    if not path.exists():
        return
    end = 0
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            return
        end += len(line)
        try:
            values = json.loads(line)
            if not isinstance(values["step"], int):
                raise TypeError(f"step {values['step']!r}")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise StateError(
                f"{path}: line {number} is damaged: {error}", hint="delete that line"
            ) from None
        yield end, values
