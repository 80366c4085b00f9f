"""The one place that makes files and folders visible: complete, synced, then renamed.

    write into .tmp-NAME-ID  ->  fsync every file  ->  rename  ->  fsync the folder

A reader sees the old state or the new one, never a half. What a kill leaves behind begins with
`.tmp-` and is swept away by the next owner of the run folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filiberto.errors import StateError

TEMPORARY = ".tmp-"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file; it appears under its name complete or not at all."""
    temporary = _temporary_beside(path)
    try:
        temporary.write_bytes(data)
        sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path, *, hint: str) -> dict[str, Any]:
    """The JSON object in a file; `hint` says what to do where it is damaged.

    Raises:
        StateError: it holds something else.
    """
    try:
        return json.loads(path.read_bytes()) | {}
    except (ValueError, TypeError, RecursionError) as error:
        raise StateError(f"{path} is damaged: {error}", hint=hint) from None


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Fill a temporary folder; when the block ends well it takes the place of `path`.

    An older folder of that name is moved aside before and removed after, so a kill between the
    two renames leaves no folder of that name, never a mixed one.

    Args:
        path: the folder's final name. Its parent must exist.
    """
    temporary = _temporary_beside(path)
    temporary.mkdir()
    try:
        yield temporary
        commit_folder(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def commit_folder(temporary: Path, path: Path) -> None:
    """Sync a filled folder to disk and give it its final name."""
    # Libraries create with their own modes (safetensors 0600); the folder's is the umask's.
    mode = temporary.stat().st_mode & 0o666
    for entry in sorted(temporary.rglob("*")):
        if entry.is_file():
            entry.chmod(mode)
        sync(entry)
    sync(temporary)
    aside = None
    if path.exists():
        aside = _temporary_beside(path)
        path.replace(aside)
    try:
        temporary.replace(path)
    except BaseException:
        if aside is not None:
            aside.replace(path)
        raise
    sync(path.parent)
    if aside is not None:
        shutil.rmtree(aside)


def copy(source: Path, target: Path) -> None:
    """Copy a file or folder; it appears under its new name when all of it is there.

    For places that are no disk of this machine: where they know no fsync there is none.
    """
    temporary = _temporary_beside(target)
    try:
        if source.is_dir():
            shutil.copytree(source, temporary)
            with suppress(OSError):
                for entry in temporary.rglob("*"):
                    sync(entry)
        else:
            shutil.copyfile(source, temporary)
            with suppress(OSError):
                sync(temporary)
        if target.is_dir():
            aside = _temporary_beside(target)
            target.replace(aside)
            temporary.replace(target)
            shutil.rmtree(aside)
        else:
            temporary.replace(target)
    except BaseException:
        remove(temporary)
        raise


def remove(path: Path) -> None:
    """Remove a file or a whole folder: its name goes at once, so nobody sees a half of it."""
    if path.is_dir() and not path.is_symlink():
        aside = _temporary_beside(path)
        path.replace(aside)
        shutil.rmtree(aside)
    else:
        path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what killed writers left behind in a folder that the caller owns."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Ask the disk to keep a file's bytes, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary_beside(path: Path) -> Path:
    return path.with_name(f"{TEMPORARY}{path.name}-{secrets.token_hex(4)}")
