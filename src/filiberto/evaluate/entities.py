"""Named entities: one label for each word, in IOB2, learned and said at its first token.

The words are given, as they are where taggers of entities are compared. A tagger for text that
nobody cut into words is `chunks.ChunkTask`.
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
    layer,
    most_frequent_labels,
    padded,
    read,
    word_states,
)

OUTSIDE = "O"

Chunk = tuple[str, int, int]
"""Type, begin and end."""


@dataclass(frozen=True)
class EntityTask:
    """Entities, right where their boundaries and their type are, by micro F1.

    Source:
        Tjong Kim Sang and De Meulder 2003, arXiv:cs/0306050, section 4.
    """

    data: Labelled
    name: str = "entities"
    measures: tuple[str, ...] = ("F1",)

    @cached_property
    def labels(self) -> list[str]:
        """Those of the training part; `O` is the first where there is one."""
        found = {label for s in self.data.parts["train"] for label in s.labels["chunk"]}
        return sorted(found, key=lambda label: (label != OUTSIDE, label))

    def new_model(self, folder: Path, *, random: bool) -> nn.Module:
        """A model of transformers' that classifies tokens."""
        return classifier(folder, "token", len(self.labels), random=random)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The cross-entropy of the words' labels."""
        scores = word_states(batch, read(model, batch).logits).float()
        rows = [
            [self._numbers.get(label, IGNORED) for label in sentence.labels["chunk"]]
            for sentence in batch.sentences
        ]
        truth = padded(rows, width=scores.shape[1], value=IGNORED)
        truth[~batch.words] = IGNORED
        return functional.cross_entropy(scores.flatten(0, 1), truth.flatten().to(scores.device))

    def counts(self, model: nn.Module, batch: Batch) -> Counts:
        """Twice the entities that are right, over those said and those there are."""
        best = read(model, batch).logits.argmax(-1).tolist()
        said = [
            [self.labels[numbers[place]] if place else OUTSIDE for place in row.first]
            for numbers, row in zip(best, batch.rows, strict=True)
        ]
        return _right_words(said, [sentence.labels["chunk"] for sentence in batch.sentences])

    def majority(self) -> Counts:
        """Each word with its most frequent label."""
        said = most_frequent_labels(self.data, layer("chunk"))
        return _right_words(said, [s.labels["chunk"] for s in self.data.parts["test"]])

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {label: number for number, label in enumerate(self.labels)}


def chunks_of(labels: Sequence[str]) -> set[Chunk]:
    """Type, first and last place of what labels in IOB2 make."""
    # It brings scikit-learn with it.
    from seqeval.metrics.sequence_labeling import get_entities

    return set(get_entities(list(labels)))


def right_chunks(said: Iterable[set[Chunk]], truths: Iterable[set[Chunk]]) -> Counts:
    """`[1, sentences, 2]`: 2TP, and 2TP + FP + FN."""
    made = [
        (2 * len(guess & truth), len(guess) + len(truth))
        for guess, truth in zip(said, truths, strict=True)
    ]
    return np.array([made], np.float64)


def _right_words(said: Iterable[Sequence[str]], truths: Iterable[Sequence[str]]) -> Counts:
    return right_chunks(map(chunks_of, map(iob2, said)), map(chunks_of, truths))
