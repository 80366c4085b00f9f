"""Every file operation of a block, seen before and after it happens.

What opens or changes a file goes through `os` and `open` in Python; both are replaced for as long
as the block runs. A hook may note an operation down, raise in its place, or end the process.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Operation:
    """One step of work with files, about to happen or done.

    Attributes:
        name: 'open' (for reading), 'create', 'write', 'truncate', 'fsync', 'mkdir', 'rename',
            'unlink', 'rmdir', 'chmod'.
        path: what it is done to.
        target: where a rename goes.
        data: what is written.
        offset: where, or the new length.
    """

    name: str
    path: Path
    target: Path | None = None
    data: bytes = b""
    offset: int = 0


Hook = Callable[[Operation], object]


def nothing(_: Operation) -> None:
    """For the side that is not looked at."""


@contextmanager
def operations(before: Hook = nothing, after: Hook = nothing) -> Iterator[None]:
    """Call hooks around every file operation of the block."""

    def around(operation: Operation, act: Callable[[], Any]) -> Any:
        before(operation)
        result = act()
        after(operation)
        return result

    class Raw(io.FileIO):
        def __init__(self, file: Any, mode: str, **more: Any) -> None:
            self._path = path_of(file)
            there = self._path.exists()

            def act() -> None:
                super(Raw, self).__init__(file, mode, **more)

            if there and "a" in mode:
                act()
            else:
                around(Operation("create", self._path), act)

        def write(self, data: Any) -> int:
            at = os.fstat(self.fileno()).st_size if self.mode.startswith("a") else self.tell()
            operation = Operation("write", self._path, data=bytes(data), offset=at)
            return around(operation, lambda: super(Raw, self).write(data))

        def truncate(self, size: int | None = None) -> int:
            length = self.tell() if size is None else size
            operation = Operation("truncate", self._path, offset=length)
            return around(operation, lambda: super(Raw, self).truncate(length))

    def opened(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **more: Any) -> Any:
        if not set(mode) & set("wax+"):
            return around(
                Operation("open", path_of(file)),
                lambda: real_open(file, mode, buffering, *args, **more),
            )
        raw = Raw(file, mode.replace("b", "").replace("t", ""))
        if "b" in mode and buffering == 0:
            return raw
        binary = io.BufferedWriter(raw)
        return binary if "b" in mode else io.TextIOWrapper(binary, *args, **more)

    def one(name: str, label: str) -> Callable[..., Any]:
        def act(path: Any, *args: Any, dir_fd: int | None = None, **more: Any) -> Any:
            if dir_fd is not None:
                more["dir_fd"] = dir_fd
            operation = Operation(label, path_of(path, dir_fd))
            return around(operation, lambda: real[name](path, *args, **more))

        return act

    def moved(name: str) -> Callable[..., Any]:
        def act(source: Any, target: Any) -> Any:
            operation = Operation("rename", path_of(source), target=path_of(target))
            return around(operation, lambda: real[name](source, target))

        return act

    def synced(file: Any) -> Any:
        return around(Operation("fsync", path_of(file)), lambda: real["fsync"](file))

    single = {
        "open": "open",
        "mkdir": "mkdir",
        "rmdir": "rmdir",
        "unlink": "unlink",
        "remove": "unlink",
    }
    single |= {"chmod": "chmod"}
    changed = {name: one(name, label) for name, label in single.items()}
    changed |= {name: moved(name) for name in ("rename", "replace")} | {"fsync": synced}
    real: dict[str, Any] = {name: getattr(os, name) for name in changed}
    real_open = io.open
    for name, act in changed.items():
        setattr(os, name, act)
    io.open = builtins.open = opened  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in changed:
            setattr(os, name, real[name])
        io.open = builtins.open = real_open


def path_of(file: Any, dir_fd: int | None = None) -> Path:
    """The absolute path of a name or a descriptor."""
    if isinstance(file, int):
        return Path(f"/proc/self/fd/{file}").readlink()
    if dir_fd is not None:
        return Path(f"/proc/self/fd/{dir_fd}").readlink() / os.fspath(file)
    return Path(file).absolute()
