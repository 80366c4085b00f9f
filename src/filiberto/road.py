"""The stages in order, told as one story.

corpus -> tokenizer -> tokens -> train -> evaluate
"""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path

from filiberto.config import ITALIAN, PHRASEBOOK, SECTIONS, Recipe
from filiberto.console import readable_seconds, say

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


def run(recipe: Recipe, run: Path, *, force: bool = False) -> None:
    """The command `filiberto run`: every stage that is not finished yet, into one folder."""
    start = time.monotonic()
    demo = PHRASEBOOK in recipe.text
    if demo:
        say(_DEMO.format(run=run))
    for number, name in enumerate(SECTIONS, 1):
        say()
        say(f"[{number}/{len(SECTIONS)}] {name}", style="bold cyan")
        # Only training divides the time; the others take what they need.
        elapsed = {"elapsed": time.monotonic() - start} if name == "train" else {}
        import_module(f"filiberto.{name}").run(recipe, run, force=force, **elapsed)
    if demo:
        say()
        say(_DEMO_LOSS)
    say()
    say(f"Done in {readable_seconds(time.monotonic() - start)}. The model is {run / 'model'}:")
    say(f"  filiberto fill {run} {_quoted(recipe)}")
    say(f"  filiberto look {run}")
    say(f'  python -c "from transformers import pipeline; print({_pipeline(recipe, run)})"')
    if demo:
        say()
        say(_DEMO_NEXT)


def _quoted(recipe: Recipe) -> str:
    return '"ciao ___ va?"' if recipe.language in ITALIAN else '"... ___ ..."'


def _pipeline(recipe: Recipe, run: Path) -> str:
    text = "ciao <mask> va?" if recipe.language in ITALIAN else "... <mask> ..."
    return f"pipeline('fill-mask', '{run / 'model'}')('{text}')"
