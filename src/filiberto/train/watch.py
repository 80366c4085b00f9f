"""Watching a training: what is written down at its steps, and what a person is told.

results of steps, validations  ->  metrics.jsonl, timings.jsonl, a line of progress, warnings
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from filiberto.console import Advance, say
from filiberto.errors import DivergedError
from filiberto.train.checkpoint import State
from filiberto.train.energy import Meter
from filiberto.train.job import Job
from filiberto.train.records import Records
from filiberto.train.step import StepResult

_MAX_BAD_STEPS = 3

# A loss this far above its last lines is a spike: in standard deviations of theirs, and in nats.
_SPIKE_DEVIATIONS, _SPIKE_NATS, _LINES = 6.0, 0.2, 10

# After this share of its steps, so many steps and so many tokens, a training that still guesses by
# frequency alone is stuck, unless it is on its way down.
_STUCK_AFTER, _STUCK_STEPS, _STUCK_TOKENS = 0.25, 100, 1_000_000
_STUCK_NATS, _STILL_NATS = 0.05, 0.02

# So often it begins again with lower rates.
_MOST_SLOWED = 2


@dataclass(frozen=True)
class Validation:
    """Loss in nats a masked token, and the share of them guessed right."""

    loss: float
    accuracy: float


class StuckError(Exception):
    """A training that learns nothing but frequencies.

    Attributes:
        state: as far as it came.
    """

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state


class Watch:
    """Tells the course of one training, from a state on.

    Args:
        state: where it begins.
        records: for the process that writes, else None.
        meter: of the power used.
        advance: the line of progress.
        on_validation: called with each result; what it returns is printed behind it.

    Attributes:
        is_stuck: whether the last validation was no better than guessing by frequency alone, late
            as it is.
    """

    def __init__(
        self,
        state: State,
        *,
        records: Records | None,
        meter: Meter | None,
        advance: Advance,
        on_validation: Callable[[Validation], str],
    ) -> None:
        self._records, self._advance, self._on_validation = records, advance, on_validation
        self._meter = meter
        self._logged = (state.step, state.seconds)
        self._losses: deque[float] = deque(maxlen=_LINES)
        self._in_spike = False
        self._last_loss = records.validation_loss if records else math.inf
        self.is_stuck = False

    def account(self, job: Job, state: State, result: StepResult) -> State:
        """What a step came to: into the state, and now and then into the records.

        Raises:
            DivergedError: the gradient was not finite three times in a row.
        """
        # fp16 finds the scale of its loss by going too far; no divergence while it can shrink.
        bad = not result.finite and result.scale <= 1
        state = replace(
            state,
            step=state.step + 1,
            bad_steps=state.bad_steps + 1 if bad else 0,
            loss_sum=state.loss_sum + (result.loss if result.finite else 0.0),
            loss_count=state.loss_count + (result.num_labels if result.finite else 0),
        )
        if state.bad_steps >= _MAX_BAD_STEPS:
            first = state.step - _MAX_BAD_STEPS
            bundle = ""
            if self._records:
                path = self._records.diverged(_circumstances(job, first, state.step))
                bundle = f"; {path} names their rows"
            raise DivergedError(
                f"the gradient was not finite at steps {first} to {state.step - 1}{bundle}; "
                "the last checkpoint is from before",
                hint="lower --train.muon-lr or --train.peak-lr, then start again with --force",
            )
        note = ""
        if state.step % job.plan.log_steps == 0 and state.loss_count:
            note = self._log(job, state, result)
            state = replace(state, loss_sum=0.0, loss_count=0)
        tokens = job.plan.batch_tokens
        self._advance(tokens, note, total=job.course.max_steps * tokens)
        return state

    def validated(self, job: Job, step: int, result: Validation) -> None:
        """Write a validation down and tell it."""
        assert self._records is not None
        values = {"validation_loss": result.loss, "validation_accuracy": result.accuracy}
        told = f"validation loss {result.loss:.3f}"
        if job.token_bytes is not None:
            bits = result.loss / math.log(2) / job.token_bytes
            values["validation_bits_per_byte"] = bits
            told += f" ({bits:.3f} bits per byte of hidden tokens)"
        self._records.metrics(step, **values)
        say(
            f"step {step:>6,} of {job.course.max_steps:,} · {told}"
            f" · {100 * result.accuracy:.1f} % of masked tokens right" + self._on_validation(result)
        )
        late = step >= max(_STUCK_STEPS, _STUCK_AFTER * job.course.max_steps)
        self.is_stuck = (
            late
            and step * job.plan.batch_tokens >= _STUCK_TOKENS
            and result.loss > job.unigram_loss - _STUCK_NATS
            and self._last_loss - result.loss < _STILL_NATS
        )
        self._last_loss = result.loss
        if self.is_stuck and job.plan.slowed == _MOST_SLOWED:
            self.is_stuck = False  # lower rates have not helped
            say(
                f"stuck: a loss of {job.unigram_loss:.2f} is what guessing by frequency alone "
                "gives, whatever stands around the hole. Give it more steps or smaller "
                "--train.batch-tokens, and look whether the text says anything: filiberto look"
            )

    def _log(self, job: Job, state: State, result: StepResult) -> str:
        loss = state.loss_sum / state.loss_count
        step, seconds = self._logged
        self._logged = (state.step, state.seconds)
        speed = (state.step - step) * job.plan.batch_tokens / max(1e-9, state.seconds - seconds)
        mfu, rate = speed / job.full_speed, result.share * job.plan.peak_lr
        self._name_spike(state.step, loss, result.norm)
        if self._records is not None:
            self._records.metrics(
                state.step, loss=loss, learning_rate=rate, gradient_norm=result.norm
            )
            watts = self._meter.watts() if self._meter else None
            self._records.timings(
                state.step,
                seconds=state.seconds,
                tokens_per_second=speed,
                mfu=mfu,
                **({} if watts is None else {"watts": watts}),
            )
        return f"loss {loss:.3f} · learning rate {rate:.2g} · MFU {100 * mfu:.0f} %"

    def _name_spike(self, step: int, loss: float, norm: float) -> None:
        before = self._losses
        if len(before) == _LINES:
            mean = statistics.fmean(before)
            most = mean + max(_SPIKE_NATS, _SPIKE_DEVIATIONS * statistics.stdev(before))
            if loss > most and not self._in_spike:
                say(
                    f"step {step:>6,} · the loss has jumped from {mean:.2f} to {loss:.2f} "
                    f"(gradient {norm:.2g}); if it stays there, lower the learning rate"
                )
            self._in_spike = loss > most
        if not self._in_spike:
            before.append(loss)


def _circumstances(job: Job, first: int, end: int) -> dict[str, Any]:
    """What led to steps without a number: rates, and where in the tokens their rows begin."""
    rows = job.plan.batch_rows
    return {
        "precision": job.plan.precision,
        "peak_lr": job.plan.peak_lr,
        "steps": [
            {
                "step": step,
                "share_of_peak_lr": job.course.share(step),
                "rows": [step * rows, (step + 1) * rows],
                "row_length": job.plan.row_length,
                "row_starts": job.sampler.starts(step * rows, rows).tolist(),
            }
            for step in range(first, end)
        ],
    }
