"""Chunks of running text with a type: named entities, or words by their part of speech.

Every token learns: `B-` and the type where a chunk begins, `I-` and the type on the tokens that
follow. So a pipeline that knows nothing of words cuts the text into chunks by itself. What is
scored are stretches of text, whatever the tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from filiberto.evaluate.labelled import Labelled, iob2
from filiberto.evaluate.pretrained import classifier
from filiberto.evaluate.tasks import (
    IGNORED,
    Batch,
    Counts,
    Encoded,
    layer,
    most_frequent_labels,
    padded,
    read,
)

Chunk = tuple[str, int, int]
"""Type, begin and end."""

_OUTSIDE = "O"


@dataclass(frozen=True)
class ChunkTask:
    """Chunks in IOB2, right where their beginning, their end and their type are, by micro F1.

    Attributes:
        data: sentences with the layer `chunk`.
        name: a word for files and cards.
        measures: what the F1 is called.

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

    def new_model(self, folder: Path, *, random: bool) -> nn.Module:
        """A model of transformers' that classifies tokens."""
        return classifier(folder, "token", len(self.labels), random=random)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The cross-entropy of the tokens' labels."""
        scores = read(model, batch).logits.float()
        rows = [
            [IGNORED, *(self._numbers.get(label, IGNORED) for label in token_labels(row))]
            for row in batch.rows
        ]
        truth = padded(rows, width=scores.shape[1], value=IGNORED)
        return functional.cross_entropy(scores.flatten(0, 1), truth.flatten().to(scores.device))

    def counts(self, model: nn.Module, batch: Batch) -> Counts:
        """Twice the chunks that are right, over those said and those there are."""
        best = read(model, batch).logits.argmax(-1).tolist()
        said = [
            token_chunks(row, [self.labels[n] for n in numbers[1 : len(row.offsets) + 1]])
            for row, numbers in zip(batch.rows, best, strict=True)
        ]
        return _right(said, map(true_chunks, batch.rows))

    def majority(self) -> Counts:
        """Each word with its most frequent label."""
        said = map(iob2, most_frequent_labels(self.data, layer("chunk")))
        truths = (sentence.labels["chunk"] for sentence in self.data.parts["test"])
        return _right(map(_chunks, said), map(_chunks, truths))

    @cached_property
    def _found(self) -> set[str]:
        return {label for s in self.data.parts["train"] for label in s.labels["chunk"]}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {label: number for number, label in enumerate(self.labels)}


def token_labels(row: Encoded) -> list[str]:
    """What each token but `<s>` and `</s>` has to learn, in IOB2.

    Where a token spells the beginnings of several words, it has the label of the first.
    """
    starts: dict[int, str] = {}
    for label, place in zip(row.sentence.labels["chunk"], row.first, strict=True):
        starts.setdefault(place, label)
    made, label = [], _OUTSIDE
    for place in range(1, len(row.offsets) + 1):
        label = starts.get(place, _OUTSIDE if label == _OUTSIDE else f"I-{label[2:]}")
        made.append(label)
    return iob2(made)


def token_chunks(row: Encoded, labels: Sequence[str]) -> set[Chunk]:
    """The chunks that the labels of a row's tokens make, without the spaces before them."""
    text = row.text
    made = set()
    for kind, first, last in _chunks(labels):
        begin, end = row.offsets[first][0], row.offsets[last][1]
        begin += len(text[begin:end]) - len(text[begin:end].lstrip())
        made.add((kind, begin, end))
    return made


def true_chunks(row: Encoded) -> set[Chunk]:
    """The chunks of a row's words, those too that the model does not read."""
    words = row.sentence.words
    return {
        (kind, row.begins[first], row.begins[last] + len(words[last]))
        for kind, first, last in _chunks(row.sentence.labels["chunk"])
    }


def _chunks(labels: Sequence[str]) -> set[Chunk]:
    """Type, first and last place of what labels in IOB2 make."""
    # It brings scikit-learn with it.
    from seqeval.metrics.sequence_labeling import get_entities

    return set(get_entities(list(labels)))


def _right(said: Iterable[set[Chunk]], truths: Iterable[set[Chunk]]) -> Counts:
    """`[1, sentences, 2]`: 2TP, and 2TP + FP + FN."""
    made = [
        (2 * len(guess & truth), len(guess) + len(truth))
        for guess, truth in zip(said, truths, strict=True)
    ]
    return np.array([made], np.float64)
