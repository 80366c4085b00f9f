"""A finished stage: its manifest, and whether it still fits the inputs and settings.

    fingerprint = sha256(stage, format, settings, inputs)

A stage folder is finished when, and only when, it holds `manifest.json`. Inputs are named by the
hashes of their contents, so a moved or touched file is the same input and a changed one is not.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filiberto import __version__
from filiberto.console import say
from filiberto.errors import OtherRunError, StateError, UnfinishedStageError
from filiberto.runfolder import safeio

MANIFEST = "manifest.json"

# Raised when a stage comes to make other files from the same settings and inputs.
_FORMATS = {"corpus": 2, "tokenizer": 2, "tokens": 2, "train": 1, "evaluate": 4}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a finished stage says of itself."""

    stage: str
    settings: dict[str, Any]
    inputs: dict[str, str]
    facts: dict[str, Any]
    seconds: float
    files: dict[str, str]
    format: int
    version: str = __version__

    @property
    def fingerprint(self) -> str:
        """What the stage was made from and how."""
        return _fingerprint(self.stage, self.format, self.settings, self.inputs)

    @property
    def content(self) -> str:
        """A hash of all the stage's files, by which the next stage knows its input."""
        return _digest(self.files)


def fingerprint(stage: str, *, settings: dict[str, Any], inputs: dict[str, str]) -> str:
    """A hash of what a stage is made from and how, if it is made now."""
    return _fingerprint(stage, _FORMATS[stage], settings, inputs)


def finish(
    folder: Path,
    *,
    stage: str,
    settings: dict[str, Any],
    inputs: dict[str, str],
    facts: dict[str, Any],
    seconds: float,
) -> Manifest:
    """Hash what lies in a stage's folder and write its manifest, the last file of all."""
    files = {
        file.relative_to(folder).as_posix(): safeio.sha256_of(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    manifest = Manifest(
        stage=stage,
        settings=plain(settings),
        inputs=inputs,
        facts=plain(facts),
        seconds=round(seconds, 3),
        files=files,
        format=_FORMATS[stage],
    )
    safeio.write_json(folder / MANIFEST, {**asdict(manifest), "fingerprint": manifest.fingerprint})
    return manifest


def read(folder: Path) -> Manifest | None:
    """The manifest of a stage folder, or None where the stage is not finished.

    Raises:
        StateError: there is a manifest, but not one that we wrote, or a file it names is gone.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        promised = data.pop("fingerprint")
        manifest = Manifest(**data)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StateError(f"{path} is damaged: {error}", hint=_rebuild(folder)) from None
    if manifest.fingerprint != promised:
        raise StateError(f"{path} does not match its own fingerprint", hint=_rebuild(folder))
    missing = [name for name in manifest.files if not (folder / name).is_file()]
    if missing:
        raise StateError(f"{folder} lacks {', '.join(missing[:5])}", hint=_rebuild(folder))
    return manifest


# The stage that fills a folder bears its name, but for these.
_STAGES = {"initial": "tokenizer", "model": "train", "report": "evaluate"}


def require(run: Path, folder: str) -> Manifest:
    """The manifest of a stage that must be finished by now.

    Args:
        run: the run folder.
        folder: the stage's folder in it.

    Raises:
        UnfinishedStageError: it is not.
    """
    manifest = read(run / folder)
    if manifest is None:
        stage = _STAGES.get(folder, folder)
        raise UnfinishedStageError(
            f"{run / folder} is unfinished", hint=f"run it first: filiberto {stage} {run}"
        )
    return manifest


def finished_as_asked(
    run: Path, folder: str, *, settings: dict[str, Any], inputs: dict[str, str], force: bool
) -> Manifest | None:
    """The manifest if the stage is finished with just these settings and inputs, else None.

    Args:
        force: the stage is to be built again whatever is there.

    Raises:
        OtherRunError: it is finished with others; a finished stage is never replaced unasked.
    """
    if force or (manifest := read(run / folder)) is None:
        return None
    stage = _STAGES.get(folder, folder)
    if manifest.fingerprint == fingerprint(stage, settings=plain(settings), inputs=inputs):
        say(f"{run / folder} is finished and nothing it was made from has changed")
        return manifest
    raise OtherRunError(
        f"{run / folder} was made from other {_difference(manifest, plain(settings), inputs)}",
        hint="take another folder, or replace this stage: "
        f"filiberto {stage} {run} --force, with the settings you want",
    )


def _difference(manifest: Manifest, settings: dict[str, Any], inputs: dict[str, str]) -> str:
    if manifest.format != _FORMATS[manifest.stage]:
        return f"rules: those of filiberto {manifest.version}"
    changed = [
        f"`{key}` {manifest.settings.get(key)!r} there, {settings.get(key)!r} now"
        for key in sorted(manifest.settings.keys() | settings.keys())
        if manifest.settings.get(key, ...) != settings.get(key, ...)
    ]
    if changed:
        return "settings: " + "; ".join(changed)
    names = sorted(
        key
        for key in manifest.inputs.keys() | inputs.keys()
        if manifest.inputs.get(key) != inputs.get(key)
    )
    return "inputs: " + ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _rebuild(folder: Path) -> str:
    stage = _STAGES.get(folder.name, folder.name)
    return f"build it again: filiberto {stage} {folder.parent} --force"


def plain(value: dict[str, Any]) -> dict[str, Any]:
    """The value as JSON gives it back (tuples become lists)."""
    return json.loads(json.dumps(value, allow_nan=False))


def _fingerprint(stage: str, version: int, settings: dict[str, Any], inputs: dict[str, str]) -> str:
    return _digest({"stage": stage, "format": version, "settings": settings, "inputs": inputs})


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
