"""Sentences of the test part in the training text."""

from hypothesis import given, settings
from hypothesis import strategies as st

from filiberto.evaluate.labelled import Sentence
from filiberto.evaluate.seen import MIN_BYTES, seen_sentences

TEXT = "Il presidente della commissione ha aperto la seduta di ieri pomeriggio."


def sentence(text: str) -> Sentence:
    return Sentence(words=tuple(text.split()), text=text)


def test_spaces_and_punctuation_do_not_hide_a_sentence() -> None:
    there = ["Disse: «" + TEXT.replace(" ", "\u0020 ").replace(".", " ...") + "» E poi tacque."]
    other = TEXT.replace("presidente", "vicepresidente")
    assert seen_sentences([sentence(TEXT), sentence(other)], there) == [True, False]


def test_nothing_reaches_over_the_end_of_a_document() -> None:
    half = len(TEXT) // 2
    assert seen_sentences([sentence(TEXT)], [TEXT[:half], TEXT[half:]]) == [False]
    assert seen_sentences([sentence(TEXT)], ["", TEXT[:half], TEXT]) == [True]


def test_short_sentences_are_anybodys() -> None:
    assert seen_sentences([sentence("Sì, grazie.")], ["Sì, grazie."]) == [False]


words = st.lists(st.sampled_from(["è", "la", "casa", "blu", "наш", "దేశం"]), min_size=1, max_size=60)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(texts=st.lists(words, max_size=8), sought=words)
def test_it_finds_what_a_plain_search_finds(texts: list[list[str]], sought: list[str]) -> None:
    letters = "".join(sought)
    expected = len(letters.encode()) >= MIN_BYTES and any(letters in "".join(t) for t in texts)
    found = seen_sentences([sentence(" ".join(sought))], (" ".join(text) for text in texts))
    assert found == [expected]
