"""Stage 5, evaluate: a trained model -> figures and a plain summary.

model/ + corpus/validation-*.parquet + prompts + pairs -> report/metrics.json, report/summary.txt
                                          marks.json ->
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filiberto import initial
from filiberto.config import PHRASEBOOK, EvaluateConfig, Recipe
from filiberto.console import progress, say
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest

if TYPE_CHECKING:
    from filiberto.evaluate.minimal_pairs import MinimalPair
    from filiberto.evaluate.model import Reader
    from filiberto.evaluate.pairs import Choice


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
    little and nothing depends on it.

    Args:
        run: the run folder; its model is finished.
        settings: prompts, minimal pairs and how much text.
        language: ISO 639 code; picks the prompts where the settings say 'auto'.
        choices: sentences in which the model must prefer the right word to wrong ones.
        pairs: minimal pairs beside those of the files that the settings name.
        force: measure again even if nothing has changed.

    Raises:
        UnfinishedStageError: there is no finished model.
        UsageError: the prompts, a file of minimal pairs or the marks cannot be read.
    """
    from filiberto.evaluate import marks
    from filiberto.evaluate.minimal_pairs import digest
    from filiberto.evaluate.pair_files import read_pairs
    from filiberto.evaluate.prompts import answer_prompts, load_prompts
    from filiberto.evaluate.report import summary_text

    settings = settings or EvaluateConfig()
    prompts = load_prompts(settings.prompts, language=language)
    pairs = [*pairs, *(p for path in settings.pairs for p in read_pairs(Path(path)))]
    marked = marks.of(run)
    inputs = {
        "model": manifest.require(run, "model").content,
        "corpus": manifest.require(run, "corpus").content,
    }
    asked = manifest.plain(
        {
            **asdict(settings),
            "prompts": [asdict(prompt) for prompt in prompts],
            "choices": [[choice.text, choice.right, *choice.wrong] for choice in choices],
            "pairs": digest(pairs),
            "marks": None if marked is None else asdict(marked),
        }
    )
    there = manifest.read(run / "report")
    key = manifest.fingerprint("evaluate", settings=asked, inputs=inputs)
    if there is not None and there.fingerprint == key and not force:
        return there
    start = time.perf_counter()

    def figures(place: Path) -> dict[str, Any]:
        reader = _open(place)
        found = {**_measure(reader, run, settings), "prompts": answer_prompts(reader, prompts)}
        likelihood = _likelihood(reader, run, settings)
        found |= {"pseudo_likelihood": likelihood} if likelihood else {}
        found |= {"pairs": _judge(reader, pairs)} if pairs else {}
        return found | ({"choices": _choose(reader, choices)} if choices else {})

    if there is not None and not force and _marks_alone_differ(there, asked["marks"], key):
        metrics = there.facts
    else:
        metrics = {**_trained(run), **figures(run)}
        if initial.of(run):
            metrics["before"] = figures(run / initial.INITIAL)
    metrics.pop("marks", None)
    metrics |= {"marks": marks.fold(metrics["prompts"], marked)} if marked else {}
    with safeio.new_folder(run / "report") as folder:
        safeio.write_json(folder / "metrics.json", metrics)
        safeio.write_bytes(folder / "summary.txt", (summary_text(metrics) + "\n").encode())
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


def _measure(reader: Reader, run: Path, settings: EvaluateConfig) -> dict[str, Any]:
    from filiberto.evaluate.bits import bits_per_byte

    documents = list(_documents(run, max_bytes=settings.max_bytes))
    total = sum(len(text.encode()) for _, text in documents)
    with progress("evaluate", total=total, unit="bytes") as advance:
        score = bits_per_byte(reader, documents, share=settings.word_share, advance=advance)
    return {
        "bits_per_byte": score.bits_per_byte,
        "word_accuracy": score.words_right / max(1, score.words),
        "words": score.words,
        "word_bytes": score.num_bytes,
        "evaluated_bytes": total,
        "evaluated_documents": len(documents),
    }


def _likelihood(reader: Reader, run: Path, settings: EvaluateConfig) -> dict[str, Any] | None:
    from filiberto.evaluate.likelihood import pseudo_likelihood

    words = settings.likelihood_words
    documents = _documents(run, max_bytes=settings.max_bytes)
    with progress("likelihood", total=words, unit="words") as advance:
        return pseudo_likelihood(reader, documents, max_words=words, advance=advance)


def _judge(reader: Reader, pairs: Sequence[MinimalPair]) -> list[dict[str, Any]]:
    from filiberto.evaluate.minimal_pairs import by_phenomenon, judge

    with progress("pairs", total=len(pairs), unit="pairs") as advance:
        return by_phenomenon(pairs, judge(reader, pairs, advance=advance))


def _choose(reader: Reader, choices: Sequence[Choice]) -> dict[str, Any]:
    from filiberto.evaluate.pairs import choose

    with progress("choices", total=len(choices), unit="sentences") as advance:
        verdicts = choose(reader, choices, advance=advance)
    wrong = [
        {"text": choice.text, "right": choice.right, "preferred": verdict.best}
        for choice, verdict in zip(choices, verdicts, strict=True)
        if not verdict.is_right
    ]
    return {"count": len(choices), "right": len(choices) - len(wrong), "wrong": wrong}


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
