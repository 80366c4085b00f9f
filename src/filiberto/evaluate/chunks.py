"""Chunks of running text with a type: words by their part of speech, or named entities.

Every token learns: `B-` and the type where a chunk begins, `I-` and the type on the tokens that
follow. So a pipeline that knows nothing of words cuts the text into chunks by itself. What is
scored are stretches of text, whatever the tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from filiberto.evaluate.entities import OUTSIDE, Chunk, chunks_of, right_chunks
from filiberto.evaluate.labelled import Labelled, iob2
from filiberto.evaluate.pretrained import classifier
from filiberto.evaluate.tasks import IGNORED, Batch, Counts, Encoded, padded, read


@dataclass(frozen=True)
class ChunkTask:
    """Chunks in IOB2, right where their beginning, their end and their type are, by micro F1.

    Attributes:
        data: sentences with the layer `chunk`.
        name: a word for files and cards.
        measures: what the F1 is called.
    """

    data: Labelled
    name: str
    measures: tuple[str, ...]

    @cached_property
    def types(self) -> list[str]:
        """Of the training part."""
        return sorted({label[2:] for label in self._found - {OUTSIDE}})

    @cached_property
    def labels(self) -> list[str]:
        """Two of each type; `O` is the first where there is one."""
        outside = [OUTSIDE] if OUTSIDE in self._found else []
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
        return right_chunks(said, map(true_chunks, batch.rows))

    @cached_property
    def _found(self) -> set[str]:
        return {label for s in self.data.parts["train"] for label in s.labels["chunk"]}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {label: number for number, label in enumerate(self.labels)}


def token_labels(row: Encoded) -> list[str]:
    """What each token but `<s>` and `</s>` has to learn, in IOB2.

    A token that is nothing but the space before a word belongs to the word. Where one spells the
    beginnings of several words, it has the label of the first.
    """
    starts: dict[int, str] = {}
    for label, place in zip(row.sentence.labels["chunk"], row.first, strict=True):
        after_space = place > 1 and row.text[slice(*row.offsets[place - 2])].isspace()
        starts.setdefault(place - after_space, label)
    made, label = [], OUTSIDE
    for place in range(1, len(row.offsets) + 1):
        label = starts.get(place, OUTSIDE if label == OUTSIDE else f"I-{label[2:]}")
        made.append(label)
    return iob2(made)


def token_chunks(row: Encoded, labels: Sequence[str]) -> set[Chunk]:
    """The chunks that the labels of a row's tokens make, without the spaces before them."""
    text = row.text
    made = set()
    for kind, first, last in chunks_of(labels):
        begin, end = row.offsets[first][0], row.offsets[last][1]
        begin += len(text[begin:end]) - len(text[begin:end].lstrip())
        made.add((kind, begin, end))
    return made


def true_chunks(row: Encoded) -> set[Chunk]:
    """The chunks of a row's words, those too that the model does not read."""
    words = row.sentence.words
    return {
        (kind, row.begins[first], row.begins[last] + len(words[last]))
        for kind, first, last in chunks_of(row.sentence.labels["chunk"])
    }
