import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filiberto.corpus import cleaning, filters
from filiberto.corpus.characters import Kind, characters
from filiberto.corpus.reasons import Reason

FILLER = "Una frase di prova che non dice niente di strano, e basta così."


def judged(*texts: str, skip: tuple[str, ...] = ()) -> list[str]:
    raw = pa.array(texts, pa.large_string())
    reasons = filters.judge(
        cleaning.clean(raw),
        characters(raw),
        np.zeros(len(texts), np.uint8),
        words=cleaning.count_words(cleaning.clean(raw)),
        skip=frozenset(skip),
        is_foreign=None,
    )
    return [Reason(reason).label for reason in reasons]


def list_of(bullet: str) -> str:
    return "\n".join(f"{bullet} voce numero {i}" for i in "abcdefgh")


DROPPED = [
    ("a", "too_short"),
    ("12 34", "too_short"),
    ("PerchÃ© no? CosÃ¬ Ã¨ piÃ¹ chiaro, cittÃ\xa0 mia.", "damaged"),
    ("la citt\ufffd \ufffd molto bella, perch\ufffd no", "damaged"),
    ("ab -----------------------------", "symbols"),
    ("tel 0123456789 0123456789 0123456789", "digits"),
    (f"Lorem ipsum dolor sit amet, {FILLER}", "boilerplate"),
    (list_of("•"), "boilerplate"),
    ("\n".join(f"comincia {i} ..." for i in "abcdef"), "boilerplate"),
    ("uno e due\nuno e due\nuno e due\nquattro", "repeated_lines"),
    ("compra adesso " * 40, "repeated_words"),
]
KEPT = [
    "Sì",
    "Ma...",
    "Nel 1860-1861.",
    "Le verità» disse «È così É»",
    "తెలుగు",
    "ቋንቋ",
    "ภาษาไทยเขียนติดกันไม่มีช่องว่าง" * 20,
    list_of("-"),  # a dialogue
    "lorem ipsum è il nome di un testo finto",
    "compra adesso " * 20,  # too short to say so
    "a" * 100_000,
    FILLER,
]


@pytest.mark.parametrize(("text", "reason"), DROPPED)
def test_each_rule_has_its_reason_and_can_be_switched_off(text: str, reason: str):
    assert judged(FILLER, text) == ["none", reason]
    assert judged(FILLER, text, skip=(reason,))[1] != reason


def test_damage_counts_to_the_last_character_of_a_batch():
    assert judged(FILLER, "piÃ¹ cosÃ¬ perchÃ©") == ["none", "damaged"]


@pytest.mark.parametrize("text", KEPT)
def test_ordinary_text_is_kept(text: str):
    assert judged(text) == ["none"]


def test_what_has_a_reason_already_keeps_it():
    texts = pa.array(["a", "b"], pa.large_string())
    given_reasons = np.array([Reason.EMPTY, Reason.NONE], np.uint8)
    found = filters.judge(
        texts,
        characters(texts),
        given_reasons,
        words=np.ones(2, np.int64),
        skip=frozenset(),
        is_foreign=None,
    )
    assert found.tolist() == [Reason.EMPTY, Reason.TOO_SHORT]


def test_a_foreign_text_goes_where_something_can_tell():
    texts = pa.array(["una frase", "a sentence"], pa.large_string())

    def is_foreign(asked: list[str]) -> np.ndarray:
        return np.array(["sentence" in text for text in asked])

    found = filters.judge(
        texts,
        characters(texts),
        np.zeros(2, np.uint8),
        words=cleaning.count_words(texts),
        skip=frozenset(),
        is_foreign=is_foreign,
    )
    assert found.tolist() == [Reason.NONE, Reason.WRONG_LANGUAGE]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\ufffd" * 3 + "a" * 20, Reason.MOJIBAKE),
        ("\ufffd" * 3 + "a" * 30, Reason.NONE),
        ("a" + "\u0301" * 100_000, Reason.COMBINING_FLOOD),
        ("a" + "\u0301" * 30, Reason.NONE),
        ("a" + "\u0301\u200b\u0323\u200b" * 100, Reason.COMBINING_FLOOD),
        ("", Reason.NONE),
    ],
)
def test_text_that_is_none_is_malformed(text: str, reason: Reason):
    texts = pa.array(["prima", text, "dopo"], pa.large_string())
    assert filters.malformed(characters(texts)).tolist() == [0, reason, 0]


def test_marks_at_the_end_and_the_beginning_of_texts_are_no_flood():
    texts = pa.array(["a" + "\u0301" * 40, "\u0301" * 40], pa.large_string())
    assert filters.malformed(characters(texts)).tolist() == [0, 0]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cn"])), max_size=6))
def test_characters_are_counted_by_unicode_category(texts: list[str]):
    found = characters(pa.array(texts, pa.large_string()))
    letters = [sum(unicodedata.category(c)[0] == "L" for c in text) for text in texts]
    assert found.count(Kind.LETTER).tolist() == letters
    assert found.lengths.tolist() == [len(text) for text in texts]
