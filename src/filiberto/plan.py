"""What a run would do and come to, before it does anything: `filiberto plan`.

what lies in the run folder, settings, this machine or another -> Forecast -> table, JSON
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filiberto import initial
from filiberto.config import DEFAULT_TIME, Recipe, parse_bytes, parse_seconds
from filiberto.console import be_silent, say
from filiberto.errors import BadDataError, UsageError
from filiberto.runfolder import manifest
from filiberto.tokenizer.vocabulary import vocab_size_for
from filiberto.tokens import token_bytes as bytes_of_a_token

if TYPE_CHECKING:
    from filiberto.corpus.sources import Source
    from filiberto.train.forecast import Forecast, Given, Place, Text
    from filiberto.train.plan import Plan

# Of text that is not cut into tokens yet: bytes of a token where every character is one, and with
# which power of the bytes of a character they grow (Italian 4.8, Telugu and Hindi about 8).
_TOKEN_BYTES, _WIDE = 4.5, 0.6

# Of each file, to see how far it unpacks; parquet is counted as it lies.
_LOOKED_AT_BYTES = 1_000_000

# Bytes a second and core that the text stages take, all three.
_TEXT_BYTES_PER_SECOND = 1.0e6


def run(
    recipe: Recipe,
    run: Path,
    *,
    hardware: str | None = None,
    as_json: bool = False,
) -> None:
    """The command `filiberto plan`."""
    if as_json:
        be_silent()
    found = forecast(recipe, run, hardware=hardware)
    if as_json:
        print(json.dumps(asdict(found), indent=2))
        return
    from filiberto.train.forecast import lines

    for line in lines(found):
        say(line)


def forecast(recipe: Recipe, run: Path, *, hardware: str | None = None) -> Forecast:
    """What the recipe would do in a run folder.

    The speed is measured where the run has its tokens, which takes some seconds.

    Args:
        recipe: the settings.
        run: the run folder, with as many stages finished as there are, or none.
        hardware: a card that is not here, such as 'h100'; this machine where it is None.

    Raises:
        UsageError: no text is named, or no such card is known.
        BadDataError: the files that are named hold no text.
    """
    from filiberto.train.forecast import foresee
    from filiberto.train.plan import training_seconds

    text = _text(recipe, run)
    waiting = 0.0 if text.exact else text.bytes / (_TEXT_BYTES_PER_SECOND * (os.cpu_count() or 1))
    whole = recipe.time or DEFAULT_TIME
    seconds = training_seconds(whole, elapsed=waiting, reports=1 + bool(text.given))
    place = _place(recipe, hardware)
    plan, speed = _plan(recipe, run if text.exact else None, text, seconds=seconds, place=place)
    used_up = plan.time_seconds is not None and not plan.ends_early
    hours = (parse_seconds(whole) if used_up else waiting + plan.seconds) / 3_600
    return foresee(
        _fitting(plan, recipe, place=place),
        text,
        recipe.train,
        place=place,
        speed=speed,
        hours=hours,
        price_per_hour=recipe.price_per_hour,
    )


def _place(recipe: Recipe, hardware: str | None) -> Place:
    from filiberto.train import flops
    from filiberto.train.forecast import Place
    from filiberto.train.hardware import hardware_for

    if hardware is not None:
        card = flops.CARDS.get(hardware.upper())
        if card is None:
            known = ", ".join(name.lower() for name in flops.CARDS)
            raise UsageError(f"no figures for a {hardware!r}", hint=f"there are: {known}")
        return Place(
            name=f"one {hardware.upper()}",
            device="cuda",
            precision="bf16" if card.bf16 else "fp16",
            rate=card.rate,
            memory_bytes=card.memory_bytes,
        )
    return Place.of(hardware_for(recipe.train))


def _plan(
    recipe: Recipe, run: Path | None, text: Text, *, seconds: float, place: Place
) -> tuple[Plan, Literal["measured", "estimate"]]:
    from filiberto.train import flops, hardware, plan, prepare, rates
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
        peak_lr=rates.peak_rates(settings, size=size, given=given is not None).adamw,
        **where,
    )
    return made, "estimate"


def _fitting(plan: Plan, recipe: Recipe, *, place: Place) -> Plan:
    """The plan with as many rows at once as the memory holds, which training finds out itself."""
    from filiberto.train import footprint
    from filiberto.train.forecast import FULL

    settings, there = recipe.train, place.memory_bytes
    while (
        there is not None
        and settings.micro_batch_tokens == "auto"
        and plan.micro_rows > 1
        and footprint.memory_bytes(plan, checkpointed=settings.activation_checkpointing)
        > FULL * there
    ):
        plan = replace(plan, micro_rows=plan.micro_rows // 2)
    return plan


def _text(recipe: Recipe, run: Path) -> Text:
    """As much as the finished stages tell, else a guess from the files."""
    from filiberto.train.forecast import Text
    from filiberto.train.prepare import unigram_loss

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
        # Of validation: in training a source may be written more than once.
        token_bytes = bytes_of_a_token(tokens) or token_bytes
    vocab_size, given = recipe.tokenizer.vocab_size, _given(recipe, run)
    if given is not None:
        vocab_size = given.vocab_size
    elif tokenizer is not None:
        vocab_size = tokenizer.facts["vocab_size"]
    elif vocab_size == "auto":
        vocab_size = vocab_size_for(round(count * token_bytes))
    return Text(
        documents=counted.facts["train"]["documents"] if (counted := tokens or corpus) else None,
        tokens=count,
        token_bytes=token_bytes,
        vocab_size=vocab_size,
        exact=tokens is not None,
        given=given,
        unigram_loss=None if tokens is None else unigram_loss(run),
    )


def _given(recipe: Recipe, run: Path) -> Given | None:
    if initial.of(run) is not None:
        folder = run / initial.INITIAL
    elif recipe.init_from:
        folder = Path(recipe.init_from)
    else:
        return None
    from filiberto.train.architecture import MODEL_CLASSES
    from filiberto.train.forecast import Given
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
