"""Which state fine-tuning keeps and when it ends; labels that training never showed."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from filiberto.evaluate import tuning
from filiberto.evaluate.budget import EPOCHS, PATIENCE, ROWS
from filiberto.evaluate.entities import EntityTask
from filiberto.evaluate.labelled import Labelled, Sentence
from filiberto.evaluate.parsing import BiaffineParser, ParseTask
from filiberto.evaluate.sorting import ClassTask
from filiberto.evaluate.tagging import TagTask
from filiberto.evaluate.tasks import Batch, Counts, Encoded
from filiberto.evaluate.tuning import RATES, Tuned, choose, fine_tune
from filiberto.train import hardware

CPU = hardware.find_hardware(device="cpu", precision="fp32")


def encoded(*words: str, **labels: str) -> Encoded:
    """A sentence of one token a word; labels are written with spaces between."""
    layers = {name: tuple(some.split()) for name, some in labels.items()}
    row = Sentence(words=words, text=" ".join(words), labels=layers)
    places = range(1, len(words) + 1)
    ids = [0, *(7 for _ in places), 2]
    return Encoded(row, row.text, ids, [*places], [0] * len(words), [(0, 1)] * len(words))


class Sinking(nn.Module):
    """A weight under a head; every step takes from both."""

    def __init__(self) -> None:
        super().__init__()
        self.base_model, self.head = nn.Linear(1, 1), nn.Linear(1, 1)


class Scripted:
    """Scores on the dev part that are written down beforehand, whatever is learned."""

    measures = ("first", "second")

    def __init__(self, *script: float) -> None:
        self.script = script
        self.states: list[list[float]] = []

    def new_model(self, folder: Path, *, random: bool) -> nn.Module:
        return Sinking()

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        assert model.training
        return torch.stack([parameter.sum() for parameter in model.parameters()]).sum()

    def counts(self, model: nn.Module, batch: Batch) -> Counts:
        """The second measure is best where the first is worst."""
        assert not model.training
        score = self.script[len(self.states)]
        self.states.append(weights(model))
        return np.array([[(10 * found, 10)] * len(batch.rows) for found in (score, 1 - score)])


def weights(model: nn.Module) -> list[float]:
    return [parameter.item() for parameter in model.parameters()]


def tuned(task: Scripted, *, train: int) -> Tuned:
    parts = {"train": [encoded("casa")] * train, "dev": [encoded("casa")] * 2}
    return fine_tune(task, Path(), parts, rates=RATES[0], seed=0, pad_id=1, machine=CPU)


@pytest.mark.parametrize(
    ("script", "best", "looks"),
    [
        ((0.2, 0.9, 0.8, 0.7, 0.6), 2, 2 + PATIENCE),
        ((0.5, 0.5, 0.5, 0.5), 1, 1 + PATIENCE),  # as good is no gain
        ((0.5, 0.1, 0.2, 0.6, 0.1, 0.2), 4, EPOCHS),  # a gain begins the count anew
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 6, EPOCHS),
        ((0.0, 0.0, 0.0, 0.0), 1, 1 + PATIENCE),
    ],
)
def test_the_best_state_on_dev_is_kept_and_patience_ends(
    script: tuple[float, ...], best: int, looks: int
) -> None:
    task = Scripted(*script)
    made = tuned(task, train=ROWS + 1)
    assert made.steps == 2 * looks  # two a look, which comes every epoch
    assert len({tuple(state) for state in task.states}) == looks
    assert weights(made.model) == task.states[best - 1]
    assert made.dev == pytest.approx([script[best - 1], 1 - script[best - 1]])
    assert not made.model.training


def test_in_a_long_epoch_it_looks_in_between_and_at_the_last_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tuning, "MAX_STEPS", 5)
    monkeypatch.setattr(tuning, "LOOK_STEPS", 2)
    task = Scripted(0.1, 0.2, 0.3)  # after steps 2, 4 and 5
    made = tuned(task, train=9 * ROWS)
    assert made.steps == 5
    assert weights(made.model) == task.states[2]


def test_of_equal_rates_the_first_is_chosen_and_all_their_steps_count() -> None:
    course = dict(zip(RATES, (0.2, 0.5, 0.5), strict=True))
    chosen = choose(lambda rates: Tuned(nn.Identity(), [course[rates], 1.0], steps=3))
    assert chosen.rates == RATES[1]
    assert chosen.tried == [0.2, 0.5, 0.5]
    assert chosen.steps == 9


class Constant(nn.Module):
    """Gives every token, or every sentence, the same numbers."""

    def __init__(self, *numbers: float, sentences: bool = False) -> None:
        super().__init__()
        self.numbers, self._sentences = nn.Parameter(torch.tensor(numbers).float()), sentences

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        shape = input_ids.shape[:1] if self._sentences else input_ids.shape
        found = self.numbers.expand(*shape, -1)
        return SimpleNamespace(logits=found, last_hidden_state=found)


def counted(make: Any, known: Encoded, model: nn.Module, rows: Sequence[Encoded]) -> Any:
    """What a model comes to on some rows, for a task that was shown one sentence."""
    task = make(Labelled("toy", {"train": [known.sentence]}, "digest"))
    return tuning.counts(task, model, rows, pad_id=1, machine=CPU).tolist()


def test_an_unseen_tag_value_or_feature_is_wrong() -> None:
    known = encoded("a", "b", upos="DET DET", feats="_ Gender=Fem")
    says = Constant(1, 1, 0)  # DET, and of Gender nothing
    feats = "_ _ Gender=Neut Aspect=Perf"
    row = encoded("a", "b", "c", "d", upos="DET NOUN DET DET", feats=feats)
    assert counted(TagTask, known, says, [row]) == [[[3, 4]], [[2, 4]]]


def test_an_unseen_relation_is_wrong_where_its_head_is_right() -> None:
    rows = [encoded("a", head="0", deprel=name) for name in ("root", "vocative")]
    says = BiaffineParser(Constant(0, 0), width=2, num_names=1)
    assert counted(ParseTask, rows[0], says, rows) == [[[1, 1], [0, 1]], [[1, 1], [1, 1]]]


def test_an_unseen_kind_of_entity_is_missed_and_what_is_said_for_it_wrong() -> None:
    known = encoded("a", "b", chunk="O B-PER")
    rows = [encoded("a", chunk=label) for label in ("B-PER", "B-LOC", "O")]
    says = [counted(EntityTask, known, Constant(*scores), rows) for scores in ((0, 1), (1, 0))]
    assert says == [[[[2, 2], [0, 2], [0, 1]]], [[[0, 1], [0, 1], [0, 0]]]]


def test_an_unseen_class_is_wrong() -> None:
    rows = [encoded("a", **{"class": name}) for name in ("good", "strange")]
    says = Constant(0, sentences=True)
    assert counted(ClassTask, rows[0], says, rows) == [[[1, 1], [0, 1]]]
