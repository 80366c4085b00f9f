"""Probes side by side: test sentences that the training text holds, and what the others come to."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filiberto.console import Advance
from filiberto.evaluate import probes
from filiberto.evaluate.contest import contest
from filiberto.evaluate.labelled import Labelled, Sentence
from filiberto.evaluate.probes import Contestant, Row
from filiberto.evaluate.tagging import TagTask
from filiberto.evaluate.tasks import Probe
from filiberto.train.hardware import Hardware
from filiberto.train.rates import Rates


def text(number: int) -> str:
    return f"Questa è la frase numero {number}, che sta soltanto nella prova."


def sentence(number: int) -> Sentence:
    words = tuple(text(number).split())
    labels = {"upos": ("X",), "feats": ("Number=Sing",)}
    every = {name: label * len(words) for name, label in labels.items()}
    return Sentence(words=words, text=text(number), labels={**every, "number": (str(number),)})


def task(name: str, *numbers: int) -> TagTask:
    """A task whose test part has the sentences of these numbers."""
    rows = [sentence(number) for number in numbers]
    return TagTask(Labelled(name, {"train": rows, "dev": rows, "test": rows}, name), name)


def probe(task: Probe, contestant: Contestant, *, machine: Hardware, advance: Advance) -> Row:
    """Of 10 + N words in sentence N, N have the right tag and twice as many the right features."""
    numbers = [int(s.labels["number"][0]) for s in task.data.parts["test"]]
    found = [[(times * n, 10 + n) for n in numbers] for times in (1, 2)]
    made = np.array([found], np.float64)
    rates = Rates(1e-3, muon=0)
    return Row(name=contestant.name, found=made, rates=rates, tried=[0.5], seconds=1.0, steps=1)


@pytest.fixture(autouse=True)
def _no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "probe", probe)


def entries(
    run: Path, tasks: Sequence[Probe], documents: Iterator[str] | None
) -> dict[tuple[str, str], dict[str, Any]]:
    """What a contest comes to, by task and measure."""
    found = contest(run, tasks, [Contestant("own", run)], training_text=documents)
    return {(entry["task"], entry["measure"]): entry for entry in found}


def holding(*numbers: int) -> Iterator[str]:
    """Documents with the sentences of these numbers in them."""
    return (f"Prima di tutto. {text(number)} E poi basta." for number in numbers)


TASKS = [task("one", 1, 2, 3), task("two", 4, 5), task("three", 6, 7, 8, 9)]


def test_seen_sentences_count_for_the_task_whose_they_are(tmp_path: Path) -> None:
    found = entries(tmp_path, TASKS, holding(7, 3, 6, 4))
    seen = {task: entry["seen_sentences"] for (task, _), entry in found.items()}
    assert seen == {"one": 1, "two": 1, "three": 2}
    sizes = {task: entry["test_sentences"] for (task, _), entry in found.items()}
    assert sizes == {"one": 3, "two": 2, "three": 4}


def test_the_mean_of_the_unseen_is_of_them_alone_and_of_its_measure(tmp_path: Path) -> None:
    found = entries(tmp_path, TASKS, holding(7, 3, 6, 4))
    # All words of the unseen sentences together: of 1 and 2, of 5, of 8 and 9.
    unseen = {"one": (1 + 2) / (11 + 12), "two": 5 / 15, "three": (8 + 9) / (18 + 19)}
    whole = {"one": 6 / 36, "two": 9 / 29, "three": 30 / 70}
    for name in unseen:
        for times, measure in enumerate(("UPOS", "UFeats"), 1):
            own, random, majority = found[name, measure]["rows"]
            assert own["unseen_mean"] == pytest.approx(times * unseen[name])
            assert own["mean"] == pytest.approx(times * whole[name])
            assert random["unseen_mean"] == own["unseen_mean"]
            assert majority["unseen_mean"] == 1.0


def test_where_all_or_none_are_seen_there_is_no_mean_of_the_unseen(tmp_path: Path) -> None:
    found = entries(tmp_path, [task("all", 1, 2), task("none", 3, 4)], holding(1, 2))
    assert found["all", "UPOS"]["seen_sentences"] == 2
    assert found["none", "UPOS"]["seen_sentences"] == 0
    assert not [row for entry in found.values() for row in entry["rows"] if "unseen_mean" in row]


def test_of_an_unknown_training_text_nothing_is_said(tmp_path: Path) -> None:
    found = entries(tmp_path, TASKS, None)
    assert {entry["seen_sentences"] for entry in found.values()} == {None}
    assert not [row for entry in found.values() for row in entry["rows"] if "unseen_mean" in row]
