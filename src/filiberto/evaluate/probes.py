"""What a model is worth for a task: fine-tuned by one fixed recipe, next to what tells its worth.

    model, the same shape with random weights, others -> optimizer, rates -> three seeds -> test

Optimizer and rates are those, of three, that do best on the dev part with the first seed; the mean
is that of three seeds on the test part, its interval a bootstrap over the test's sentences. Models
from elsewhere, the random one and the rule of the most frequent label go the same way.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from filiberto.console import Advance
from filiberto.evaluate.bootstrap import interval
from filiberto.evaluate.model import load_reader
from filiberto.evaluate.tasks import Counts, Probe
from filiberto.evaluate.tuning import RATES, Tuned, choose, counts, encode, fine_tune, scores
from filiberto.train.hardware import Hardware
from filiberto.train.rates import Rates

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Contestant:
    """A model to probe: its name in tables, its folder, and whether only its shape is taken."""

    name: str
    folder: Path
    random: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a contestant came to, by measure.

    Attributes:
        found: of each seed the counts on the test part, `[seeds, measures, sentences, 2]`.
        rates: with which they were reached.
        tried: of each of `RATES` the first measure on the dev part, with the first seed.
    """

    name: str
    found: Counts
    rates: Rates
    tried: list[float]
    seconds: float
    steps: int


def probe(task: Probe, contestant: Contestant, *, machine: Hardware, advance: Advance) -> Row:
    """Fine-tune a contestant for a task and test it.

    Args:
        task: what is learned.
        contestant: the model.
        machine: device and number format.
        advance: told each training that is done, of `trainings()`.
    """
    start = time.monotonic()
    reader = load_reader(contestant.folder)
    parts = {part: encode(reader, rows) for part, rows in task.data.parts.items()}
    pad_id = reader.special_ids["<pad>"]

    def tuned(seed: int, rates: Rates) -> Tuned:
        made = fine_tune(
            task,
            contestant.folder,
            parts,
            random=contestant.random,
            rates=rates,
            seed=seed,
            pad_id=pad_id,
            machine=machine,
        )
        advance(1)
        return made

    def tested(made: Tuned) -> Counts:
        return counts(task, made.model, parts["test"], pad_id=pad_id, machine=machine)

    chosen = choose(lambda rates: tuned(SEEDS[0], rates))
    found, steps = [tested(chosen.best)], chosen.steps
    for seed in SEEDS[1:]:
        made = tuned(seed, chosen.rates)
        found.append(tested(made))
        steps += made.steps
    return Row(
        name=contestant.name,
        found=np.stack(found),
        rates=chosen.rates,
        tried=chosen.tried,
        seconds=time.monotonic() - start,
        steps=steps,
    )


def trainings() -> int:
    """How many a probe takes."""
    return len(RATES) + len(SEEDS) - 1


def summary(found: Counts, *, seed: int = 0) -> dict[str, Any]:
    """Mean, scores of the seeds and interval of one measure.

    Args:
        found: `[seeds, sentences, 2]`.
        seed: of the bootstrap.

    Returns:
        `mean`, `scores`, and `low` and `high`, the bounds of the 95 % bootstrap interval of that
        mean over resampled test sentences.
    """
    single = [scores(one[None])[0] for one in found]
    low, high = interval(found, seed=seed)
    return {"mean": float(np.mean(single)), "scores": single, "low": low, "high": high}
