"""What a plan comes to: memory, disk, the loss to expect, what will not go well.

plan + what is known of the text and the place  ->  Forecast  ->  a table for people

Nothing here touches the disk; `Place.of` alone looks at the machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from filiberto.config import Architecture, TrainConfig
from filiberto.console import readable_number, readable_seconds
from filiberto.train import flops, footprint, law
from filiberto.train.hardware import Hardware, memory_bytes
from filiberto.train.plan import Plan
from filiberto.train.sizes import SIZES, Shape

# A model that has read less than this is still learning which words are frequent.
_FEW_TOKENS = 2_000_000

# Of the memory there is, so much may be used.
FULL = 0.9


@dataclass(frozen=True, kw_only=True)
class Given:
    """The model of `--init-from`."""

    architecture: Architecture
    shape: Shape
    vocab_size: int


@dataclass(frozen=True, kw_only=True)
class Text:
    """What is known of a run's text, and of the model that brings its tokenizer.

    Attributes:
        documents: to train on; None before they are counted.
        tokens: to train on.
        token_bytes: of one, on average; None where only its tokens are here.
        exact: whether it was counted, or is a guess from the size of files.
        unigram_loss: of guessing by frequency alone, in nats; None before there are tokens.
    """

    documents: int | None
    tokens: int
    token_bytes: float | None
    vocab_size: int
    exact: bool
    given: Given | None = None
    unigram_loss: float | None = None

    @property
    def bytes(self) -> float:
        """Of the training text; 0 where that is not known."""
        return self.tokens * (self.token_bytes or 0.0)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a training runs.

    Attributes:
        rate: products a second (see `flops.rate_of`).
        memory_bytes: of the machine, or of the card; None where nobody knows.
        machine: None for one that is not here.
    """

    name: str
    device: str
    precision: str
    rate: float
    memory_bytes: float | None
    machine: Hardware | None = None

    @classmethod
    def of(cls, machine: Hardware) -> Place:
        """This one."""
        return cls(
            name=machine.name,
            device=machine.device,
            precision=machine.precision,
            rate=flops.rate_of(machine),
            memory_bytes=memory_bytes(machine.device),
            machine=machine,
        )


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A validation loss at the end, and how far it may be off, in nats a hidden token.

    Attributes:
        bits_per_byte: the same loss by the bytes of the tokens.
        at_most: the loss will be below this. The trainings that were measured began with random
            embeddings, and this one does not.
    """

    loss: float
    error: float
    bits_per_byte: float | None
    at_most: bool


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A plan, and what it comes to.

    Attributes:
        speed: whether tokens a second were measured here or are an estimate.
        hours: of the whole command.
        expected: None where nothing like it was measured.
        memory_gb: peak, of the process or of the card.
        cost: for the hours at the price that was given.
        warnings: what will not go well, and what would help.
    """

    text: Text
    plan: Plan
    mask_rate: float
    hardware: str
    speed: Literal["measured", "estimate"]
    hours: float
    expected: Expected | None
    memory_gb: float
    disk_gb: float
    cost: float | None
    warnings: tuple[str, ...]


def foresee(
    plan: Plan,
    text: Text,
    settings: TrainConfig,
    *,
    place: Place,
    speed: Literal["measured", "estimate"],
    hours: float,
    price_per_hour: float | None = None,
) -> Forecast:
    """What a plan comes to.

    Args:
        plan: steps, batch, speed.
        text: to train on.
        settings: of the training.
        place: where.
        speed: whether the plan's was measured.
        hours: of the whole command.
        price_per_hour: of the place, in whatever currency.
    """
    memory = footprint.memory_bytes(
        plan,
        checkpointed=settings.activation_checkpointing,
        cooccurrence=settings.embeddings == "cooccurrence",
    )
    return Forecast(
        text=text,
        plan=plan,
        mask_rate=settings.mask_rate,
        hardware=place.name,
        speed=speed,
        hours=hours,
        expected=_expected(plan, text, settings),
        memory_gb=memory / 1e9,
        disk_gb=footprint.disk_bytes(plan, text_bytes=text.bytes) / 1e9,
        cost=None if price_per_hour is None else hours * price_per_hour,
        warnings=tuple(_warnings(plan, memory=memory, place=place)),
    )


def lines(found: Forecast) -> Iterator[str]:
    """The forecast for a person."""
    for name, line in table(found):
        yield f"{name:<12}{line}"
    for number, line in enumerate(found.warnings):
        yield ("\nbeware      " if not number else "            ") + line


def table(found: Forecast) -> Iterator[tuple[str, str]]:
    """Its lines by name."""
    text, plan = found.text, found.plan
    about = "" if text.exact else "about "
    documents = "" if text.documents is None else f"{text.documents:,} documents, "
    size = f", {about}{text.bytes / 1e6:,.1f} MB" if text.token_bytes else ""
    yield (
        "text",
        f"{documents}{about}{readable_number(text.tokens)} tokens{size}"
        f" · vocabulary {about}{text.vocab_size:,}",
    )
    yield "model", f"{plan.model}, {readable_number(plan.parameters)} parameters"
    yield (
        "training",
        f"{plan.max_steps:,} steps of {plan.batch_tokens:,} tokens in rows of "
        f"{plan.row_length}: {readable_number(plan.train_tokens)} tokens, {plan.passes}",
    )
    yield (
        "schedule",
        f"{plan.warmup_steps:,} steps up, down to zero in the last "
        f"{100 * plan.decay_share:.0f} % · {100 * found.mask_rate:.0f} % of the tokens hidden",
    )
    yield (
        "speed",
        f"{readable_number(plan.tokens_per_second)} tokens/s on {found.hardware} in "
        f"{plan.precision} ({found.speed})",
    )
    yield "time", f"about {readable_seconds(3_600 * found.hours)}"
    yield "memory", f"about {_size(found.memory_gb)} · disk about {_size(found.disk_gb)}"
    yield "expected", _expectation(found)
    if found.cost is not None:
        yield "cost", f"{found.cost:.2f}"


def _size(gigabytes: float) -> str:
    return f"{gigabytes:.1f} GB" if gigabytes >= 0.1 else f"{1_000 * gigabytes:.0f} MB"


def _expectation(found: Forecast) -> str:
    expected = found.expected
    if not found.text.exact:
        return "nothing foretold before the text is tokens"
    if expected is None:
        return "nothing foretold: no training of this size, length and settings has been measured"
    loss, error = expected.loss, expected.error
    told = f"validation loss {_span(loss, error, expected)} nats a hidden token"
    bits = expected.bits_per_byte
    if bits is None:
        return told
    return f"{told}, {_span(bits, bits * error / loss, expected)} bits per byte of them"


def _span(value: float, error: float, expected: Expected) -> str:
    if expected.at_most:
        return f"below {value + error:.2f}"
    return f"{value - error:.2f} to {value + error:.2f}"


def _expected(plan: Plan, text: Text, settings: TrainConfig) -> Expected | None:
    whole = text.unigram_loss
    if whole is None or not law.is_as_fitted(
        settings, size=plan.size, batch_tokens=plan.batch_tokens
    ):
        return None
    if not law.is_measured(plan.size, tokens=plan.train_tokens):
        return None
    share = law.relative_loss(plan.size, tokens=plan.train_tokens, text_tokens=text.tokens)
    return Expected(
        loss=share * whole,
        error=law.ERROR * whole,
        bits_per_byte=(
            share * whole / math.log(2) / text.token_bytes if text.token_bytes else None
        ),
        at_most=settings.embeddings != "random",
    )


def _warnings(plan: Plan, *, memory: float, place: Place) -> Iterator[str]:
    if place.memory_bytes is not None and memory > FULL * place.memory_bytes:
        yield (
            f"about {memory / 1e9:.0f} GB of memory are needed and {place.memory_bytes / 1e9:.0f} "
            "are there: take a smaller --size, --train.micro-batch-tokens, or "
            "--train.activation-checkpointing"
        )
    if plan.train_tokens < _FEW_TOKENS and plan.size in SIZES:
        yield (
            f"{readable_number(plan.train_tokens)} tokens are few: below "
            f"{readable_number(_FEW_TOKENS)} a model knows which words are frequent and little "
            "more. Give it more --time, or a smaller --size"
        )
    more_text = "More text would teach more: filiberto languages shows what is open, --hub takes it"
    if plan.ends_early:
        yield (
            f"the text bears to be read {plan.epochs:.0f} times, so training ends after about "
            f"{readable_seconds(plan.seconds)}. {more_text}"
        )
    elif plan.epochs > law.MOST_EPOCHS:
        yield (
            f"the text is read {plan.epochs:.0f} times; after {law.MOST_EPOCHS:.0f} it taught "
            f"nothing more where that was measured. {more_text}"
        )
