"""Classes of whole sentences: sentiment, topic, acceptability, as a TSV has them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from filiberto.evaluate.labelled import Labelled
from filiberto.evaluate.pretrained import classifier
from filiberto.evaluate.tasks import IGNORED, Batch, Counts, read


@dataclass(frozen=True)
class ClassTask:
    """One label for each sentence."""

    data: Labelled
    name: str = "classes"
    measures: tuple[str, ...] = ("accuracy",)

    @cached_property
    def labels(self) -> list[str]:
        """Those of the training part."""
        return sorted({sentence.labels["class"][0] for sentence in self.data.parts["train"]})

    def new_model(self, folder: Path, *, random: bool) -> nn.Module:
        """A model of transformers' that classifies sequences."""
        return classifier(folder, "sequence", len(self.labels), random=random)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The cross-entropy of the classes."""
        scores = read(model, batch).logits.float()
        return functional.cross_entropy(scores, self._truth(batch).to(scores.device))

    def counts(self, model: nn.Module, batch: Batch) -> Counts:
        """Whether the class of each sentence is right."""
        right = read(model, batch).logits.argmax(-1).cpu() == self._truth(batch)
        return np.stack([right.numpy(), np.ones(len(right))], -1)[None].astype(np.float64)

    def majority(self) -> Counts:
        """The most frequent class for all."""
        known = Counter(sentence.labels["class"][0] for sentence in self.data.parts["train"])
        usual = min(known, key=lambda label: (-known[label], label))
        rows = [(s.labels["class"][0] == usual, 1) for s in self.data.parts["test"]]
        return np.array([rows], np.float64)

    def _truth(self, batch: Batch) -> Tensor:
        number = {label: n for n, label in enumerate(self.labels)}
        return torch.tensor([number.get(s.labels["class"][0], IGNORED) for s in batch.sentences])
