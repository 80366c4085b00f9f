"""The training loop, top to bottom: batch, loss, step; now and then a log, a validation, a save.

Sampler.rows -> mask_rows -> masked_loss -> backward -> clip -> optimizers
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from filiberto.config import TrainConfig
from filiberto.console import Advance, progress, say
from filiberto.errors import DivergedError, TryAgainError
from filiberto.signals import stop_requested
from filiberto.train import checkpoint
from filiberto.train.checkpoint import State
from filiberto.train.hashing import key_of
from filiberto.train.masking import IGNORE_INDEX, mask_rows, num_slots_for
from filiberto.train.model import TokenBatch, masked_logits, masked_loss
from filiberto.train.optim import schedule, set_rates
from filiberto.train.plan import Plan
from filiberto.train.records import Records
from filiberto.train.sampler import Sampler

if TYPE_CHECKING:
    from transformers import RobertaForMaskedLM

# Validation is the same for every run of a corpus: this rate and this seed, whatever is trained.
VALIDATION_MASK_RATE = 0.15
VALIDATION_SEED = 0

_MAX_BAD_STEPS = 3


@dataclass(frozen=True, kw_only=True)
class Job:
    """What stays the same through a training.

    Attributes:
        special_ids: id of each special token by its text.
        sampler: of the training rows.
        validation: of the validation rows.
    """

    model: RobertaForMaskedLM
    optimizers: tuple[torch.optim.Optimizer, ...]
    settings: TrainConfig
    plan: Plan
    sampler: Sampler
    validation: Sampler
    special_ids: dict[str, int]
    seed: int


@dataclass(frozen=True)
class Validation:
    """Loss in nats a masked token, and the share of them guessed right."""

    loss: float
    accuracy: float


def make_batch(
    job: Job, sampler: Sampler, *, first_row: int, num_rows: int, mask_rate: float
) -> TokenBatch:
    """Rows of a sampler with their holes, on the job's device."""
    rows = sampler.rows(first_row, num_rows)
    masked = mask_rows(
        rows.input_ids,
        keys=rows.keys,
        num_slots=num_slots_for(mask_rate, job.plan.row_length),
        mask_id=job.special_ids["<mask>"],
        special_ids=np.asarray(list(job.special_ids.values())),
        vocab_size=job.plan.vocab_size,
    )
    arrays = (masked.input_ids, rows.document_ids, rows.positions, masked.slots, masked.labels)
    return TokenBatch(*(torch.from_numpy(array).to(job.plan.device) for array in arrays))


def train_step(job: Job, step: int) -> tuple[float, int, float]:
    """Take one optimizer step over the global batch, in micro-batches.

    The loss is the mean over all masked tokens of the global batch, so the size of a
    micro-batch changes nothing but rounding.

    Args:
        job: what is trained.
        step: how many steps were taken before.

    Returns:
        Loss summed over the masked tokens in nats, their number, and the gradient's norm before
        clipping. Where that is not finite, no step was taken.
    """
    plan, first = job.plan, step * job.plan.batch_rows
    batches = [
        make_batch(
            job,
            job.sampler,
            first_row=first + offset,
            num_rows=plan.micro_rows,
            mask_rate=job.settings.mask_rate,
        )
        for offset in range(0, plan.batch_rows, plan.micro_rows)
    ]
    count = sum(int((batch.labels != IGNORE_INDEX).sum()) for batch in batches)
    total = 0.0
    job.model.train()
    for index, batch in enumerate(batches):
        if job.settings.dropout:
            torch.manual_seed(key_of("dropout", job.seed, step, index) >> 1)
        with autocast(plan):
            loss = masked_loss(job.model, batch)
        (loss / max(1, count)).backward()
        total += loss.item()
    norm = torch.nn.utils.clip_grad_norm_(job.model.parameters(), job.settings.clip_norm).item()
    if np.isfinite(norm) and np.isfinite(total):
        share = schedule(step, warmup_steps=plan.warmup_steps, max_steps=plan.max_steps)
        set_rates(job.optimizers, share=share)
        for optimizer in job.optimizers:
            optimizer.step()
    job.model.zero_grad(set_to_none=True)
    return total, count, norm


@torch.no_grad()
def validate(job: Job) -> Validation:
    """Measure the fixed validation rows at the fixed mask rate."""
    most = max(1, job.settings.validation_tokens // job.plan.row_length)
    rows = min(job.validation.rows_per_epoch, most)
    total, right, count = 0.0, 0, 0
    job.model.eval()
    for first in range(0, rows, job.plan.micro_rows):
        batch = make_batch(
            job,
            job.validation,
            first_row=first,
            num_rows=min(job.plan.micro_rows, rows - first),
            mask_rate=VALIDATION_MASK_RATE,
        )
        with autocast(job.plan):
            logits = masked_logits(job.model, batch).float()
        labels = batch.labels.flatten()
        total += torch.nn.functional.cross_entropy(
            logits, labels, reduction="sum", ignore_index=IGNORE_INDEX
        ).item()
        right += int((logits.argmax(-1) == labels).sum())
        count += int((labels != IGNORE_INDEX).sum())
    return Validation(total / max(1, count), right / max(1, count))


def measure_speed(job: Job, *, seconds: float) -> float:
    """Tokens per second of this model on this machine.

    The job's weights and optimizer are used up: make new ones afterwards.

    Args:
        job: a throw-away job.
        seconds: how long to measure, a step at least, one step of warming up not counted.
    """
    train_step(job, 0)
    start, steps = time.perf_counter(), 0
    while steps < 1 or time.perf_counter() - start < seconds:
        steps += 1
        train_step(job, steps)
    return steps * job.plan.batch_tokens / (time.perf_counter() - start)


def train_loop(
    job: Job,
    run: Path,
    *,
    state: State,
    checkpoint_seconds: float,
    on_validation: Callable[[Validation], str],
) -> State:
    """Train from a state to the plan's last step.

    Args:
        job: what is trained, already holding the state's weights.
        run: the run folder, for checkpoints and records.
        state: where to start.
        checkpoint_seconds: between checkpoints where the plan fixes no steps for them.
        on_validation: called with each result; what it returns is printed behind it.

    Returns:
        The state after the last step, saved.

    Raises:
        DivergedError: the gradient was not finite three times in a row.
        TryAgainError: a signal asked to stop; everything is saved.
    """
    plan = job.plan
    saver = _Saver(job, run / "checkpoints", seconds=checkpoint_seconds)
    started = time.monotonic() - state.seconds
    with (
        closing(Records(run, metrics_bytes=state.metrics_bytes, step=state.step)) as records,
        stop_requested() as stopping,
        progress(
            "train",
            total=plan.train_tokens,
            unit="tokens",
            done=state.step * plan.batch_tokens,
        ) as advance,
    ):
        if state.step == 0:
            state = saver.save(state, records)  # proves the disk before any computing
        while state.step < plan.max_steps:
            state = _one_step(job, state, records, advance)
            state = replace(state, seconds=time.monotonic() - started)
            last = state.step == plan.max_steps
            if state.step % plan.validate_steps == 0 or last:
                _validate_and_tell(job, state.step, records, on_validation)
            stop = stopping() and not last
            if saver.is_due(state.step) or last or stop:
                state = saver.save(state, records)
            if stop:
                raise TryAgainError(
                    f"stopped after step {state.step:,} of {plan.max_steps:,}; all is saved",
                    hint="run the same command again (without --force) to go on",
                )
    return state


class _Saver:
    """Commits checkpoints: when is one due, and its writing.

    Args:
        job: what is trained.
        folder: of the checkpoints.
        seconds: between two of them where the plan fixes no steps.
    """

    def __init__(self, job: Job, folder: Path, *, seconds: float) -> None:
        self._job, self._folder, self._seconds = job, folder, seconds
        self._saved_at = time.monotonic()

    def is_due(self, step: int) -> bool:
        """Whether to save after this step."""
        steps = self._job.plan.checkpoint_steps
        if steps is None:
            return time.monotonic() - self._saved_at >= self._seconds
        return step % steps == 0

    def save(self, state: State, records: Records) -> State:
        """Commit a checkpoint; returns the state as it was written."""
        state = replace(state, metrics_bytes=records.metrics_bytes)
        checkpoint.save(
            self._folder, model=self._job.model, optimizers=self._job.optimizers, state=state
        )
        self._saved_at = time.monotonic()
        return state


def _validate_and_tell(
    job: Job, step: int, records: Records, on_validation: Callable[[Validation], str]
) -> None:
    result = validate(job)
    records.metrics(step, validation_loss=result.loss, validation_accuracy=result.accuracy)
    say(_validation_line(step, job.plan, result) + on_validation(result))


def _one_step(job: Job, state: State, records: Records, advance: Advance) -> State:
    """One step and what is written about it."""
    total, count, norm = train_step(job, state.step)
    finite = bool(np.isfinite(total) and np.isfinite(norm))
    state = replace(
        state,
        step=state.step + 1,
        bad_steps=0 if finite else state.bad_steps + 1,
        loss_sum=state.loss_sum + (total if finite else 0.0),
        loss_count=state.loss_count + (count if finite else 0),
    )
    if state.bad_steps >= _MAX_BAD_STEPS:
        raise DivergedError(
            f"the gradient was not finite at steps {state.step - _MAX_BAD_STEPS} to "
            f"{state.step - 1}; the last checkpoint is from before",
            hint="lower --train.muon-lr or --train.peak-lr, then start again with --force",
        )
    note = ""
    if state.step % job.plan.log_steps == 0 and state.loss_count:
        loss = state.loss_sum / state.loss_count
        rate = job.optimizers[-1].param_groups[0]["lr"]
        records.metrics(state.step, loss=loss, learning_rate=rate, gradient_norm=norm)
        records.timings(state.step, seconds=state.seconds)
        note = f"loss {loss:.3f}"
        state = replace(state, loss_sum=0.0, loss_count=0)
    advance(job.plan.batch_tokens, note)
    return state


def autocast(plan: Plan) -> AbstractContextManager[object]:
    """bf16 arithmetic where the plan says so; weights and optimizer stay fp32."""
    if plan.precision == "bf16":
        return torch.autocast(plan.device, dtype=torch.bfloat16)
    return nullcontext()


def _validation_line(step: int, plan: Plan, result: Validation) -> str:
    return (
        f"step {step:>6,} of {plan.max_steps:,} · validation loss {result.loss:.3f}"
        f" · {100 * result.accuracy:.1f} % of masked tokens right"
    )
