"""A run whose tokens are finished, and jobs on it."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from filiberto.config import Architecture, TrainConfig
from filiberto.train import hardware
from filiberto.train.job import Job, new_job
from filiberto.train.model import new_model
from filiberto.train.sizes import SIZES, Shape
from filiberto.train.step import StepResult, batches_of, train_step
from tests.conftest import MINIATURE, with_tokens_of

SPECIAL = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}
SHORT = dataclasses.replace(MINIATURE, max_steps=12, checkpoint_steps=4, log_steps=3)


@pytest.fixture
def run(tmp_path: Path, mini_run: Path) -> Path:
    return with_tokens_of(mini_run, tmp_path / "run")


def model_of(
    architecture: Architecture = "roberta", *, shape: Shape = SIZES["tiny"], **more: Any
) -> Any:
    """A model of 64 entries for 16 tokens, of which ModernBERT's near layers see five."""
    settings = {"vocab_size": 64, "row_length": 16, "special_ids": SPECIAL, "seed": 0, **more}
    model = new_model(architecture, shape, **settings).eval()
    if architecture == "modernbert":
        model.config.sliding_window = 2  # to either side
    return model


def job_of(run: Path, settings: TrainConfig, **more: Any) -> Job:
    settings = dataclasses.replace(settings, device="cpu")
    machine = hardware.hardware_for(settings)
    return new_job(run, settings=settings, size="tiny", machine=machine, seed=0, **more)


def step_of(job: Job, step: int) -> StepResult:
    return train_step(job, step, batches_of(job, step)).read()
