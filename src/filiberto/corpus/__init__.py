"""Stage 1, corpus: your text -> clean documents without duplicates, some kept for validation.

    files, folders, globs  ->  corpus/train-*.parquet, validation-*.parquet, quarantine.jsonl,
                               report.json, report.html

    sources     find the files               processing  what is done to a batch, in parallel
    hub         fetch files from the Hub       cleaning filters repetition identify personal
    documents   what one is in plain text    ledger      what stays in memory of each record
    blocks      bytes to whole records       decide      what becomes of each document
    decoding    formats to texts               dedup neardup split leaks
    records     texts to Arrow batches       store       spool, decide, write
    engine      the streaming plan, in Daft  funnel report   the account of every record
    reading     the finished corpus as a stream

A document is a row `id, text, source`; its id is `<source>:<record>`, records counted from 0.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from filiberto import console
from filiberto.config import CorpusConfig, Recipe
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest

if TYPE_CHECKING:
    from filiberto.corpus.hub_choice import Asked
    from filiberto.corpus.sources import Source

STAGE = "corpus"
_DEFAULTS = CorpusConfig()


def build(
    run: Path,
    *,
    text: Sequence[str],
    hub: Asked | None = None,
    settings: CorpusConfig = _DEFAULTS,
    language: str = "",
    seed: int = 0,
    force: bool = False,
) -> Manifest:
    """Build the corpus of a run, or return its manifest if it is finished just so.

    Args:
        run: the run's folder, which exists and is locked by the caller.
        text: files, folders, globs or `builtin:phrasebook`.
        hub: text from the Hub, beside `text` or instead of it.
        language: ISO 639 code; text in another language is dropped where it is known to be.
        seed: of the choice of validation text, and of the phrasebook.
        force: build it again whatever is there.

    Raises:
        UsageError: nothing matches `text`, or a file has no such field or column.
        BadDataError: a file is damaged, too much is malformed, or no text is left.
        OtherRunError: the stage is finished with other text or settings.
        TryAgainError: the Hub cannot be reached.
    """
    from filiberto.corpus import documents, sources

    found: list[Source] = []
    if text or hub is None:
        found = sources.find(text, phrasebook_bytes=settings.phrasebook_bytes)
    found = documents.resolve(found, settings.documents)
    identified = _identified(language, settings)
    asked = {**asdict(settings), "identified_language": identified, "seed": seed}
    del asked["engine"]  # it changes no byte
    inputs = sources.hashes(found, seed=seed)
    choice = None
    if hub is not None:
        from filiberto.corpus.hub import choose

        choice = choose(run, hub, force=force)
        inputs |= choice.inputs(settings.documents)
    finished = manifest.finished_as_asked(run, STAGE, settings=asked, inputs=inputs, force=force)
    if finished is not None:
        return finished
    from filiberto.corpus import store
    from filiberto.corpus.processing import Process

    process = Process(
        skip_rules=frozenset(settings.skip_rules),
        language=identified,
        mask_personal=settings.mask_personal,
    )
    if choice is not None:
        found += choice.sources(settings.documents)
        found.sort(key=lambda source: source.name)
    if settings.documents == "auto":
        for line in documents.shown(found):
            console.say(line)
    start = time.monotonic()
    with safeio.new_folder(run / STAGE) as folder:
        facts = store.write(folder, found, settings=settings, seed=seed, process=process)
        return manifest.finish(
            folder,
            stage=STAGE,
            settings=asked,
            inputs=inputs,
            facts=facts,
            seconds=time.monotonic() - start,
        )


def run(recipe: Recipe, run: Path, *, force: bool) -> Manifest:
    """Build the corpus as a recipe says, and show what became of the text."""
    from filiberto.corpus import funnel, hub

    made = build(
        run,
        text=recipe.text,
        hub=hub.asked_by(recipe),
        settings=recipe.corpus,
        language=recipe.language,
        seed=recipe.seed,
        force=force,
    )
    for line in funnel.render(made.facts):
        console.say(line)
    return made


def _identified(language: str, settings: CorpusConfig) -> str:
    """The language whose foreign texts are dropped, or nothing where that cannot be known."""
    from filiberto.corpus import identify

    if not language or "wrong_language" in settings.skip_rules:
        return ""
    base = language.split("-")[0]  # without a script: sr-Latn
    if identify.knows(base):
        return base
    console.say(f"corpus: the identifier does not know {language}: wrong_language is not applied")
    return ""
