"""What an encoder is fine-tuned to do, and how well it does it.

    sentences -> Batch (ids, the first token of each word) -> model -> loss, or counts a sentence

A score is the sum of what is right over the sum of all there is, over the sentences; an F1 is 2TP
over 2TP + FP + FN. Counts a sentence are all that a mean and a bootstrap need.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from filiberto.evaluate.labelled import Labelled, Sentence

Counts = NDArray[np.float64]
"""`[measures, sentences, 2]`: what was right, and all there was."""

IGNORED = -100
"""The label of what is not learned, as torch has it."""


@dataclass(frozen=True)
class Encoded:
    """A sentence as a model reads it.

    Attributes:
        text: the words with their spaces.
        input_ids: its tokens, between `<s>` and `</s>`, no more than the model reads.
        first: place of the first token of each word, from 1; 0 where it is not read.
        begins: where each word begins in the text, in characters.
        offsets: where each token but `<s>` and `</s>` begins and ends in the text.
    """

    sentence: Sentence
    text: str
    input_ids: list[int]
    first: list[int]
    begins: list[int]
    offsets: list[tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Sentences as a model reads them.

    Attributes:
        rows: what they are.
        input_ids: `[sentences, tokens]`, padded.
        attention_mask: the same, 1 where there is a token.
        first: `[sentences, words]` place of the first token of each word; 0, the place of `<s>`,
            where the sentence has no such word or the model reads no further.
    """

    rows: Sequence[Encoded]
    input_ids: Tensor
    attention_mask: Tensor
    first: Tensor

    @property
    def sentences(self) -> list[Sentence]:
        """The words and labels of the rows."""
        return [row.sentence for row in self.rows]

    @property
    def words(self) -> Tensor:
        """`[sentences, words]`, True where there is a word that the model reads."""
        return self.first > 0


class Task(Protocol):
    """Something to fine-tune an encoder for; the first measure chooses what is kept."""

    @property
    def measures(self) -> tuple[str, ...]:
        """What is measured, by the field's names."""
        ...

    def new_model(self, folder: Path, *, random: bool) -> nn.Module:
        """The model of a folder, or one of its shape with random weights, with a new head."""
        ...

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """What is made small, a mean over words or sentences."""
        ...

    def counts(self, model: nn.Module, batch: Batch) -> Counts:
        """How well a model does."""
        ...


class Probe(Task, Protocol):
    """A task by which encoders are compared."""

    @property
    def name(self) -> str:
        """A word for files and tables."""
        ...

    @property
    def data(self) -> Labelled:
        """What is learned and tested."""
        ...

    def majority(self) -> Counts:
        """How well the most frequent label of each word in training does on the test part."""
        ...


def word_states(batch: Batch, states: Tensor) -> Tensor:
    """What a model has at the first token of each word, `[sentences, words, width]`."""
    index = batch.first.to(states.device)[..., None].expand(-1, -1, states.shape[-1])
    return states.gather(1, index)


def read(model: Any, batch: Batch) -> Any:
    """The outputs of a model of transformers' for a batch."""
    device = next(model.parameters()).device
    return model(
        input_ids=batch.input_ids.to(device), attention_mask=batch.attention_mask.to(device)
    )


def most_frequent_labels(
    data: Labelled, labels_of: Callable[[Sentence], Sequence[str]]
) -> list[list[str]]:
    """For each word of the test part its most frequent label in training.

    For a word that training never showed it is the most frequent label of all. Ties go to the label
    that comes first in the alphabet.
    """
    known: defaultdict[str, Counter[str]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    for sentence in data.parts["train"]:
        for word, label in zip(sentence.words, labels_of(sentence), strict=True):
            known[word][label] += 1
            total[label] += 1
    best = {word: _most(labels) for word, labels in known.items()}
    usual = _most(total)
    return [[best.get(word, usual) for word in s.words] for s in data.parts["test"]]


def layer(name: str) -> Callable[[Sentence], tuple[str, ...]]:
    """A function that gives a sentence's labels of a name."""
    return lambda sentence: sentence.labels[name]


def _most(labels: Counter[str]) -> str:
    return min(labels, key=lambda label: (-labels[label], label))


def right_words(guesses: Sequence[Sequence[str]], truths: Sequence[Sequence[str]]) -> Counts:
    """`[1, sentences, 2]`: words whose label is right, and words."""
    made = [
        (sum(g == t for g, t in zip(guess, truth, strict=True)), len(truth))
        for guess, truth in zip(guesses, truths, strict=True)
    ]
    return np.array([made], np.float64)


def padded(rows: Sequence[Sequence[int]], *, width: int, value: int) -> Tensor:
    """Rows of numbers as one tensor `[rows, width]`, cut or filled up."""
    return torch.tensor([[*row[:width], *[value] * (width - len(row))] for row in rows])
