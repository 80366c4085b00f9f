"""Stage 5, evaluate: a trained model -> figures, in a file, in words and as a page.

model/ + corpus/ + prompts, pairs, labelled text, other models -> report/metrics.json summary.txt
                                                    marks.json -> report.html *.tex cite.bib
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filiberto.config import PHRASEBOOK, EvaluateConfig, Recipe
from filiberto.console import say
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest

if TYPE_CHECKING:
    from filiberto.evaluate.inputs import Inputs
    from filiberto.evaluate.pair_files import MinimalPair
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
    from filiberto.evaluate.inputs import read_inputs

    settings = settings or EvaluateConfig()
    asked = read_inputs(run, settings, language=language, choices=choices, pairs=pairs)
    there = manifest.read(run / "report")
    if there is not None and there.fingerprint == asked.fingerprint and not force:
        return there
    start = time.perf_counter()
    if there is not None and not force and _looks_alone_differ(there, asked):
        metrics = there.facts
    else:
        from filiberto.evaluate.comparison import metrics_of

        metrics = metrics_of(run, asked, force=force)
    metrics.pop("marks", None)
    if asked.marked:
        metrics["marks"] = marks.fold(metrics["prompts"], asked.marked)
    with safeio.new_folder(run / "report") as folder:
        _write(folder, run, metrics)
        return manifest.finish(
            folder,
            stage="evaluate",
            settings=asked.settings,
            inputs=asked.inputs,
            facts=metrics,
            seconds=time.perf_counter() - start,
        )


def _write(folder: Path, run: Path, metrics: dict[str, Any]) -> None:
    """The files of a report, but for its manifest."""
    from filiberto.evaluate.page import page
    from filiberto.evaluate.report import summary_text
    from filiberto.evaluate.tex import tex

    safeio.write_json(folder / "metrics.json", metrics)
    texts = {"summary.txt": summary_text(metrics) + "\n", "report.html": page(run, metrics)}
    for name, text in (texts | tex(run, metrics)).items():
        safeio.write_bytes(folder / name, text.encode())


def check(recipe: Recipe) -> None:
    """Fetch and read what a model is to be tried on before hours of training, not after them.

    Raises:
        UsageError: a file, a folder or a model is not there.
        StateError: a model cannot be measured.
        BadDataError: labelled text is not as it must be.
        TryAgainError: what is published cannot be fetched.
    """
    from filiberto.evaluate import published
    from filiberto.evaluate.labelled import read_all
    from filiberto.evaluate.pair_files import read_pairs
    from filiberto.evaluate.prompts import load_prompts

    settings, _ = published.here(recipe.evaluate, recipe.language)
    for path in settings.pairs:
        read_pairs(Path(path))
    read_all(settings)
    load_prompts(settings.prompts, language=recipe.language)
    if settings.against:
        from filiberto import initial
        from filiberto.evaluate.elsewhere import folder_of

        for name in settings.against:
            initial.configuration(folder_of(name), name=name, to_train=False)


def run(recipe: Recipe, run: Path, *, force: bool = False) -> Manifest:
    """The command `filiberto evaluate`."""
    from filiberto.evaluate.report import summary_text

    choices, pairs = [], []
    if PHRASEBOOK in recipe.text:
        from filiberto.corpus.contrasts import contrasts
        from filiberto.corpus.phrasebook import held_out_items
        from filiberto.evaluate.pair_files import MinimalPair

        choices = held_out_items(seed=recipe.seed)
        pairs = [MinimalPair(*contrast) for contrast in contrasts(choices)]
    if recipe.evaluate.model is not None:
        from filiberto import corpus, initial
        from filiberto.evaluate.elsewhere import folder_of

        model = recipe.evaluate.model
        # Or refused before anything is read.
        initial.configuration(folder_of(model), name=model, to_train=False)
        # No side of it is kept from another: all is measured.
        rules = dataclasses.replace(
            recipe.corpus, skip_rules=tuple(dict.fromkeys((*recipe.corpus.skip_rules, "leak")))
        )
        corpus.run(dataclasses.replace(recipe, corpus=rules), run, force=False)
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


def _looks_alone_differ(there: Manifest, asked: Inputs) -> bool:
    """Whether a report has the figures that it would have now, and only shows them otherwise."""

    def fingerprint(settings: dict[str, Any]) -> str:
        return manifest.fingerprint("evaluate", settings=settings, inputs=there.inputs)

    of_this_version = fingerprint(there.settings) == there.fingerprint
    same = fingerprint({**there.settings, **asked.shown})
    return of_this_version and same == asked.fingerprint
