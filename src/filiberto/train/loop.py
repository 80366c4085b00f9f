"""The training loop, top to bottom: step; now and then a log, a validation, a save.

all_batches, made ahead -> train_step -> results, read a step late -> records, checkpoints
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from filiberto.ahead import ahead
from filiberto.config import Tracker
from filiberto.console import progress, say
from filiberto.errors import StateError, TryAgainError
from filiberto.runfolder import store
from filiberto.signals import stop_requested
from filiberto.train import checkpoint
from filiberto.train.batch import TokenBatch
from filiberto.train.checkpoint import State
from filiberto.train.course import Pace
from filiberto.train.energy import Meter
from filiberto.train.job import Job
from filiberto.train.masking import IGNORE_INDEX
from filiberto.train.model import masked_logits
from filiberto.train.plan import MOST_VALIDATIONS
from filiberto.train.records import Records
from filiberto.train.speed import shrunk
from filiberto.train.step import Pending, StepResult, all_batches, train_step
from filiberto.train.watch import StuckError, Validation, Watch

# Validation masks at this rate, whatever is trained.
VALIDATION_MASK_RATE = 0.15

# A GPU works at a step while the host reads how the one before went.
_LATE_STEPS = {"cuda": 1}

# Checkpoints in a row that may fail before a training ends for it.
_MOST_FAILURES = 3


@torch.no_grad()
def validate(job: Job) -> Validation:
    """Measure the fixed validation rows at the fixed mask rate."""
    most = max(1, job.settings.validation_tokens // job.plan.row_length)
    rows = min(job.validation.rows_per_epoch, most)
    total, right, count = 0.0, 0, 0
    job.model.eval()
    batches = job.batches.make(
        job.validation,
        first_row=0,
        num_rows=rows,
        micro_rows=job.plan.micro_rows,
        mask_rate=VALIDATION_MASK_RATE,
    )
    for batch in batches:
        logits = masked_logits(job.model, batch, dtype=job.dtype).float()
        labels = batch.labels.flatten()
        total += torch.nn.functional.cross_entropy(
            logits, labels, reduction="sum", ignore_index=IGNORE_INDEX
        ).item()
        right += int((logits.argmax(-1) == labels).sum())
        count += batch.num_labels
    return Validation(total / max(1, count), right / max(1, count))


def train_loop(
    job: Job,
    run: Path,
    *,
    state: State,
    checkpoint_seconds: float,
    on_validation: Callable[[Validation], str],
    on_checkpoint: Callable[[State], object] = lambda state: None,
    trackers: Sequence[Tracker] = (),
    clock: Callable[[], float] = time.monotonic,
) -> State:
    """Train from a state to the last step, which the plan or the clock decides.

    Args:
        job: what is trained, already holding the state's weights.
        run: the run folder, for checkpoints and records.
        state: where to start.
        checkpoint_seconds: between checkpoints where the plan fixes no steps for them.
        on_validation: called with each result; what it returns is printed behind it.
        on_checkpoint: called after each save in the middle of the training.
        trackers: where it is shown beside TensorBoard.
        clock: seconds.

    Returns:
        The state after the last step, saved.

    Raises:
        DivergedError: the gradient was not finite three times in a row.
        StuckError: it learns nothing but how frequent words are.
        TryAgainError: a signal asked to stop; everything is saved.
        StateError: one row does not fit into the memory, or checkpoints cannot be saved.
    """
    plan = job.plan
    by_the_clock = plan.time_seconds is not None and job.settings.validate_steps == "auto"
    saver = _Saver(job, run / "checkpoints", seconds=checkpoint_seconds, begins_at=state.step)
    started = clock() - state.seconds
    validated = state.step

    def validates(step: int) -> bool:
        end = steps.job.course.max_steps
        if step == end:
            return True
        # A busy machine lets a plan think of far too few steps, and so validate far too often.
        least = end / MOST_VALIDATIONS if by_the_clock else 0
        return step % plan.validate_steps == 0 and step - validated >= least

    with (
        _records(job, run, state, trackers) as records,
        stop_requested() as stopping,
        progress(
            "train",
            total=job.course.max_steps * plan.batch_tokens,
            unit="tokens",
            done=state.step * plan.batch_tokens,
        ) as advance,
    ):
        if state.step == 0:
            state = saver.save(state, records)  # proves the disk before any computing
        steps = _Steps(
            job,
            stopping=stopping,
            pause=lambda step: validates(step) or saver.is_due(step),
            seconds=lambda: clock() - started,
        )
        watch = Watch(
            state,
            records=records,
            meter=Meter(plan.device) if records else None,
            advance=advance,
            on_validation=on_validation,
        )
        for result, at_rest in steps.results(state.step):
            exact = state.exact and steps.job.exact
            state = replace(state, seconds=clock() - started, course=steps.job.course, exact=exact)
            state = watch.account(steps.job, state, result)
            to_validate = at_rest and validates(state.step)
            if to_validate:
                validated = state.step
            if records and to_validate:
                watch.validated(steps.job, state.step, validate(steps.job))
            if records:
                records.show()
            if to_validate and job.ranks.of_the_first(int(watch.is_stuck), plan.device):
                raise StuckError(state)
            if at_rest and saver.is_due(state.step):
                state = saver.save(state, records, needed=False)
                if records and saver.saved_step == state.step < steps.job.course.max_steps:
                    on_checkpoint(state)
        state = saver.save(state, records)
        end = steps.job.course.max_steps
        if state.step < end or job.ranks.any(stopping(), plan.device):
            if records and state.step < end:
                on_checkpoint(state)
            raise TryAgainError(
                f"stopped after step {state.step:,} of {end:,}; all is saved",
                hint=f"go on: filiberto resume {run}",
            )
    return state


def _records(
    job: Job, run: Path, state: State, trackers: Sequence[Tracker]
) -> AbstractContextManager[Records] | nullcontext[None]:
    """The files that tell the course of the training, for the process that writes."""
    if not job.ranks.writes:
        return nullcontext()
    return closing(
        Records(run, metrics_bytes=state.metrics_bytes, step=state.step, trackers=trackers)
    )


class _Steps:
    """Takes steps, and hands out their results when they have come.

    Args:
        job: what is trained; `self.job` is the same in less memory, where that ran out.
        stopping: whether this process has been asked to stop.
        pause: whether, after so many steps, the device is to be at rest.
        seconds: of training so far.
    """

    def __init__(
        self,
        job: Job,
        *,
        stopping: Callable[[], bool],
        pause: Callable[[int], bool],
        seconds: Callable[[], float],
    ) -> None:
        self.job, self._stopping, self._pause, self._seconds = job, stopping, pause, seconds
        plan = job.plan
        self._pace = (
            Pace(seconds=plan.time_seconds, planned_steps=plan.max_steps)
            if plan.time_seconds is not None
            else None
        )

    def results(self, first: int) -> Iterator[tuple[StepResult, bool]]:
        """The result of each step from `first` on, and whether no later one is on its way.

        Ends after the course's last step, or at rest after one that is to be the last.
        """
        if first >= self.job.course.max_steps:
            return
        waiting: deque[Pending] = deque()
        late = _LATE_STEPS.get(self.job.plan.device, 0)
        taken, done, stop = first, first, math.inf
        for pending in self._taken(first):
            waiting.append(pending)
            taken += 1
            end = min(self.job.course.max_steps, stop)
            while len(waiting) > (0 if taken >= end or self._pause(taken) else late):
                result = waiting.popleft().read()
                done += 1
                if result.stopping:
                    # The same for all processes, wherever each of them is just now.
                    end = stop = min(end, done + late)
                yield result, not waiting
            if taken >= end:
                return

    def _taken(self, step: int) -> Iterator[Pending]:
        """Steps without end, in micro-batches that fit."""
        while True:
            with closing(self._batches(step)) as batches:
                try:
                    for micro_batches in batches:
                        self._keep_to_time(step)
                        yield train_step(self.job, step, micro_batches, stopping=self._stopping())
                        step += 1
                except torch.OutOfMemoryError:
                    if self.job.ranks.size > 1:  # the others wait for this one: all begin again
                        raise
                    self._shrink()

    def _keep_to_time(self, step: int) -> None:
        """Now and then draw the learning rate's course to where the time will be over."""
        job = self.job
        if self._pace is None or step % job.plan.log_steps:
            return
        end = self._pace.end(step, self._seconds(), share=job.course.share(step))
        if end is not None:
            end = min(end, job.plan.most_steps or end)
            end = job.ranks.of_the_first(end, job.plan.device)
            self.job = replace(job, course=job.course.drawn_to(end, at=step))

    def _batches(self, step: int) -> Generator[list[TokenBatch], None, None]:
        """Micro-batches of one step after the other, made while a GPU is at work.

        Beside the threads of a CPU's own training another one would only be in their way.
        """
        batches = all_batches(self.job, first_step=step)
        return batches if self.job.plan.device == "cpu" else ahead(batches)

    def _shrink(self) -> None:
        """Go on in less memory."""
        rows = self.job.plan.micro_rows
        self.job = replace(shrunk(self.job), exact=False)
        say(
            f"out of memory with {rows} rows at once: going on with {self.job.plan.micro_rows}; "
            "the same rows in the same order, but no longer bit-exact"
        )


class _Saver:
    """Commits checkpoints: when is one due, and its writing.

    Args:
        job: what is trained.
        folder: of the checkpoints.
        seconds: between two of them where the plan fixes no steps.
        begins_at: the step that the training has come to; its checkpoint may be there.

    Attributes:
        saved_step: of the newest checkpoint.
    """

    def __init__(self, job: Job, folder: Path, *, seconds: float, begins_at: int) -> None:
        self._job, self._folder, self._seconds = job, folder, seconds
        there = any(store.step_of(path) == begins_at for path in store.by_step(folder))
        self.saved_step = begins_at if there else -1
        self._saved_at, self._failures = time.monotonic(), 0

    def is_due(self, step: int) -> bool:
        """Whether to save after this step."""
        steps = self._job.plan.checkpoint_steps
        if steps is None:
            return time.monotonic() - self._saved_at >= self._seconds
        return step % steps == 0

    def save(self, state: State, records: Records | None, *, needed: bool = True) -> State:
        """Commit a checkpoint, unless it is there; returns the state as it was written.

        Args:
            state: of the training now.
            records: their length goes into the checkpoint; None where another process writes.
            needed: whether training cannot go on without it.

        Raises:
            StateError: it could not be saved, and was needed or is the third such in a row.
        """
        self._saved_at = time.monotonic()
        if records is None or state.step == self.saved_step:
            return state
        scaler = self._job.scaler.state_dict()
        state = replace(state, metrics_bytes=records.metrics_bytes, scaler=scaler)
        try:
            records.sync()
            checkpoint.save(
                self._folder, model=self._job.model, optimizers=self._job.optimizers, state=state
            )
        except StateError as error:
            self._failures += 1
            if needed or self._failures == _MOST_FAILURES:
                raise
            say(f"{error.message}; training goes on")
            return state
        self.saved_step, self._failures = state.step, 0
        if state.step:
            say(f"saved step {state.step:,}")
        return state
