"""The stages in order, told as one story.

corpus -> tokenizer -> tokens -> train -> evaluate
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from filiberto import evaluate, initial
from filiberto.config import ITALIAN, PHRASEBOOK, SECTIONS, Recipe
from filiberto.console import readable_seconds, say
from filiberto.runfolder import manifest

_DEMO = """\
This is a demonstration. It writes Italian sentences from a small built-in grammar (no network, no
real text), then walks the whole road with them: corpus, vocabulary, tokens, training, report.
It takes up to ten minutes on two CPU cores and about 60 MB in {run}."""

_DEMO_LOSS = """\
The loss counts hidden tokens only; the article's 0.358 also averages the visible ones, which cost
nothing. It is low for a model this small because generated sentences are easy."""

_DEMO_NEXT = """\
Now with real text, of any language; your own, or open text from the Hub:
  filiberto run runs/te --text FOLDER --language te --time 10m
  filiberto run runs/te --hub wikipedia --language te --time 10m"""


def run(
    recipe: Recipe,
    run: Path,
    *,
    force: bool = False,
    exact: bool = False,
    on_saved: Callable[[], object] = lambda: None,
) -> None:
    """The command `filiberto run`: every stage that is not finished yet, into one folder."""
    start = time.monotonic()
    if recipe.init_from:
        initial.check(run, Path(recipe.init_from))
    evaluate.check(recipe)
    demo = PHRASEBOOK in recipe.text
    if demo:
        say(_DEMO.format(run=run))
    training = {"exact": exact, "on_saved": on_saved}
    _walk(recipe, run, SECTIONS, start=start, force=force, training=training)
    if demo:
        say()
        say(_DEMO_LOSS)
    _tell_what_there_is(recipe, run, start=start)
    if demo:
        say()
        say(_DEMO_NEXT)


def go_on(
    recipe: Recipe,
    run: Path,
    *,
    within: str | None = None,
    exact: bool = False,
    on_saved: Callable[[], object] = lambda: None,
) -> None:
    """The commands `filiberto resume` and, with a time, `filiberto finish`.

    Where the tokens are finished, a copy of them is enough: a machine that only trains has no
    corpus, and so no text for a report.

    Args:
        recipe: the run's.
        run: the run folder.
        within: in which the training comes to its end, with model and report.
        exact: refuse to go on where it would not come to the same bits.
        on_saved: called after each checkpoint in the middle of the training.

    Raises:
        UnfinishedStageError: a training is to be finished that has not begun.
    """
    start = time.monotonic()
    done = [manifest.read(run / name) is not None for name in SECTIONS[:-2]]
    has_corpus, *_, has_tokens = done
    if has_tokens and not has_corpus:
        stages = ("train",)
    elif within or has_tokens:
        stages = ("train", "evaluate")
    else:
        stages = SECTIONS[done.index(False) :]
    training = {"within": within, "exact": exact, "on_saved": on_saved}
    _walk(recipe, run, stages, start=start, training=training)
    if "evaluate" in stages:
        _tell_what_there_is(recipe, run, start=start)
    else:
        say(f"no report: its text, {run / 'corpus'}, is not here")


def _walk(
    recipe: Recipe,
    run: Path,
    stages: tuple[str, ...],
    *,
    start: float,
    force: bool = False,
    training: dict[str, Any],
) -> None:
    for number, name in enumerate(stages, 1):
        say()
        say(f"[{number}/{len(stages)}] {name}", style="bold cyan")
        more: dict[str, Any] = {}
        if name == "train":
            # Only training divides the time; the others take what they need.
            more = {"elapsed": time.monotonic() - start, **training}
        import_module(f"filiberto.{name}").run(recipe, run, force=force, **more)


def _tell_what_there_is(recipe: Recipe, run: Path, *, start: float) -> None:
    say()
    say(f"Done in {readable_seconds(time.monotonic() - start)}. The model is {run / 'model'}:")
    say(f"  {run / 'report' / 'report.html'}   in a browser")
    say(f"  filiberto fill {run} {_quoted(recipe)}")
    say(f"  filiberto look {run}")
    say(f'  python -c "from transformers import pipeline; print({_pipeline(recipe, run)})"')


def _quoted(recipe: Recipe) -> str:
    return '"ciao ___ va?"' if recipe.language in ITALIAN else '"... ___ ..."'


def _pipeline(recipe: Recipe, run: Path) -> str:
    text = "ciao <mask> va?" if recipe.language in ITALIAN else "... <mask> ..."
    return f"pipeline('fill-mask', '{run / 'model'}')('{text}')"
