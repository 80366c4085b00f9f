"""What a checkpoint of a training holds: weights, optimizer, and the numbers decisions depend on.

    step-00001200/{model.safetensors optimizer.safetensors state.json MANIFEST.json}

How it comes to the disk and is verified is the matter of `runfolder/store.py`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from filiberto.errors import StateError
from filiberto.runfolder import safeio, store
from filiberto.train.course import Course

Optimizers = tuple[torch.optim.Optimizer, ...]


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
        scaler: of fp16's loss; empty in other formats.
        exact: whether all of it ran as on one machine, to the bit.
    """

    step: int
    fingerprint: str
    metrics_bytes: int = 0
    bad_steps: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    seconds: float = 0.0
    course: Course | None = None
    scaler: dict[str, float] = field(default_factory=dict)
    exact: bool = True


def save(folder: Path, *, model: nn.Module, optimizers: Optimizers, state: State) -> Path:
    """Commit a checkpoint, then remove all but the newest two.

    Raises:
        StateError: the disk is full or fails; older checkpoints are untouched.
    """

    def fill(made: Path) -> None:
        save_file(model_tensors(model), made / "model.safetensors")
        save_file(_optimizer_tensors(model, optimizers), made / "optimizer.safetensors")
        safeio.write_json(made / "state.json", asdict(state))

    try:
        about = {"training": state.fingerprint, "exact": state.exact, "bad_steps": state.bad_steps}
        return store.save(folder, step=state.step, fill=fill, about=about)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StateError(
            f"checkpoint {state.step:,} could not be saved in {folder}: {reason}",
            hint="make room on the disk, then run the same command again",
        ) from None


def load_newest(
    folder: Path, *, model: nn.Module, optimizers: Optimizers, fingerprint: str
) -> State | None:
    """Put the newest valid checkpoint into model and optimizer.

    Returns:
        Its state, or None where there is no checkpoint at all.

    Raises:
        StateError: there are checkpoints, but none is valid.
    """
    path = next(store.valid(folder), None)
    if path is None:
        return None
    state = read_state(path)
    if state.fingerprint != fingerprint:
        raise StateError(f"{path} belongs to another training", hint="add --force")
    restore_model(model, path)
    _restore_optimizers(model, optimizers, load_file(path / "optimizer.safetensors"))
    return state


def newest_state(folder: Path) -> State | None:
    """The state of the newest valid checkpoint in a folder; None where there is none."""
    found = (path for path in store.by_step(folder) if store.problem_of(path) is None)
    return next(map(read_state, found), None)


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
