"""A training without arithmetic: each step's weights follow from the last, each is saved.

What `train/checkpoint.py` does with torch, on the same store, so that a thousand failures take
seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from filiberto.runfolder import safeio, store

STEPS, WEIGHT_BYTES = 4, 4_096


def weights_after(step: int) -> bytes:
    """What a training has after some steps, if nothing goes wrong."""
    weights = b"\0" * WEIGHT_BYTES
    for _ in range(step):
        weights = step_of(weights)
    return weights


def step_of(weights: bytes) -> bytes:
    """The next weights."""
    return hashlib.shake_256(weights).digest(WEIGHT_BYTES)


def train(folder: Path, *, on_saved: Callable[[int], object] = lambda step: None) -> bytes:
    """Train to the last step, from the newest checkpoint on, as the owner of the folder does.

    Args:
        folder: of the checkpoints, in a folder that is there.
        on_saved: told of each step that is acknowledged as saved.
    """
    if folder.exists():
        safeio.sweep(folder)
    newest = next(store.valid(folder), None)
    step, weights = read(newest) if newest else (0, weights_after(0))
    while newest is None or step < STEPS:
        if newest is not None:
            step, weights = step + 1, step_of(weights)
        newest = save(folder, step=step, weights=weights)
        on_saved(step)
    return weights


def save(folder: Path, *, step: int, weights: bytes) -> Path:
    """A checkpoint of two files."""

    def fill(made: Path) -> None:
        (made / "model.safetensors").write_bytes(weights)
        (made / "state.json").write_text(json.dumps({"step": step}), encoding="utf-8")

    return store.save(folder, step=step, fill=fill, about={"training": "a miniature"})


def read(path: Path) -> tuple[int, bytes]:
    """Step and weights of a checkpoint."""
    state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    return state["step"], (path / "model.safetensors").read_bytes()
