"""Where a training can be watched: TensorBoard, and on request Weights & Biases and Trackio.

steps and their values  ->  a board  ->  files in the run folder, or a tracker's own place

A tracker works in a thread of its own: server down, no login, whatever it does, training neither
stops nor waits for it. It is told each step once, also when that step is taken again after a stop.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from filiberto.config import Tracker
from filiberto.console import printable, say
from filiberto.errors import UsageError
from filiberto.runfolder import safeio

PROJECT = "filiberto"

# In a part of a run that wandb has written to its end.
_WHOLE = "whole"

# How long a server may take to answer, and a tracker in all when the training is over.
_ANSWER_SECONDS, _END_SECONDS = 20.0, 30.0


class Board(Protocol):
    """Shows values over steps."""

    def add(self, step: int, values: dict[str, float]) -> None:
        """Show all values of a step, which is later than those before."""
        ...

    def close(self) -> None:
        """Nothing comes any more."""
        ...


def require(trackers: Sequence[Tracker]) -> None:
    """Refuse trackers that are not installed.

    Raises:
        UsageError: one is not.
    """
    for name in trackers:
        found = find_spec(name)
        # wandb leaves folders of its name about, which can be imported and are no package.
        if found is None or found.origin is None:
            raise UsageError(
                f"--{name} needs the package {name}, which is not installed",
                hint=f'pip install "filiberto[{name}]", or go on without it: '
                f"filiberto train RUN --no-{name}",
            )


def open_boards(run: Path, trackers: Sequence[Tracker]) -> list[Board]:
    """TensorBoard where it is installed, and the trackers that are asked for."""
    boards: list[Board] = []
    if find_spec("tensorboard") is not None:
        boards.append(_TensorBoard(run / "tensorboard"))
    return boards + [_Aside(name, run, _TRACKERS[name]) for name in trackers]


class _TensorBoard:
    """Event files in a folder, begun anew each time."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        shutil.rmtree(folder, ignore_errors=True)
        self._writer = SummaryWriter(str(folder))

    def add(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _Memory:
    """How a tracker knows a training, and the last step that it has.

    It lies with the checkpoints: it goes where they go, and is thrown away with them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self.run_id: str = known.get("id") or secrets.token_hex(4)
        self.step: int | None = known.get("step")

    def keep(self) -> None:
        """Write it down."""
        self._path.parent.mkdir(exist_ok=True)
        safeio.write_json(self._path, {"id": self.run_id, "step": self.step})


class _Aside:
    """A tracker in a thread of its own.

    Args:
        name: of the tracker.
        run: the run folder, with its plan.
        begin: makes the board.
    """

    def __init__(
        self, name: Tracker, run: Path, begin: Callable[[Path, _Memory, dict[str, Any]], Board]
    ) -> None:
        self._name = name
        self._steps: queue.SimpleQueue[tuple[int, dict[str, float]] | None] = queue.SimpleQueue()
        arguments = (run, begin)
        self._thread = threading.Thread(target=self._serve, args=arguments, name=name, daemon=True)
        self._thread.start()

    def add(self, step: int, values: dict[str, float]) -> None:
        self._steps.put((step, values))

    def close(self) -> None:
        self._steps.put(None)
        self._thread.join(_END_SECONDS)
        if self._thread.is_alive():
            self._tell("it does not come to an end")

    def _serve(self, run: Path, begin: Callable[[Path, _Memory, dict[str, Any]], Board]) -> None:
        try:
            memory = _Memory(run / "checkpoints" / f"{self._name}.json")
            memory.keep()
            plan = json.loads((run / "plan.json").read_text(encoding="utf-8"))
            with closing(begin(run.resolve(), memory, plan)) as board:
                for step, values in iter(self._steps.get, None):
                    if memory.step is None or step > memory.step:
                        board.add(step, values)
        except Exception as error:  # of whatever kind: it is not the training's
            self._tell(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")

    def _tell(self, problem: str) -> None:
        say(printable(f"{self._name}: {problem}; the training goes on without it"))


class _WandB:
    """A run of Weights & Biases (wandb 0.31).

    Online its server says which steps it has. Offline wandb writes 32 KB at a time: a part of the
    run without its end, which a kill leaves, is thrown away and written again.
    """

    def __init__(self, run: Path, memory: _Memory, plan: dict[str, Any]) -> None:
        for part in (run / "wandb").glob(f"offline-run-*-{memory.run_id}"):
            if not (part / _WHOLE).exists():
                shutil.rmtree(part)
        import wandb  # pyright: ignore[reportMissingImports]

        # Only what we log is sent: no console, no code, nothing of the machine.
        settings = wandb.Settings(
            silent=True,
            console="off",
            disable_code=True,
            disable_git=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_disable_stats=True,
            x_save_requirements=False,
            init_timeout=_ANSWER_SECONDS,
            finish_timeout=_ANSWER_SECONDS,
            finish_timeout_raises=True,
        )
        wandb.setup(settings)
        known = "WANDB_MODE" in os.environ or wandb.login(prompt=False, verify=False)
        self._run = wandb.init(
            project=PROJECT,
            name=run.name,
            id=memory.run_id,
            resume="allow",
            config=plan,
            allow_val_change=True,
            dir=str(run),
            mode=None if known else "offline",
            settings=settings,
        )
        self._memory, self._part = memory, Path(self._run.dir).parent
        if self._run.offline:
            say(f"wandb: offline; upload it later: wandb sync {run / 'wandb'}/offline-run-*")
        elif self._run.url:
            memory.step = self._run.step - 1
            say(f"wandb: {self._run.url}")

    def add(self, step: int, values: dict[str, float]) -> None:
        self._run.log(values, step=step, commit=True)
        self._memory.step = step

    def close(self) -> None:
        self._run.finish()
        if self._run.offline:
            (self._part / _WHOLE).touch()
        self._memory.keep()


class _Trackio:
    """A run of Trackio (0.43), on this machine or wherever TRACKIO_SPACE_ID says."""

    def __init__(self, run: Path, memory: _Memory, plan: dict[str, Any]) -> None:
        import trackio  # pyright: ignore[reportMissingImports]

        self._run = trackio.init(
            project=PROJECT,
            name=run.name,
            resume="never" if memory.step is None else "allow",
            config=plan,
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
        # It resumes by name, and another folder may have the same.
        self._run.id = memory.run_id
        self._memory = memory

    def add(self, step: int, values: dict[str, float]) -> None:
        self._run.log(values, step=step)
        self._memory.step = step
        self._memory.keep()

    def close(self) -> None:
        self._run.finish()


_TRACKERS: Mapping[Tracker, Callable[[Path, _Memory, dict[str, Any]], Board]] = {
    "wandb": _WandB,
    "trackio": _Trackio,
}
