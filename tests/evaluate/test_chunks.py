"""Chunks of tokens."""

from pathlib import Path

import pytest
import torch

from filiberto.evaluate.chunks import ChunkTask, right_chunks, token_labels
from filiberto.evaluate.labelled import Labelled, Sentence
from filiberto.evaluate.model import load_reader
from filiberto.evaluate.tuning import batch_of, encode, scores


def sentence(*labels: str, word: str = "x") -> Sentence:
    words = (word,) * len(labels)
    return Sentence(words=words, text=" ".join(words), labels={"chunk": labels})


def test_entities_are_right_as_a_whole_or_not_at_all() -> None:
    truth = ["B-PER", "I-PER", "O", "B-LOC"]
    found = right_chunks([["B-PER", "O", "O", "B-LOC"]], [truth])
    # One of two entities, one of two said: F1 = 2 / (2 + 2).
    assert scores(found) == [0.5]
    assert scores(right_chunks([["O"] * 4], [["O"] * 4])) == [0.0]


def test_the_tokens_of_a_word_go_on_with_its_type() -> None:
    row = sentence("B-PER", "I-PER", "O", "B-LOC")
    made, unread = token_labels(row, [1, 3, 4, 6], 7)
    assert made == ["B-PER", "I-PER", "I-PER", "O", "O", "B-LOC", "I-LOC"]
    assert unread == []


def test_a_token_of_two_words_has_the_label_of_the_first() -> None:
    made, _ = token_labels(sentence("B-PUNCT", "B-NUM", "B-NOUN"), [1, 1, 2], 2)
    assert made == ["B-PUNCT", "B-NOUN"]


def test_words_that_are_not_read_are_missed() -> None:
    made, unread = token_labels(sentence("O", "B-LOC", "I-LOC"), [1, 0, 0], 2)
    assert made == ["O", "O"]
    assert unread == ["B-LOC", "I-LOC"]


def test_types_have_both_their_labels_and_outside_comes_first() -> None:
    rows = [sentence("B-PER", "O"), sentence("B-LOC")]
    task = ChunkTask(Labelled("x", {"train": rows}, "digest"))
    assert task.labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert ChunkTask(Labelled("x", {"train": rows[1:]}, "digest")).labels == ["B-LOC", "I-LOC"]


@pytest.mark.parametrize("right", [True, False])
def test_what_a_model_says_of_each_token_is_scored(mini_run: Path, right: bool) -> None:
    reader = load_reader(mini_run)
    row = sentence("O", "B-LOC", "I-LOC", "O", word="Quetzalcoatl")
    task = ChunkTask(Labelled("x", {"train": [row]}, "digest"))
    (encoded,) = encode(reader, [row])
    batch = batch_of([encoded], pad_id=1)
    made, _ = token_labels(row, encoded.first, len(encoded.input_ids) - 2)
    said = [0, *map(task.labels.index, made), 0]
    if not right:  # one token of the entity's is left out
        said[encoded.first[2]] = 0

    class Says(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.eye(3))

        def forward(self, **_: torch.Tensor) -> "Says":
            self.logits = self.weight[torch.tensor([said])]
            return self

    assert len(made) > 4  # words of several tokens
    assert scores(task.counts(Says(), batch)) == [1.0 if right else 0.0]
