"""From settings, text and measured speed to a fixed plan: steps, batch, intervals.

    recipe.train + size + tokens there are + tokens/s + seconds there are  ->  Plan  ->  plan.json

Nothing here touches the disk or the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from filiberto.config import Architecture, Auto, Size, TrainConfig, parse_seconds
from filiberto.console import readable_number, readable_seconds
from filiberto.train.course import Course
from filiberto.train.flops import expected_speed
from filiberto.train.law import MEASURED, MOST_EPOCHS, relative_loss
from filiberto.train.sizes import SIZES, Shape, num_parameters

# With no --size, the largest size whose seconds have come, on a GPU: guesses, not measured yet.
_GPU_SECONDS: dict[Size, float] = {"mini": 0, "small": 600, "base": 5_400, "large": 172_800}

# With no batch_tokens. Small batches learn most per token; Muon and a GPU want larger ones to be
# worth a step. The CPU's is measured (docs/log.md), the GPU's a guess.
_CPU_BATCH_TOKENS, _GPU_BATCH_TOKENS = 4_096, 65_536

# A micro-batch this long keeps two CPU cores busy (docs/log.md).
_CPU_MICRO_TOKENS, _GPU_MICRO_TOKENS = 8_192, 65_536

# Export and report come out of --time too.
_REPORT_SHARE, _REPORT_MAX_SECONDS = 0.08, 120.0

# With validate_steps 'auto', this many validations; a token of one costs a third of a training
# token, forward against forward and backward, and all of them at most half of the time.
_VALIDATIONS, _VALIDATION_COST = 10, 1 / 3
MOST_VALIDATIONS = 2 * _VALIDATIONS
"""Where the clock ends a training whose steps were not known beforehand."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be done, in numbers.

    Attributes:
        time_seconds: the training's time where that ends it, and `max_steps` only foretells.
        revised_at: the step from which on time and end are others than at the beginning.
        most_steps: for as many passes as the text bears, where time would bring more.
        slowed: how often it has begun again with lower rates, having been stuck.
        size: a published one, or layers and width of a model that was trained elsewhere.
    """

    architecture: Architecture
    size: str
    shape: Shape
    parameters: int
    vocab_size: int
    row_length: int
    text_tokens: int
    max_steps: int
    warmup_steps: int
    decay_share: float
    batch_rows: int
    micro_rows: int
    peak_lr: float
    validate_steps: int
    log_steps: int
    checkpoint_steps: int | None
    tokens_per_second: float
    device: str
    precision: str
    time_seconds: float | None
    revised_at: int | None = None
    slowed: int = 0
    most_steps: int | None = None

    @classmethod
    def of(cls, data: dict[str, Any]) -> Plan:
        """The plan that `asdict` wrote."""
        return cls(**{**data, "shape": Shape(**data["shape"])})

    @property
    def course(self) -> Course:
        """Of the learning rates, as planned."""
        return Course.planned(
            warmup_steps=self.warmup_steps,
            max_steps=self.max_steps,
            decay_share=self.decay_share,
        )

    @property
    def model(self) -> str:
        """Architecture and size for a person."""
        return f"{self.architecture} {self.size}"

    @property
    def batch_tokens(self) -> int:
        """Tokens of one optimizer step."""
        return self.batch_rows * self.row_length

    @property
    def train_tokens(self) -> int:
        """Tokens of the whole training."""
        return self.max_steps * self.batch_tokens

    @property
    def epochs(self) -> float:
        """Passes over the text."""
        return self.train_tokens / self.text_tokens

    @property
    def passes(self) -> str:
        """The epochs for a person: `0.38 epochs`, `29 epochs`, `205 epochs`."""
        epochs = self.epochs
        return f"{epochs:.2g} epochs" if epochs < 100 else f"{epochs:,.0f} epochs"

    @property
    def ends_early(self) -> bool:
        """Whether the text is read as often as it bears before the time is over."""
        return self.max_steps == self.most_steps

    @property
    def seconds(self) -> float:
        """Expected training time."""
        return self.train_tokens / self.tokens_per_second


def choose_size(
    wanted: Size | Auto,
    settings: TrainConfig,
    *,
    seconds: float,
    vocab_size: int,
    text_tokens: int,
    device: str,
    precision: str,
    rate: float,
) -> Size:
    """The size asked for, or the one that will have learned most when the time is over.

    On a CPU that is foretold by the law of `law.py`, for the sizes it was fitted to; on a GPU,
    where nothing has been measured yet, by the time alone.

    Args:
        wanted: a size, or 'auto'.
        settings: of the training.
        seconds: for training.
        vocab_size: entries of the vocabulary.
        text_tokens: training tokens there are.
        device: where it trains.
        precision: of the arithmetic.
        rate: products a second there (`flops.product_rate`).
    """
    if wanted != "auto":
        return wanted
    if device == "cuda":
        return max((size for size in _GPU_SECONDS if _GPU_SECONDS[size] <= seconds), key=_order)
    where = {"vocab_size": vocab_size, "device": device, "precision": precision, "rate": rate}

    def loss(size: Size) -> float:
        tokens = seconds * expected_speed(SIZES[size], settings, **where)
        tokens = min(tokens, MOST_EPOCHS * text_tokens)
        return relative_loss(size, tokens=tokens, text_tokens=text_tokens)

    return min(MEASURED, key=loss)


def _order(size: Size) -> int:
    return list(SIZES).index(size)


def training_seconds(time: str, *, elapsed: float, reports: int = 1) -> float:
    """Seconds left for training when `--time` holds the whole command.

    Args:
        time: for the whole command, such as `10m`.
        elapsed: seconds of it that are gone.
        reports: models that the report measures: two where a training goes on from one.
    """
    total = parse_seconds(time)
    reserve = reports * min(_REPORT_SHARE * total, _REPORT_MAX_SECONDS)
    return max(total - elapsed - reserve, 0.1 * total)


def batch_rows_for(settings: TrainConfig, *, device: str) -> int:
    """Rows of the global batch."""
    batch_tokens = settings.batch_tokens
    if batch_tokens == "auto":
        batch_tokens = _GPU_BATCH_TOKENS if device == "cuda" else _CPU_BATCH_TOKENS
    return max(1, round(batch_tokens / settings.row_length))


def micro_rows_for(settings: TrainConfig, *, batch_rows: int, device: str) -> int:
    """Rows that go through the model at once: a divisor of the batch's rows."""
    micro_tokens = settings.micro_batch_tokens
    if micro_tokens == "auto":
        micro_tokens = _GPU_MICRO_TOKENS if device == "cuda" else _CPU_MICRO_TOKENS
    most = max(1, min(batch_rows, micro_tokens // settings.row_length))
    return max(n for n in range(1, most + 1) if batch_rows % n == 0)


def make_plan(
    settings: TrainConfig,
    *,
    size: str,
    shape: Shape | None = None,
    vocab_size: int,
    text_tokens: int,
    seconds: float,
    tokens_per_second: float,
    peak_lr: float,
    device: str,
    precision: str,
) -> Plan:
    """Fix the numbers of a training.

    The end is `max_steps`, or `epochs` over the text, or what fits into `seconds` with the
    validations.

    Args:
        size: a published size, or the name of a shape.
        shape: None for that of the size.
        text_tokens: training tokens there are.
        seconds: time for training, used where neither steps nor epochs are set.
        tokens_per_second: measured on this machine with this model.
    """
    shape = shape or SIZES[size]  # type: ignore[index]
    batch_rows = batch_rows_for(settings, device=device)
    batch_tokens = batch_rows * settings.row_length
    if settings.max_steps is not None:
        steps = settings.max_steps
    elif settings.epochs is not None:
        steps = round(settings.epochs * text_tokens / batch_tokens)
    else:
        steps = int(_tokens_in(seconds, tokens_per_second, batch_tokens, settings) / batch_tokens)
    most_steps = None
    if is_timed(settings):
        most_steps = max(1, round(MOST_EPOCHS * text_tokens / batch_tokens))
        steps = min(steps, most_steps)
    steps = max(1, steps)
    return Plan(
        architecture=settings.architecture,
        size=size,
        shape=shape,
        parameters=num_parameters(
            shape,
            vocab_size=vocab_size,
            row_length=settings.row_length,
            architecture=settings.architecture,
        )[1],
        vocab_size=vocab_size,
        row_length=settings.row_length,
        text_tokens=text_tokens,
        max_steps=steps,
        warmup_steps=warmup_steps_of(steps, settings),
        decay_share=settings.decay_share,
        batch_rows=batch_rows,
        micro_rows=micro_rows_for(settings, batch_rows=batch_rows, device=device),
        peak_lr=peak_lr,
        **intervals(settings, steps=steps),
        tokens_per_second=round(tokens_per_second, 1),
        device=device,
        precision=precision,
        time_seconds=seconds if is_timed(settings) else None,
        most_steps=most_steps,
    )


def is_timed(settings: TrainConfig) -> bool:
    """Whether time ends the training."""
    return settings.max_steps is None and settings.epochs is None


def moved(plan: Plan, settings: TrainConfig, *, device: str, precision: str) -> Plan:
    """The plan of a stopped training for where it goes on, with what may change between.

    Micro-batches that were found to fit, or made smaller, stay where the device is the same.
    """
    micro_rows = micro_rows_for(settings, batch_rows=plan.batch_rows, device=device)
    if settings.micro_batch_tokens == "auto" and device == plan.device:
        micro_rows = plan.micro_rows
    return replace(
        plan,
        device=device,
        precision=precision,
        micro_rows=micro_rows,
        **intervals(settings, steps=plan.max_steps),
    )


def revised(
    plan: Plan, settings: TrainConfig, *, seconds: float, at_step: int, spent_seconds: float
) -> Plan:
    """The plan of a training with another time left for it, less or more.

    Args:
        plan: as it was.
        settings: for intervals and warm-up.
        seconds: from now on.
        at_step: steps taken.
        spent_seconds: that they took, and steps that were lost.
    """
    pace = at_step / spent_seconds if at_step and spent_seconds else 0.0
    pace = pace or plan.tokens_per_second / plan.batch_tokens
    steps = max(1, round(seconds * pace))
    end = at_step + steps
    return replace(
        plan,
        max_steps=end,
        warmup_steps=warmup_steps_of(steps, settings),
        time_seconds=spent_seconds + seconds,
        revised_at=at_step,
        most_steps=None,
        **intervals(settings, steps=end),
    )


def warmup_steps_of(steps: int, settings: TrainConfig) -> int:
    """Of so many steps, those in which the rate climbs: 1 or more."""
    return min(max(1, round(settings.warmup_share * steps)), steps)


def intervals(settings: TrainConfig, *, steps: int) -> dict[str, Any]:
    """How often to validate, log and save; these may change between a stop and the next start."""
    return {
        "validate_steps": _every(settings.validate_steps, steps=steps, parts=_VALIDATIONS),
        "log_steps": _every(settings.log_steps, steps=steps, parts=200),
        "checkpoint_steps": (
            None if settings.checkpoint_steps == "auto" else settings.checkpoint_steps
        ),
    }


def _tokens_in(
    seconds: float, tokens_per_second: float, batch_tokens: int, settings: TrainConfig
) -> float:
    """Training tokens that fit into a time which validations share."""
    tokens = seconds * tokens_per_second
    cost = _VALIDATION_COST * settings.validation_tokens
    if settings.validate_steps == "auto":
        left = tokens - _VALIDATIONS * cost
    else:
        left = tokens / (1 + cost / (settings.validate_steps * batch_tokens))
    return max(left, tokens / 2)


def describe(plan: Plan) -> str:
    """The plan in two lines for a person."""
    return (
        f"plan: {plan.model}, {readable_number(plan.parameters)} parameters · "
        f"{readable_number(plan.text_tokens)} tokens of text, "
        f"{readable_number(plan.train_tokens)} to read ({plan.passes})\n"
        f"      {plan.max_steps:,} steps of {plan.batch_tokens:,} tokens in rows of "
        f"{plan.row_length} · {readable_number(plan.tokens_per_second)} tokens/s on {plan.device} "
        f"in {plan.precision} · about {readable_seconds(plan.seconds)}"
    )


def _every(setting: int | Auto, *, steps: int, parts: int) -> int:
    return -(-steps // parts) if setting == "auto" else setting
