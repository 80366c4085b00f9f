"""Chunks of running text."""

from pathlib import Path

import pytest
import torch

from filiberto.evaluate.chunks import ChunkTask, token_chunks, token_labels, true_chunks
from filiberto.evaluate.labelled import Labelled, Sentence
from filiberto.evaluate.model import Reader, load_reader
from filiberto.evaluate.tasks import Encoded
from filiberto.evaluate.tuning import batch_of, encode, scores


@pytest.fixture(scope="module")
def reader(mini_run: Path) -> Reader:
    return load_reader(mini_run)


def sentence(words: str, labels: str) -> Sentence:
    return Sentence(words=tuple(words.split()), text=words, labels={"chunk": tuple(labels.split())})


def chunk_task(rows: list[Sentence]) -> ChunkTask:
    return ChunkTask(Labelled("x", {"train": rows}, "digest"), name="x", measures=("F1",))


def row(words: str, labels: str, *, first: list[int], offsets: list[tuple[int, int]]) -> Encoded:
    begins = [n for n, c in enumerate(words) if c != " " and (n == 0 or words[n - 1] == " ")]
    ids = [0] * (len(offsets) + 2)
    return Encoded(sentence(words, labels), words, ids, first, begins, offsets)


def test_the_tokens_of_a_word_go_on_with_its_type() -> None:
    found = row(
        "Re Carlo a Roma",
        "B-PER I-PER O B-LOC",
        first=[1, 2, 4, 5],
        offsets=[(0, 2), (2, 5), (5, 8), (8, 10), (10, 13), (13, 15)],
    )
    assert token_labels(found) == ["B-PER", "I-PER", "I-PER", "O", "B-LOC", "I-LOC"]
    assert true_chunks(found) == {("PER", 0, 8), ("LOC", 11, 15)}
    assert token_chunks(found, token_labels(found)) == true_chunks(found)
    assert token_chunks(found, ["B-PER", "I-PER", "O", "O", "O", "O"]) == {("PER", 0, 5)}


def test_a_token_of_two_words_has_the_label_of_the_first_and_is_right_for_neither() -> None:
    marks = row("x ) .", "B-NOUN B-PUNCT B-PUNCT", first=[1, 2, 2], offsets=[(0, 1), (1, 5)])
    assert token_labels(marks) == ["B-NOUN", "B-PUNCT"]
    assert len(true_chunks(marks)) == 3
    assert token_chunks(marks, token_labels(marks)) & true_chunks(marks) == {("NOUN", 0, 1)}


def test_an_entity_that_begins_in_a_shared_token_begins_with_the_next() -> None:
    shared = row("a b c", "O B-LOC I-LOC", first=[1, 1, 2], offsets=[(0, 3), (3, 5)])
    assert token_labels(shared) == ["O", "B-LOC"]
    assert true_chunks(shared) == {("LOC", 2, 5)}


def test_a_token_that_is_a_space_belongs_to_the_word_after_it() -> None:
    spaced = row("a b", "B-DET B-NOUN", first=[1, 3], offsets=[(0, 1), (1, 2), (2, 3)])
    assert token_labels(spaced) == ["B-DET", "B-NOUN", "I-NOUN"]
    assert token_chunks(spaced, token_labels(spaced)) == true_chunks(spaced)


def test_words_that_are_not_read_are_missed() -> None:
    cut = row("a b c", "O B-LOC I-LOC", first=[1, 0, 0], offsets=[(0, 1)])
    assert token_labels(cut) == ["O"]
    assert true_chunks(cut) == {("LOC", 2, 5)}


def test_types_have_both_their_labels_and_outside_comes_first() -> None:
    rows = [sentence("a b", "B-PER O"), sentence("a", "B-LOC")]
    task = chunk_task(rows)
    assert task.labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert chunk_task(rows[1:]).labels == ["B-LOC", "I-LOC"]


class Says(torch.nn.Module):
    """A model that gives every token the label that it is told."""

    def __init__(self, numbers: list[int], labels: int) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.eye(labels)[numbers][None])

    def forward(self, **_: torch.Tensor) -> "Says":
        return self


@pytest.mark.parametrize("slip", [False, True])
def test_what_a_model_says_of_each_token_is_scored(reader: Reader, slip: bool) -> None:
    given = sentence("il Quetzalcoatl Popocatepetl di Anna", "O B-LOC I-LOC O B-PER")
    task = chunk_task([given])
    (encoded,) = encode(reader, [given])
    said = token_labels(encoded)
    assert len(said) > len(given.words)  # words of several tokens
    if slip:
        said[encoded.first[2]] = "O"  # inside of the first entity
    model = Says([0, *map(task.labels.index, said), 0], len(task.labels))
    found = scores(task.counts(model, batch_of([encoded], pad_id=1)))
    # The slip makes two pieces of an entity: one of three said is right, and of two there are.
    assert found == ([2 / 5] if slip else [1.0])
