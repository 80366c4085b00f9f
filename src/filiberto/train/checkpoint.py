"""Checkpoints: complete or invisible, verified before use, never the last one lost.

    step-00001200/{model.safetensors optimizer.safetensors state.json MANIFEST.json}

A checkpoint is committed by one rename. There is no `latest` pointer, which would be a second
point of commitment: the newest is the one with the highest step that verifies.
"""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from filiberto.console import say
from filiberto.errors import StateError
from filiberto.runfolder import safeio
from filiberto.train.course import Course

KEPT = 2

Optimizers = tuple[torch.optim.Optimizer, ...]
_MANIFEST = "MANIFEST.json"


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything that is neither weights nor optimizer, and that decisions depend on.

    Attributes:
        step: optimizer steps taken.
        fingerprint: of the training this belongs to.
        metrics_bytes: length of metrics.jsonl when this was saved.
        bad_steps: steps in a row whose gradient was not finite.
        loss_sum: training loss since the last line in metrics.jsonl, summed over masked tokens.
        loss_count: masked tokens since then.
        seconds: training time so far.
        course: of the learning rates; None at the very beginning.
    """

    step: int
    fingerprint: str
    metrics_bytes: int = 0
    bad_steps: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    seconds: float = 0.0
    course: Course | None = None


def save(folder: Path, *, model: nn.Module, optimizers: Optimizers, state: State) -> Path:
    """Commit a checkpoint, then remove all but the newest `KEPT`.

    Raises:
        StateError: the disk is full or fails; older checkpoints are untouched.
    """
    final = folder / f"step-{state.step:08d}"
    temporary = folder / f"{safeio.TEMPORARY}{final.name}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(exist_ok=True)
        temporary.mkdir()
        save_file(model_tensors(model), temporary / "model.safetensors")
        save_file(_optimizer_tensors(model, optimizers), temporary / "optimizer.safetensors")
        safeio.write_json(temporary / "state.json", asdict(state))
        files = {path.name: safeio.sha256_of(path) for path in sorted(temporary.iterdir())}
        safeio.write_json(temporary / _MANIFEST, {"step": state.step, "files": files})
        safeio.commit_folder(temporary, final)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        reason = getattr(error, "strerror", None) or error
        raise StateError(
            f"checkpoint {final} could not be saved: {reason}",
            hint="make room on the disk, then run the same command again",
        ) from None
    for old in _by_step(folder)[KEPT:]:
        shutil.rmtree(old)
    return final


def load_newest(
    folder: Path, *, model: nn.Module, optimizers: Optimizers, fingerprint: str
) -> State | None:
    """Put the newest valid checkpoint into model and optimizer.

    Returns:
        Its state, or None where there is no checkpoint at all.

    Raises:
        StateError: there are checkpoints, but none is valid.
    """
    found = _by_step(folder)
    for path in found:
        problem = _problem(path)
        if problem is not None:
            say(f"checkpoint {path.name} is damaged ({problem}); falling back to an older one")
            continue
        state = read_state(path)
        if state.fingerprint != fingerprint:
            raise StateError(f"{path} belongs to another training", hint="add --force")
        restore_model(model, path)
        _restore_optimizers(model, optimizers, load_file(path / "optimizer.safetensors"))
        return state
    if found:
        raise StateError(
            f"{folder} holds {len(found)} checkpoints and none is whole",
            hint=f"restore one from a backup, or start again: "
            f"filiberto train {folder.parent} --force",
        )
    return None


def newest_state(folder: Path) -> State | None:
    """The state of the newest valid checkpoint in a folder; None where there is none."""
    return next((read_state(path) for path in _by_step(folder) if _problem(path) is None), None)


def read_state(path: Path) -> State:
    """The state of a verified checkpoint."""
    data = json.loads((path / "state.json").read_text(encoding="utf-8"))
    course = data.pop("course")
    if course is not None:
        knots = tuple((step, share) for step, share in course["knots"])
        course = Course(knots=knots, decay_share=course["decay_share"])
    return State(**data, course=course)


def model_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The weights by name, on the CPU; tied ones once."""
    return {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}


def restore_model(model: nn.Module, path: Path) -> None:
    """Copy the weights of a checkpoint into a model.

    Raises:
        StateError: names or shapes differ.
    """
    tensors = load_file(path / "model.safetensors")
    parameters = dict(model.named_parameters())
    if {k: v.shape for k, v in tensors.items()} != {k: p.shape for k, p in parameters.items()}:
        raise StateError(f"{path} holds the weights of another model")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])


def _optimizer_tensors(model: nn.Module, optimizers: Optimizers) -> dict[str, Tensor]:
    return {
        f"{name}/{key}": value.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        for optimizer in optimizers
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def _restore_optimizers(
    model: nn.Module, optimizers: Optimizers, tensors: dict[str, Tensor]
) -> None:
    owners = {p: o for o in optimizers for group in o.param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        state: dict[str, Any] = {}
        for key, value in tensors.items():
            owner, _, field = key.rpartition("/")
            if owner == name:
                # Fused AdamW keeps its step count beside the parameter.
                state[field] = value.to(parameter.device)
        if state:
            owners[parameter].state[parameter] = state


def _by_step(folder: Path) -> list[Path]:
    """Committed checkpoints, newest first; by step, never by clock."""
    found = (path for path in folder.glob("step-*") if path.name[5:].isdigit())
    return sorted(found, key=lambda path: int(path.name[5:]), reverse=True)


def _problem(path: Path) -> str | None:
    try:
        files = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))["files"]
        changed = [
            name for name, digest in files.items() if safeio.sha256_of(path / name) != digest
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return str(error)
    return f"{', '.join(changed)} changed" if changed else None
