"""Entities of given words."""

from filiberto.evaluate.entities import chunks_of, right_chunks
from filiberto.evaluate.tuning import scores


def test_entities_are_right_as_a_whole_or_not_at_all() -> None:
    truth = chunks_of(["B-PER", "I-PER", "O", "B-LOC"])
    found = right_chunks([chunks_of(["B-PER", "O", "O", "B-LOC"])], [truth])
    # One of two entities, one of two said: F1 = 2 / (2 + 2).
    assert scores(found) == [0.5]
    assert scores(right_chunks([set()], [set()])) == [0.0]
