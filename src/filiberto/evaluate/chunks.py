"""Chunks of running text with a type: named entities, or words by their part of speech.

Every token learns: `B-` and the type where a chunk begins, `I-` and the type on the tokens that
follow. So a pipeline that knows nothing of words cuts the text into chunks by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from filiberto.evaluate.labelled import Labelled, Sentence, iob2
from filiberto.evaluate.pretrained import classifier
from filiberto.evaluate.tasks import (
    IGNORED,
    Batch,
    Counts,
    layer,
    most_frequent_labels,
    padded,
    read,
)

_OUTSIDE = "O"


@dataclass(frozen=True)
class ChunkTask:
    """Chunks in IOB2, right where their beginning, their end and their type are, by micro F1.

    Attributes:
        data: sentences with the layer `chunk`.
        name: a word for files and cards.

    Source:
        Tjong Kim Sang and De Meulder 2003, arXiv:cs/0306050, section 4.
    """

    data: Labelled
    name: str = "entities"
    measures: tuple[str, ...] = ("F1",)

    @cached_property
    def types(self) -> list[str]:
        """Of the training part."""
        return sorted({label[2:] for label in self._found - {_OUTSIDE}})

    @cached_property
    def labels(self) -> list[str]:
        """Two of each type; `O` is the first where there is one."""
        outside = [_OUTSIDE] if _OUTSIDE in self._found else []
        return outside + [f"{place}-{kind}" for kind in self.types for place in "BI"]

    @property
    def _found(self) -> set[str]:
        return {label for s in self.data.parts["train"] for label in s.labels["chunk"]}

    def new_model(self, folder: Path, *, random: bool) -> nn.Module:
        """A model of transformers' that classifies tokens."""
        return classifier(folder, "token", len(self.labels), random=random)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The cross-entropy of the tokens' labels."""
        scores = read(model, batch).logits.float()
        number = {label: n for n, label in enumerate(self.labels)}
        rows = [
            [IGNORED, *(number.get(label, IGNORED) for label in truth)]
            for truth, _ in self._truths(batch)
        ]
        truth = padded(rows, width=scores.shape[1], value=IGNORED)
        return functional.cross_entropy(scores.flatten(0, 1), truth.flatten().to(scores.device))

    def counts(self, model: nn.Module, batch: Batch) -> Counts:
        """Twice the chunks that are right, over those said and those there are."""
        best = read(model, batch).logits.argmax(-1).tolist()
        truths, guesses = [], []
        for numbers, (truth, unread) in zip(best, self._truths(batch), strict=True):
            said = [self.labels[n] for n in numbers[1 : len(truth) + 1]]
            guesses.append(said + [_OUTSIDE] * len(unread))
            truths.append(truth + unread)
        return right_chunks(guesses, truths)

    def majority(self) -> Counts:
        """Each word with its most frequent label."""
        said = most_frequent_labels(self.data, layer("chunk"))
        return right_chunks(map(iob2, said), [s.labels["chunk"] for s in self.data.parts["test"]])

    def _truths(self, batch: Batch) -> list[tuple[list[str], list[str]]]:
        lengths = (batch.attention_mask.sum(1) - 2).tolist()
        rows = zip(batch.sentences, batch.first.tolist(), lengths, strict=True)
        return [token_labels(sentence, first, length) for sentence, first, length in rows]


def token_labels(
    sentence: Sentence, first: Sequence[int], length: int
) -> tuple[list[str], list[str]]:
    """Labels of a sentence's tokens, and of its words that the model does not read.

    Where a token spells the beginnings of several words, it has the label of the first.

    Args:
        sentence: with the layer `chunk`.
        first: place of the first token of each word, from 1; 0 where it is not read.
        length: how many tokens there are between `<s>` and `</s>`.
    """
    starts: dict[int, str] = {}
    unread = []
    for label, place in zip(sentence.labels["chunk"], first, strict=False):
        if place:
            starts.setdefault(place, label)
        else:
            unread.append(label)
    made, label = [], _OUTSIDE
    for place in range(1, length + 1):
        label = starts.get(place, _OUTSIDE if label == _OUTSIDE else f"I-{label[2:]}")
        made.append(label)
    return made, unread


def right_chunks(guesses: Iterable[Sequence[str]], truths: Iterable[Sequence[str]]) -> Counts:
    """`[1, sentences, 2]`: 2TP, and 2TP + FP + FN, of labels in IOB2."""
    # It brings scikit-learn with it.
    from seqeval.metrics.sequence_labeling import get_entities

    made = []
    for guess, truth in zip(guesses, truths, strict=True):
        said, there = set(get_entities(list(guess))), set(get_entities(list(truth)))
        made.append((2 * len(said & there), len(said) + len(there)))
    return np.array([made], np.float64)
