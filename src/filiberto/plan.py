"""What a run would do and come to, before it does anything: `filiberto plan`.

what lies in the run folder, settings, this machine or another -> Forecast -> table, JSON
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filiberto import initial
from filiberto.config import DEFAULT_TIME, Architecture, Recipe, parse_bytes, parse_seconds
from filiberto.console import be_silent, readable_number, readable_seconds, say
from filiberto.errors import BadDataError, UsageError
from filiberto.runfolder import manifest
from filiberto.tokenizer.vocabulary import vocab_size_for

if TYPE_CHECKING:
    from filiberto.corpus.sources import Source
    from filiberto.train.hardware import Hardware
    from filiberto.train.plan import Plan
    from filiberto.train.sizes import Shape

# Of text that is not cut into tokens yet: bytes of a token where every character is one, and with
# which power of the bytes of a character they grow (Italian 4.8, Telugu and Hindi about 8).
_TOKEN_BYTES, _WIDE = 4.5, 0.6

# Of each file, to see how far it unpacks; parquet is counted as it lies.
_LOOKED_AT_BYTES = 1_000_000

# Bytes a second and core that the text stages take, all three.
_TEXT_BYTES_PER_SECOND = 1.0e6

# A model that has read less than this is still learning which words are frequent.
_FEW_TOKENS = 2_000_000

_MANY_EPOCHS = 40

# Of the memory there is, so much may be used.
_FULL = 0.9


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
        token_bytes: of one, on average.
        exact: whether it was counted, or is a guess from the size of files.
    """

    documents: int | None
    tokens: int
    token_bytes: float
    vocab_size: int
    exact: bool
    given: Given | None

    @property
    def bytes(self) -> float:
        """Of the training text."""
        return self.tokens * self.token_bytes


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A validation loss at the end, and how far it may be off, in nats a hidden token.

    Attributes:
        bits_per_byte: the same loss by the bytes of the tokens.
    """

    loss: float
    error: float
    bits_per_byte: float


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A plan, and what it comes to.

    Attributes:
        speed: whether tokens a second were measured here or are an estimate.
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


def run(
    recipe: Recipe,
    run: Path,
    *,
    hardware: str | None = None,
    price_per_hour: float | None = None,
    as_json: bool = False,
) -> None:
    """The command `filiberto plan`."""
    if as_json:
        be_silent()
    found = forecast(recipe, run, hardware=hardware, price_per_hour=price_per_hour)
    if as_json:
        print(json.dumps(asdict(found), indent=2))
        return
    for name, line in table(found):
        say(f"{name:<12}{line}")
    for number, line in enumerate(found.warnings):
        say(("\nbeware      " if not number else "            ") + line)


def forecast(
    recipe: Recipe,
    run: Path,
    *,
    hardware: str | None = None,
    price_per_hour: float | None = None,
) -> Forecast:
    """What the recipe would do in a run folder.

    The speed is measured where the run has its tokens, which takes some seconds.

    Args:
        recipe: the settings.
        run: the run folder, with as many stages finished as there are, or none.
        hardware: a card that is not here, such as 'h100'; this machine where it is None.
        price_per_hour: of the machine, in whatever currency.

    Raises:
        UsageError: no text is named, or no such card is known.
        BadDataError: the files that are named hold no text.
    """
    from filiberto.train import footprint
    from filiberto.train.plan import training_seconds

    text = _text(recipe, run)
    ready = manifest.read(run / "tokens") is not None
    waiting = 0.0 if ready else text.bytes / (_TEXT_BYTES_PER_SECOND * (os.cpu_count() or 1))
    seconds = training_seconds(recipe.time or DEFAULT_TIME, elapsed=waiting)
    place = _place(recipe, hardware)
    plan, speed = _plan(recipe, run if ready else None, text, seconds=seconds, place=place)
    whole = parse_seconds(recipe.time or DEFAULT_TIME)
    hours = (whole if plan.time_seconds else waiting + plan.seconds) / 3_600
    checkpointed = recipe.train.activation_checkpointing
    plan = _fitting(plan, recipe, place=place)
    memory = footprint.memory_bytes(plan, checkpointed=checkpointed)
    return Forecast(
        text=text,
        plan=plan,
        mask_rate=recipe.train.mask_rate,
        hardware=place.name,
        speed=speed,
        hours=hours,
        expected=_expected(plan, run, text) if ready else None,
        memory_gb=memory / 1e9,
        disk_gb=footprint.disk_bytes(plan, text_bytes=text.bytes) / 1e9,
        cost=None if price_per_hour is None else hours * price_per_hour,
        warnings=tuple(_warnings(plan, memory=memory, place=place)),
    )


def table(found: Forecast) -> list[tuple[str, str]]:
    """The forecast for a person: what, and how much."""
    text, plan = found.text, found.plan
    about = "" if text.exact else "about "
    documents = "" if text.documents is None else f"{text.documents:,} documents, "
    rows = [
        (
            "text",
            f"{documents}{about}{readable_number(text.tokens)} tokens, "
            f"{about}{text.bytes / 1e6:,.1f} MB · vocabulary {about}{text.vocab_size:,}",
        ),
        ("model", f"{plan.model}, {readable_number(plan.parameters)} parameters"),
        (
            "training",
            f"{plan.max_steps:,} steps of {plan.batch_tokens:,} tokens in rows of "
            f"{plan.row_length}: {readable_number(plan.train_tokens)} tokens, "
            f"{plan.passes}",
        ),
        (
            "schedule",
            f"{plan.warmup_steps:,} steps up, down to zero in the last "
            f"{100 * plan.decay_share:.0f} % · "
            f"{100 * found.mask_rate:.0f} % of the tokens hidden",
        ),
        (
            "speed",
            f"{readable_number(plan.tokens_per_second)} tokens/s on {found.hardware} in "
            f"{plan.precision} ({found.speed})",
        ),
        ("time", f"{readable_seconds(3_600 * found.hours)} from text to report"),
        ("memory", f"about {found.memory_gb:.1f} GB · disk about {found.disk_gb:.1f} GB"),
    ]
    rows.append(("expected", _expectation(found)))
    if found.cost is not None:
        rows.append(("cost", f"{found.cost:.2f}"))
    return rows


def _expectation(found: Forecast) -> str:
    expected = found.expected
    if not found.text.exact:
        return "nothing foretold before the text is tokens"
    if expected is None:
        return "nothing foretold: no training of this size and length has been measured"
    loss, error = expected.loss, expected.error
    least, most = (expected.bits_per_byte * (1 + side * error / loss) for side in (-1, 1))
    return (
        f"validation loss {loss - error:.2f} to {loss + error:.2f} nats a hidden token, "
        f"{least:.2f} to {most:.2f} bits per byte"
    )


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a training would run; `machine` where that is here."""

    name: str
    device: str
    precision: str
    rate: float
    memory_bytes: float | None
    machine: Hardware | None = None


def _place(recipe: Recipe, hardware: str | None) -> _Place:
    from filiberto import doctor
    from filiberto.train import flops
    from filiberto.train.hardware import hardware_for

    if hardware is not None:
        card = flops.CARDS.get(hardware.upper())
        if card is None:
            known = ", ".join(name.lower() for name in flops.CARDS)
            raise UsageError(f"no figures for a {hardware!r}", hint=f"there are: {known}")
        return _Place(
            name=f"one {hardware.upper()}",
            device="cuda",
            precision="bf16" if card.bf16 else "fp16",
            rate=card.rate,
            memory_bytes=card.memory_bytes,
        )
    machine, found = hardware_for(recipe.train), doctor.find()
    on_gpu = machine.device == "cuda"
    memory_gb = found.gpu_memory_gb if on_gpu else found.memory_gb
    return _Place(
        name=machine.name,
        device=machine.device,
        precision=machine.precision,
        rate=flops.rate_of(machine),
        memory_bytes=None if memory_gb is None else 1e9 * memory_gb,
        machine=machine,
    )


def _plan(
    recipe: Recipe, run: Path | None, text: Text, *, seconds: float, place: _Place
) -> tuple[Plan, Literal["measured", "estimate"]]:
    from filiberto.train import flops, hardware, optim, plan, prepare
    from filiberto.train.job import new_job
    from filiberto.train.sizes import SIZES, nearest_size

    settings, given = recipe.train, text.given
    where = {"device": place.device, "precision": place.precision}
    if given is None:
        size = plan.choose_size(
            recipe.size,
            settings,
            seconds=seconds,
            vocab_size=text.vocab_size,
            text_tokens=text.tokens,
            rate=place.rate,
            **where,
        )
        shape = SIZES[size]
    else:
        shape, size = given.shape, nearest_size(given.shape)
        settings = replace(settings, architecture=given.architecture)
    if run is not None and place.machine is not None:
        hardware.keep_freed_memory()
        job = new_job(run, settings=settings, size=size, machine=place.machine, seed=recipe.seed)
        return prepare.measured_plan(job, settings=job.settings, seconds=seconds), "measured"
    speed = flops.expected_speed(
        shape, settings, vocab_size=text.vocab_size, rate=place.rate, **where
    )
    made = plan.make_plan(
        settings,
        size=shape.name if given else size,
        shape=shape,
        vocab_size=text.vocab_size,
        text_tokens=text.tokens,
        seconds=seconds,
        tokens_per_second=speed,
        peak_lr=optim.peak_rates(settings, size=size, goes_on=given is not None).adamw,
        **where,
    )
    return made, "estimate"


def _fitting(plan: Plan, recipe: Recipe, *, place: _Place) -> Plan:
    """The plan with as many rows at once as the memory holds, which training finds out itself."""
    from filiberto.train import footprint

    settings, there = recipe.train, place.memory_bytes
    while (
        there is not None
        and settings.micro_batch_tokens == "auto"
        and plan.micro_rows > 1
        and footprint.memory_bytes(plan, checkpointed=settings.activation_checkpointing)
        > _FULL * there
    ):
        plan = replace(plan, micro_rows=plan.micro_rows // 2)
    return plan


def _expected(plan: Plan, run: Path, text: Text) -> Expected | None:
    from filiberto.train import law
    from filiberto.train.prepare import unigram_loss

    if plan.architecture != "modernbert" or not law.is_measured(
        plan.size, tokens=plan.train_tokens
    ):
        return None
    whole = unigram_loss(run)
    share = law.relative_loss(plan.size, tokens=plan.train_tokens, text_tokens=text.tokens)
    return Expected(
        loss=share * whole,
        error=law.ERROR * whole,
        bits_per_byte=share * whole / math.log(2) / text.token_bytes,
    )


def _warnings(plan: Plan, *, memory: float, place: _Place) -> Iterator[str]:
    if place.memory_bytes is not None and memory > _FULL * place.memory_bytes:
        yield (
            f"about {memory / 1e9:.0f} GB of memory are needed and {place.memory_bytes / 1e9:.0f} "
            "are there: take a smaller --size, --train.micro-batch-tokens, or "
            "--train.activation-checkpointing"
        )
    if plan.train_tokens < _FEW_TOKENS:
        yield (
            f"{readable_number(plan.train_tokens)} tokens are few: below "
            f"{readable_number(_FEW_TOKENS)} a model knows which words are frequent and little "
            "more. Give it more --time, or a smaller --size"
        )
    if plan.epochs > _MANY_EPOCHS:
        yield (
            f"the text is read {plan.epochs:.0f} times; more of it would teach more than more "
            "time: filiberto languages shows open text, --hub takes it"
        )


def _text(recipe: Recipe, run: Path) -> Text:
    """As much as the finished stages tell, else a guess from the files."""
    corpus, tokenizer, tokens = (
        manifest.read(run / name) for name in ("corpus", "tokenizer", "tokens")
    )
    token_bytes, size = _TOKEN_BYTES, 0.0
    if corpus is None and tokens is None:
        size, token_bytes = _guessed(recipe)
    elif corpus is not None:
        size = corpus.facts["train"]["bytes"]
    count = round(size / token_bytes)
    if tokens is not None:
        count = tokens.facts["train"]["tokens"]
    if tokens is not None and corpus is not None:
        # Of validation: in training a source may be written more than once.
        token_bytes = corpus.facts["validation"]["bytes"] / tokens.facts["validation"]["tokens"]
    vocab_size, given = recipe.tokenizer.vocab_size, _given(recipe, run)
    if given is not None:
        vocab_size = given.vocab_size
    elif tokenizer is not None:
        vocab_size = tokenizer.facts["vocab_size"]
    elif vocab_size == "auto":
        vocab_size = vocab_size_for(round(count * token_bytes))
    return Text(
        documents=None if corpus is None else corpus.facts["train"]["documents"],
        tokens=count,
        token_bytes=token_bytes,
        vocab_size=vocab_size,
        exact=tokens is not None,
        given=given,
    )


def _given(recipe: Recipe, run: Path) -> Given | None:
    if initial.of(run) is not None:
        folder = run / initial.INITIAL
    elif recipe.init_from:
        folder = Path(recipe.init_from)
    else:
        return None
    from filiberto.train.architecture import MODEL_CLASSES
    from filiberto.train.sizes import shape_of

    config = initial.configuration(folder)
    return Given(
        architecture=MODEL_CLASSES[config.model_type][0],
        shape=shape_of(config),
        vocab_size=config.vocab_size,
    )


def _guessed(recipe: Recipe) -> tuple[float, float]:
    """Bytes of text, from the beginnings of the files and their sizes; bytes of a token."""
    from filiberto.corpus import sources

    if recipe.hub or (recipe.language and not recipe.text):
        return parse_bytes(recipe.max_text), _TOKEN_BYTES
    found = sources.find(recipe.text, phrasebook_bytes=recipe.corpus.phrasebook_bytes)
    size, seen, characters = 0.0, 0, 0
    for source in found:
        beginning, read = _beginning(source)
        size += source.num_bytes * (len(beginning) / read if read else 1.0)
        seen += len(beginning)
        characters += len(beginning.decode(errors="ignore"))
    if size < _TOKEN_BYTES:
        raise BadDataError("there is no text to plan for", hint="name files that hold some: --text")
    wide = seen / characters if characters else 1.0
    return size, _TOKEN_BYTES * wide**_WIDE


def _beginning(source: Source) -> tuple[bytes, int]:
    """Some text of a source, and how many bytes of its file that is."""
    from filiberto.corpus import blocks

    if source.path is None or source.format == "parquet":
        return b"", 0
    with source.path.open("rb") as file, blocks.unpacking(file, source) as stream:
        text = stream.read(_LOOKED_AT_BYTES)
        read = file.tell() if len(text) == _LOOKED_AT_BYTES else source.num_bytes
    return text, read
