"""Checkpoints in a folder: complete or invisible, verified before use, never the last one lost.

    .tmp-step-00001200-ID/  filled, hashed, MANIFEST.json, synced  ->  step-00001200/

A checkpoint is committed by one rename. There is no `latest` pointer, which would be a second
point of commitment: the newest is the one with the highest step that verifies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filiberto.console import say
from filiberto.errors import StateError
from filiberto.runfolder import safeio

KEPT = 2
MANIFEST = "MANIFEST.json"
_PREFIX, _DIGEST = "step-", "sha256"


def save(folder: Path, *, step: int, fill: Callable[[Path], object], about: dict[str, Any]) -> Path:
    """Commit a checkpoint, then remove all but it and the newest before it, `KEPT` in all.

    Those of later steps go, too: training has come past them again because they are damaged.

    Args:
        folder: of the checkpoints.
        step: by which they are ordered.
        fill: writes the files into a folder that it is given.
        about: what the manifest says beside step and files; `training` tells whose it is.

    Raises:
        OSError: the disk is full or fails; older checkpoints are untouched.
    """
    final = folder / f"{_PREFIX}{step:08d}"
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        safeio.sync(folder.parent)
    with safeio.new_folder(final) as temporary:
        fill(temporary)
        files = {path.name: _facts(path) for path in sorted(temporary.iterdir())}
        manifest = {"step": step, **about, "files": files}
        safeio.write_json(temporary / MANIFEST, {**manifest, _DIGEST: _digest(manifest)})
    prune(folder, newest=step)
    return final


def prune(folder: Path, *, newest: int) -> None:
    """Remove what is not among the newest `KEPT` up to a step."""
    found = by_step(folder)
    kept = [path for path in found if step_of(path) <= newest][:KEPT]
    for path in found:
        if path not in kept:
            safeio.remove(path)


def valid(folder: Path) -> Iterator[Path]:
    """Checkpoints that verify, newest first; damaged ones are named and passed over.

    Raises:
        StateError: there are checkpoints, but none is whole.
    """
    found, whole = by_step(folder), 0
    for path in found:
        problem = problem_of(path)
        if problem is None:
            whole += 1
            yield path
        else:
            say(f"checkpoint {path.name} is damaged ({problem}); falling back to an older one")
    if found and not whole:
        raise StateError(
            f"{folder} holds {len(found)} checkpoints and none is whole",
            hint=f"restore one from a backup, or start again: "
            f"filiberto train {folder.parent} --force",
        )


def by_step(folder: Path) -> list[Path]:
    """Committed checkpoints, newest first; by step, never by clock."""
    found = (path for path in folder.glob(f"{_PREFIX}*") if path.name[len(_PREFIX) :].isdigit())
    return sorted(found, key=step_of, reverse=True)


def problem_of(path: Path) -> str | None:
    """What is wrong with a checkpoint, in words; None where every byte is as it was written."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        if manifest.pop(_DIGEST) != _digest(manifest):
            return f"{MANIFEST} changed"
        if manifest["step"] != step_of(path):
            return f"it was saved as step {manifest['step']}"
        files = manifest["files"]
        changed = [name for name, facts in files.items() if _facts(path / name) != facts]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return str(error)
    return f"{', '.join(changed)} changed" if changed else None


def step_of(path: Path) -> int:
    """Of a checkpoint, by its name."""
    return int(path.name[len(_PREFIX) :])


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _facts(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": safeio.sha256_of(path)}
