"""Stage 5, evaluate: a trained model -> figures, in a file, in words and as a page.

model/ + corpus/ + prompts, pairs, labelled text, other models -> report/metrics.json summary.txt
                                                    marks.json -> report.html *.tex cite.bib
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filiberto import initial
from filiberto.config import PHRASEBOOK, EvaluateConfig, Recipe
from filiberto.console import say
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest

if TYPE_CHECKING:
    from filiberto.evaluate.measure import Material
    from filiberto.evaluate.minimal_pairs import MinimalPair
    from filiberto.evaluate.model import Reader
    from filiberto.evaluate.pairs import Choice
    from filiberto.evaluate.prompts import Prompt
    from filiberto.evaluate.tasks import Task

# Of the training text, for how frequent a word is.
_COUNTED_BYTES = 32 << 20


def build(
    run: Path,
    *,
    settings: EvaluateConfig | None = None,
    language: str = "",
    choices: Sequence[Choice] = (),
    pairs: Sequence[MinimalPair] = (),
    force: bool = False,
) -> Manifest:
    """Measure the model of a run and write its report, or return what is there.

    Unlike the stages before it, a report made with other settings is simply made again: it costs
    little and nothing depends on it; what costs much is kept (`kept.py`).

    Args:
        run: the run folder; its model is finished.
        settings: how much text, and what else the model is to be tried on.
        language: ISO 639 code; picks the prompts where the settings say 'auto'.
        choices: sentences in which the model must prefer the right word to wrong ones.
        pairs: minimal pairs beside those of the files that the settings name.
        force: measure again even if nothing has changed.

    Raises:
        UnfinishedStageError: there is no finished model.
        UsageError: prompts, pairs, marks, labelled text or another model cannot be read or found.
        BadDataError: labelled text is not as it must be.
    """
    from filiberto.evaluate import marks
    from filiberto.evaluate.contest import tasks_of
    from filiberto.evaluate.elsewhere import folder_of, name_of
    from filiberto.evaluate.kept import digest_of
    from filiberto.evaluate.minimal_pairs import digest
    from filiberto.evaluate.page import page
    from filiberto.evaluate.pair_files import read_pairs
    from filiberto.evaluate.prompts import load_prompts
    from filiberto.evaluate.report import summary_text
    from filiberto.evaluate.tex import tex

    settings = settings or EvaluateConfig()
    prompts = load_prompts(settings.prompts, language=language)
    pairs = [*pairs, *(p for path in settings.pairs for p in read_pairs(Path(path)))]
    marked = marks.of(run)
    inputs = {
        "model": manifest.require(run, "model").content,
        "corpus": manifest.require(run, "corpus").content,
    }
    tasks = tasks_of(settings)
    others = [(name_of(name), folder_of(name)) for name in settings.against]
    asked = manifest.plain(
        {
            "max_bytes": settings.max_bytes,
            "word_share": settings.word_share,
            "likelihood_words": settings.likelihood_words,
            "prompts": [asdict(prompt) for prompt in prompts],
            "choices": [[choice.text, choice.right, *choice.wrong] for choice in choices],
            "pairs": digest(pairs),
            "tasks": [[task.name, task.data.name, task.data.digest] for task in tasks],
            "against": [[name, *digest_of(folder)] for name, folder in others],
            "marks": None if marked is None else asdict(marked),
        }
    )
    there = manifest.read(run / "report")
    key = manifest.fingerprint("evaluate", settings=asked, inputs=inputs)
    if there is not None and there.fingerprint == key and not force:
        return there
    start = time.perf_counter()
    if there is not None and not force and _marks_alone_differ(there, asked["marks"], key):
        metrics = there.facts
    else:
        material = _material(run, settings, prompts=prompts, choices=choices, pairs=pairs)
        metrics = _metrics(run, material, tasks, others, follows=asked)
    metrics.pop("marks", None)
    metrics |= {"marks": marks.fold(metrics["prompts"], marked)} if marked else {}
    written = {"summary.txt": summary_text(metrics) + "\n", "report.html": page(run, metrics)}
    written |= tex(metrics)
    with safeio.new_folder(run / "report") as folder:
        safeio.write_json(folder / "metrics.json", metrics)
        for name, text in written.items():
            safeio.write_bytes(folder / name, text.encode())
        return manifest.finish(
            folder,
            stage="evaluate",
            settings=asked,
            inputs=inputs,
            facts=metrics,
            seconds=time.perf_counter() - start,
        )


def run(recipe: Recipe, run: Path, *, force: bool = False) -> Manifest:
    """The command `filiberto evaluate`."""
    from filiberto.evaluate.report import summary_text

    choices, pairs = [], []
    if PHRASEBOOK in recipe.text:
        from filiberto.corpus.contrasts import contrasts
        from filiberto.corpus.phrasebook import held_out_items
        from filiberto.evaluate.minimal_pairs import MinimalPair

        choices = held_out_items(seed=recipe.seed)
        pairs = [MinimalPair(*contrast) for contrast in contrasts(choices)]
    done = build(
        run,
        settings=recipe.evaluate,
        language=recipe.language,
        choices=choices,
        pairs=pairs,
        force=force,
    )
    say(summary_text(done.facts))
    return done


def _metrics(
    run: Path,
    material: Material,
    tasks: Sequence[Task],
    others: Sequence[tuple[str, Path]],
    *,
    follows: dict[str, Any],
) -> dict[str, Any]:
    """Figures of the run's model, of that it began from, of others, and the probes of them."""
    from filiberto.evaluate.contest import contest
    from filiberto.evaluate.kept import digest_of, kept
    from filiberto.evaluate.measure import figures
    from filiberto.evaluate.probes import Contestant

    name = run.resolve().name
    own = _open(run)
    metrics = {"name": name, **_trained(run), **figures(own, material)}
    if initial.of(run):
        metrics["before"] = figures(_open(run / initial.INITIAL), material)
    same = {"corpus": manifest.require(run, "corpus").content}
    same |= {key: follows[key] for key in follows.keys() - {"tasks", "against", "marks"}}
    contestants = [Contestant(name, run / "model", own)]
    for other, folder in others:
        say(f"against {other}")
        reader = _open(folder)
        known = {**same, "model": digest_of(folder)}
        found = kept(run, known, partial(figures, reader, material))
        metrics.setdefault("against", []).append({"name": other, **found})
        contestants.append(Contestant(other, folder, reader))
    if tasks:
        metrics["probes"] = contest(run, tasks, contestants, training_text=_training_text(run))
    return metrics


def _material(
    run: Path,
    settings: EvaluateConfig,
    *,
    prompts: Sequence[Prompt],
    choices: Sequence[Choice],
    pairs: Sequence[MinimalPair],
) -> Material:
    from filiberto.evaluate.bits import WORD
    from filiberto.evaluate.measure import Material, word_frequencies

    documents = list(_documents(run, max_bytes=settings.max_bytes))
    words = {word for _, text in documents for word in WORD.findall(text)}
    return Material(
        documents=documents,
        prompts=prompts,
        choices=choices,
        pairs=pairs,
        word_share=settings.word_share,
        likelihood_words=settings.likelihood_words,
        per_million=word_frequencies(words, _training_text(run, max_bytes=_COUNTED_BYTES)),
    )


def _marks_alone_differ(there: Manifest, marked: Any, key: str) -> bool:
    """Whether a report was measured as it would be now, but for what a reader has marked since."""

    def fingerprint(settings: dict[str, Any]) -> str:
        return manifest.fingerprint("evaluate", settings=settings, inputs=there.inputs)

    of_this_version = fingerprint(there.settings) == there.fingerprint
    return of_this_version and fingerprint({**there.settings, "marks": marked}) == key


def _open(place: Path) -> Reader:
    """The model of a run or folder, on the GPU if there is one."""
    import torch

    from filiberto.evaluate.model import load_reader
    from filiberto.train import hardware

    hardware.keep_freed_memory()
    reader = load_reader(place)
    machine = hardware.find_hardware(device="auto", precision="fp32")
    torch.nn.Module.to(reader.model, machine.device)
    return reader


def _trained(run: Path) -> dict[str, Any]:
    """What training measured: the loss of single hidden tokens."""
    facts = manifest.require(run, "model").facts
    return {key: facts[key] for key in ("validation_loss", "validation_accuracy", "tokens", "plan")}


def _documents(run: Path, *, max_bytes: int) -> Iterator[tuple[str, str]]:
    """Validation documents, spread over all sources, up to a number of bytes."""
    from filiberto.corpus import reading

    taken = 0
    total = manifest.require(run, "corpus").facts["validation"]["bytes"]
    wanted = min(1.0, max_bytes / max(1, total))
    seen = 0
    for batch in reading.documents(run / "corpus", split="validation"):
        for document, text in batch:
            seen += len(text.encode())
            if taken < wanted * seen:
                taken += len(text.encode())
                yield document, text


def _training_text(run: Path, *, max_bytes: int | None = None) -> Iterator[str]:
    """Training documents; about so many bytes of them, taken evenly from all."""
    from filiberto.corpus import reading

    total = manifest.require(run, "corpus").facts["train"]["bytes"]
    share = 1.0 if max_bytes is None else min(1.0, max_bytes / max(1, total))
    taken = 0
    for number, batch in enumerate(
        reading.documents(run / "corpus", split="train", batch_bytes=1 << 20), 1
    ):
        if taken < share * number:
            taken += 1
            yield from (text for _, text in batch)
