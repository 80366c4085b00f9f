"""What a disk may hold after the power went, worked out from a record of operations.

Names come back in the order they were changed (as journals keep them), or only as far as their
folder was synced. Bytes that no fsync asked to keep may be there, be zero, be half there, or be
gone: all four are tried.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.operations import Operation

UNSYNCED: dict[str, Callable[[bytes], bytes]] = {
    "kept": lambda data: data,
    "zeroed": lambda data: bytes(len(data)),
    "halved": lambda data: data[: len(data) // 2],
    "emptied": lambda data: b"",
}


@dataclass
class File:
    """Its bytes, and those of the last fsync (none yet: the file is empty)."""

    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""


@dataclass
class Folder:
    """Its names, and those of the last fsync."""

    names: dict[str, File | Folder] = field(default_factory=dict)
    durable: dict[str, File | Folder] = field(default_factory=dict)


class Disk:
    """Replays a record below a folder that was empty when it began."""

    def __init__(self, place: Path) -> None:
        self._place, self._root = place, Folder()

    def apply(self, operation: Operation) -> None:
        """Take an operation over."""
        if not operation.path.is_relative_to(self._place):
            return
        if operation.path == self._place:
            self._root.durable = dict(self._root.names)
            return
        parent, name = self._folder(operation.path.parent), operation.path.name
        match operation.name:
            case "create":
                file = parent.names.setdefault(name, File())
                assert isinstance(file, File)
                del file.data[:]
            case "write":
                file = self._file(operation.path)
                file.data[operation.offset : operation.offset + len(operation.data)] = (
                    operation.data
                )
            case "truncate":
                del self._file(operation.path).data[operation.offset :]
            case "mkdir":
                parent.names[name] = Folder()
            case "rename":
                assert operation.target is not None
                self._folder(operation.target.parent).names[operation.target.name] = (
                    parent.names.pop(name)
                )
            case "unlink" | "rmdir":
                del parent.names[name]
            case "fsync":
                synced = parent.names[name]
                if isinstance(synced, File):
                    synced.durable = bytes(synced.data)
                else:
                    synced.durable = dict(synced.names)
            case "chmod" | "open":
                pass
            case other:
                raise AssertionError(other)

    def write_to(self, place: Path, *, unsynced: str, names: str) -> None:
        """Lay out one of the states the disk may be in.

        Args:
            place: is emptied first.
            unsynced: one of `UNSYNCED`.
            names: 'in order', or 'as synced'.
        """
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        _lay(self._root, place, change=UNSYNCED[unsynced], in_order=names == "in order")

    def _folder(self, path: Path) -> Folder:
        found: File | Folder = self._root
        for part in path.relative_to(self._place).parts:
            assert isinstance(found, Folder)
            found = found.names[part]
        assert isinstance(found, Folder)
        return found

    def _file(self, path: Path) -> File:
        found = self._folder(path.parent).names[path.name]
        assert isinstance(found, File)
        return found


def states(place: Path, record: Sequence[Operation]) -> Iterator[tuple[int, Disk, str, str]]:
    """After each operation of a record each way in which the disk may be found."""
    disk = Disk(place)
    for number, operation in enumerate(record, start=1):
        disk.apply(operation)
        for unsynced in UNSYNCED:
            for names in ("in order", "as synced"):
                yield number, disk, unsynced, names


def _lay(folder: Folder, place: Path, *, change: Callable[[bytes], bytes], in_order: bool) -> None:
    for name, child in (folder.names if in_order else folder.durable).items():
        if isinstance(child, Folder):
            (place / name).mkdir()
            _lay(child, place / name, change=change, in_order=in_order)
        else:
            data = bytes(child.data)
            (place / name).write_bytes(data if data == child.durable else change(data))
