"""Labels for words: parts of speech with morphological features.

A word carries its label on its first token. Words that the model reads no further than are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from filiberto.evaluate.labelled import Labelled, Sentence
from filiberto.evaluate.pretrained import classifier
from filiberto.evaluate.tasks import (
    IGNORED,
    Batch,
    Counts,
    layer,
    most_frequent_labels,
    read,
    right_words,
    word_states,
)


@dataclass(frozen=True)
class TagTask:
    """Parts of speech (UPOS) and, in the same pass, morphological features (UFeats) if there are.

    Each feature is told apart by itself; a word's features are right where all of them are.
    """

    data: Labelled
    name: str = "tags"

    @property
    def measures(self) -> tuple[str, ...]:
        """UPOS, and UFeats where a word in training has features."""
        return ("UPOS", "UFeats") if len(self.layers) > 1 else ("UPOS",)

    @cached_property
    def layers(self) -> dict[str, list[str]]:
        """Labels of UPOS and of each feature; a word without a feature has an empty label."""
        found: dict[str, set[str]] = {"UPOS": set()}
        for sentence in self.data.parts["train"]:
            found["UPOS"].update(sentence.labels["upos"])
            for features in dict.fromkeys(sentence.labels["feats"]):  # a set has no order
                for name, value in _features(features).items():
                    found.setdefault(name, {""}).add(value)
        return {name: sorted(values) for name, values in found.items()}

    def new_model(self, folder: Path, *, random: bool) -> nn.Module:
        """A model of transformers' that classifies tokens, by all layers at once."""
        return classifier(folder, "token", sum(map(len, self.layers.values())), random=random)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The cross-entropy of UPOS and of each feature, added up."""
        truth = self._truth(batch).to(next(model.parameters()).device)
        losses = [
            functional.cross_entropy(scores.flatten(0, 1), truth[..., number].flatten())
            for number, scores in enumerate(self._scores(model, batch))
        ]
        return torch.stack(losses).sum()

    def counts(self, model: nn.Module, batch: Batch) -> Counts:
        """Words whose part of speech is right, and words whose features all are."""
        guesses = [scores.argmax(-1).cpu() for scores in self._scores(model, batch)]
        right = (torch.stack(guesses, -1) == self._truth(batch)).numpy()
        made = np.zeros((2, len(batch.sentences), 2))
        made[:, :, 0] = right[..., 0].sum(1), right[..., 1:].all(-1).sum(1)
        made[:, :, 1] = [len(sentence.words) for sentence in batch.sentences]
        return made[: len(self.measures)]

    def majority(self) -> Counts:
        """The most frequent tag and the most frequent features of each word."""
        test = self.data.parts["test"]
        return np.concatenate(
            [
                right_words(most_frequent_labels(self.data, labels), [labels(s) for s in test])
                for labels in (layer("upos"), layer("feats"))
            ]
        )[: len(self.measures)]

    def _scores(self, model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
        scores = word_states(batch, read(model, batch).logits).float()
        return scores.split([len(labels) for labels in self.layers.values()], -1)

    def _truth(self, batch: Batch) -> Tensor:
        """`[sentences, words, layers]`; `IGNORED` where there is no word or an unknown label."""
        truth = torch.full((*batch.first.shape, len(self.layers)), IGNORED)
        for row, sentence in enumerate(batch.sentences):
            numbers = [self._numbers(*labels) for labels in _tags(sentence)]
            length = min(len(numbers), truth.shape[1])
            truth[row, :length] = torch.tensor(numbers[:length])
        truth[~batch.words] = IGNORED
        return truth

    @cached_property
    def _known(self) -> dict[tuple[str, str], list[int]]:
        return {}

    def _numbers(self, upos: str, features: str) -> list[int]:
        """The number of a word's label in each layer."""
        if (upos, features) not in self._known:
            values = {"UPOS": upos, **_features(features)}
            numbers = [
                labels.index(values.get(name, "")) if values.get(name, "") in labels else IGNORED
                for name, labels in self.layers.items()
            ]
            if not values.keys() <= self.layers.keys():  # a feature that training never showed
                numbers[1:] = [IGNORED] * (len(numbers) - 1)
            self._known[upos, features] = numbers
        return self._known[upos, features]


def _tags(sentence: Sentence) -> zip[tuple[str, str]]:
    return zip(sentence.labels["upos"], sentence.labels["feats"], strict=True)


def _features(features: str) -> dict[str, str]:
    """`Gender=Fem|Number=Sing` as a dictionary; `_` is none."""
    pairs = (pair.partition("=") for pair in features.split("|") if "=" in pair)
    return {name: value for name, _, value in pairs}
