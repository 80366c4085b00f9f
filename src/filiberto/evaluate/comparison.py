"""A run's model measured beside what it began from and beside others.

model/, corpus/, other folders -> material -> figures of each, probes of all -> metrics.json
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from filiberto import initial
from filiberto.console import say
from filiberto.corpus import reading
from filiberto.errors import StateError
from filiberto.evaluate.bits import WORD
from filiberto.evaluate.contest import contest, tasks_of
from filiberto.evaluate.inputs import Inputs
from filiberto.evaluate.kept import FOLDER as KEPT
from filiberto.evaluate.kept import digest_of, kept
from filiberto.evaluate.measure import Material, figures, guesses, word_frequencies
from filiberto.evaluate.model import Reader, load_reader
from filiberto.evaluate.probes import Contestant
from filiberto.evaluate.results import UNIGRAM
from filiberto.evaluate.unigram import unigram_reader
from filiberto.runfolder import manifest, safeio
from filiberto.tokens.stream import TokenStream, open_stream
from filiberto.train import hardware

# Raised when figures of the same model and text come to be others, or more.
_VERSION = 4

# Of the training text, for how frequent a word is.
_COUNTED_BYTES = 32 << 20


def metrics_of(run: Path, asked: Inputs, *, force: bool) -> dict[str, Any]:
    """Figures of the run's model, of that it began from, of others, and the probes of them.

    Args:
        run: the run folder, in which what took minutes is kept.
        asked: what is measured on what.
        force: forget what is kept.
    """
    for name, folder in ((asked.name, asked.model), *asked.others):
        # Or refused before anything is measured.
        initial.configuration(folder, name=name, to_train=False)
    if force:
        safeio.remove(run / KEPT)
    material = _material(run, asked)
    own = asked.config.model is None

    follows = {
        **asked.measured,
        "version": _VERSION,
        "corpus": asked.inputs["corpus"],
        "apart": own,
    }

    def measured(folder: Path) -> dict[str, Any]:
        key = {**follows, "model": digest_of(folder)}
        return kept(run, key, lambda: figures(_open(folder), material))

    trained = _trained(run) if own else {}
    metrics = {"name": asked.name, **trained, **measured(asked.model)}
    if own and (stream := _tokens_of(run)):
        key = {
            **follows,
            "tokenizer": digest_of(asked.model, weights=False),
            "unigrams": manifest.require(run, "tokens").content,
        }
        metrics["unigram"] = kept(run, key, lambda: _unigram(run, stream, material))
    if own and initial.of(run):
        metrics["before"] = measured(run / initial.INITIAL)
    for other, folder in asked.others:
        say(f"against {other}")
        metrics.setdefault("against", []).append({"name": other, **measured(folder)})
    if asked.published:
        metrics["published"] = [[data.name, data.licence] for data in asked.published]
    if asked.labelled:
        models = ((asked.name, asked.model), *asked.others)
        metrics["probes"] = contest(
            run,
            tasks_of(asked.labelled),
            [Contestant(name, folder) for name, folder in models],
            training_text=_training_text(run) if own else None,
        )
    return metrics


def _material(run: Path, asked: Inputs) -> Material:
    """Text of the run, and what the settings add."""
    own = asked.config.model is None
    # What no training has set apart is measured as a whole.
    splits = ("validation",) if own else ("validation", "train")
    documents = list(some_documents(run, max_bytes=asked.config.max_bytes, splits=splits))
    per_million = None
    if own:
        words = {word for _, text in documents for word in WORD.findall(text)}
        per_million = word_frequencies(words, _training_text(run, max_bytes=_COUNTED_BYTES))
    return Material(
        documents=documents,
        prompts=asked.prompts,
        choices=asked.choices,
        pairs=asked.pairs,
        word_share=asked.config.word_share,
        likelihood_words=asked.config.likelihood_words,
        per_million=per_million,
    )


def _tokens_of(run: Path) -> TokenStream | None:
    """The tokens that the run's model has read; None where they are gone, or others are there."""
    with suppress(StateError):
        tokens = manifest.read(run / "tokens")
        if tokens and tokens.content == manifest.require(run, "model").inputs["tokens"]:
            return open_stream(run / "tokens", split="train")
    return None


def _unigram(run: Path, stream: TokenStream, material: Material) -> dict[str, Any]:
    say(f"beside it the {UNIGRAM}")
    return guesses(unigram_reader(load_reader(run), stream), material)


def _open(place: Path) -> Reader:
    """The model of a run or folder, on the GPU if there is one."""
    hardware.keep_freed_memory()
    reader = load_reader(place)
    machine = hardware.find_hardware(device="auto", precision="fp32")
    torch.nn.Module.to(reader.model, machine.device)
    return reader


def _trained(run: Path) -> dict[str, Any]:
    """What training measured: the loss of single hidden tokens."""
    facts = manifest.require(run, "model").facts
    return {key: facts[key] for key in ("validation_loss", "validation_accuracy", "tokens", "plan")}


def some_documents(
    run: Path, *, max_bytes: int, splits: Sequence[reading.Split] = ("validation",)
) -> Iterator[tuple[str, str]]:
    """Documents as pairs of id and text, spread over all sources, so many bytes."""
    taken = 0
    facts = manifest.require(run, "corpus").facts
    total = sum(facts[split]["bytes"] for split in splits)
    wanted = min(1.0, max_bytes / max(1, total))
    seen = 0
    for split in splits:
        for document, text in chain.from_iterable(reading.documents(run / "corpus", split=split)):
            seen += len(text.encode())
            if taken < wanted * seen:
                taken += len(text.encode())
                yield document, text


def _training_text(run: Path, *, max_bytes: int | None = None) -> Iterator[str]:
    """Training documents; about so many bytes of them, taken evenly from all."""
    total = manifest.require(run, "corpus").facts["train"]["bytes"]
    share = 1.0 if max_bytes is None else min(1.0, max_bytes / max(1, total))
    taken = 0
    for number, batch in enumerate(
        reading.documents(run / "corpus", split="train", batch_bytes=1 << 20), 1
    ):
        if taken < share * number:
            taken += 1
            yield from (text for _, text in batch)
