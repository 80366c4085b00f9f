"""One owner for a run folder, by flock: a killed owner leaves no stale lock."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filiberto.config import RECIPE_FILE
from filiberto.errors import OtherRunError, TryAgainError
from filiberto.runfolder import safeio
from filiberto.runfolder.manifest import MANIFEST

LOCK = "RUN.lock"


@contextmanager
def own(run: Path) -> Iterator[None]:
    """Own a run folder for as long as the block runs; make it if it is not there.

    Raises:
        OtherRunError: the folder holds something else than a run.
        TryAgainError: another process owns it.
    """
    if run.exists() and not is_run(run):
        raise OtherRunError(
            f"{run} is not empty and is no run of filiberto (it has no {RECIPE_FILE})",
            hint="name a new folder for the run",
        )
    run.mkdir(parents=True, exist_ok=True)
    with (run / LOCK).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TryAgainError(
                f"{run} is in use by {_holder(run / LOCK)}",
                hint="wait for it to end, or stop it with Ctrl-C; its work is kept",
            ) from None
        file.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        file.write(json.dumps(holder))
        file.flush()
        safeio.sweep(run)
        yield


def is_run(run: Path) -> bool:
    """Whether a folder is a run's, or may become one: nothing else is in it."""
    if not run.is_dir():
        return False
    names = {entry.name for entry in run.iterdir()}
    # A copy of finished stages is a run too: train on another machine needs no more.
    return (
        RECIPE_FILE in names
        or any((run / name / MANIFEST).is_file() for name in names)
        or all(name == LOCK or name.startswith(safeio.TEMPORARY) for name in names)
    )


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
