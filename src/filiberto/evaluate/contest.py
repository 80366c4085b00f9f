"""Probe a run's model beside others, and remember what each came to.

    labelled folders -> tasks; model, random weights, others -> evaluations/KEY.json -> table

A probe takes minutes, so each is kept as soon as it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from filiberto.console import progress, say
from filiberto.evaluate import probes, tuning
from filiberto.evaluate.entities import EntityTask
from filiberto.evaluate.kept import digest_of, kept
from filiberto.evaluate.labelled import Labelled, Layout
from filiberto.evaluate.parsing import ParseTask
from filiberto.evaluate.probes import Contestant
from filiberto.evaluate.seen import seen_sentences
from filiberto.evaluate.sorting import ClassTask
from filiberto.evaluate.tagging import TagTask
from filiberto.evaluate.tasks import Counts, Probe
from filiberto.train import hardware

TITLES = {
    "UPOS": "Parts of speech",
    "UFeats": "Morphological features",
    "LAS": "Dependencies with their names",
    "UAS": "Dependencies",
    "F1": "Named entities",
    "accuracy": "Classes of sentences",
}
RANDOM, MAJORITY = "same shape, random weights", "most frequent label"

# Raised when a task comes to give other figures from the same data and weights.
_VERSIONS = {"entities": 2}


def tasks_of(labelled: Mapping[Layout, Labelled]) -> list[Probe]:
    """What labelled text is good for, by its layout."""
    make: dict[Layout, tuple[Callable[[Labelled], Probe], ...]] = {
        "conllu": (TagTask, ParseTask),
        "iob": (EntityTask,),
        "classes": (ClassTask,),
    }
    return [task(data) for layout, data in labelled.items() for task in make[layout]]


def contest(
    run: Path,
    tasks: Sequence[Probe],
    contestants: Sequence[Contestant],
    *,
    training_text: Iterator[str] | None,
) -> list[dict[str, Any]]:
    """Probe every contestant for every task.

    Args:
        run: the folder in which results are kept.
        tasks: what is learned.
        contestants: the first is the run's own; a random one of its shape is put after it.
        training_text: of the first, in which test sentences are looked for; None where it is not
            known.

    Returns:
        One entry a measure, as `probes` in metrics.json.
    """
    own, *others = contestants
    random = Contestant(RANDOM, own.folder, random=True)
    tests = [task.data.parts["test"] for task in tasks]
    seen: list[list[bool] | None] = [None] * len(tasks)
    if training_text is not None:
        flat = seen_sentences([s for test in tests for s in test], training_text)
        edges = np.cumsum([0, *map(len, tests)])
        seen = [flat[a:b] for a, b in pairwise(edges)]
    entries = []
    for task, there in zip(tasks, seen, strict=True):
        rows = [("model", _kept_probe(run, task, own)), ("random", _kept_probe(run, task, random))]
        rows += [("against", _kept_probe(run, task, other)) for other in others]
        rows.append(("majority", {"name": MAJORITY, "found": [task.majority().tolist()]}))
        entries += [_entry(task, n, rows, there) for n in range(len(task.measures))]
    return entries


def _kept_probe(run: Path, task: Probe, contestant: Contestant) -> dict[str, Any]:
    """What a contestant comes to, from the run folder where it is known."""
    machine = hardware.find_hardware()
    title = f"{task.name}: {contestant.name}"

    def find_out() -> dict[str, Any]:
        with progress(title, total=probes.trainings(), unit="trainings") as advance:
            row = probes.probe(task, contestant, machine=machine, advance=advance)
        means = [probes.summary(row.found[:, n])["mean"] for n in range(len(task.measures))]
        shown = zip(task.measures, means, strict=True)
        say(f"{title}: " + " · ".join(f"{name} {100 * mean:.1f}" for name, mean in shown))
        return {**asdict(row), "found": row.found.tolist()}

    follows = {
        "version": _VERSIONS.get(task.name, 1),
        "task": task.name,
        "data": task.data.digest,
        "random": contestant.random,
        "model": digest_of(contestant.folder, weights=not contestant.random),
        "recipe": tuning.recipe(),
        "seeds": probes.SEEDS,
        "precision": machine.precision,
    }
    return {**kept(run, follows, find_out), "name": contestant.name}


def _entry(
    task: Probe, number: int, rows: list[tuple[str, dict[str, Any]]], seen: list[bool] | None
) -> dict[str, Any]:
    """One measure of a task as metrics.json has it."""
    measure, parts = task.measures[number], task.data.parts
    table = []
    for kind, row in rows:
        found: Counts = np.array(row["found"])[:, number]
        entry = {"name": row["name"], "kind": kind, **probes.summary(found)}
        if seen is not None and any(seen) and not all(seen):
            entry["unseen_mean"] = probes.summary(found[:, ~np.array(seen)])["mean"]
        entry |= {key: row[key] for key in ("rates", "tried", "seconds", "steps") if key in row}
        table.append(entry)
    return {
        "task": task.name,
        "measure": measure,
        "title": TITLES[measure],
        "data": task.data.name,
        "train_sentences": len(parts["train"]),
        "dev_sentences": len(parts["dev"]),
        "test_sentences": len(parts["test"]),
        "seen_sentences": None if seen is None else sum(seen),
        "rows": table,
    }
