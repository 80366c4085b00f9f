import re
import sys
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filiberto.corpus.cleaning import clean, one_line

# Characters that Python's Unicode tables know, so that its NFC can be the reference.
KNOWN = st.text(st.characters(exclude_categories=["Cs", "Cn"]))


# The Cf that spell words, stand for something seen, or belong to a notation.
SPELLED = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u200c\u200d\u2065"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]"
)


def cleaned(*texts: str) -> list[str]:
    return one_line(clean(pa.array(texts, pa.large_string()))).to_pylist()


def is_dropped(character: str) -> bool:
    category = unicodedata.category(character)
    return category == "Cc" or (category == "Cf" and not SPELLED.match(character))


def reference(text: str) -> str:
    spaced = "".join(" " if c.isspace() else c for c in text)
    printed = "".join(c for c in spaced if not is_dropped(c))
    spelled = re.sub("[\u200c\u200d]{3,}", "", printed)
    return unicodedata.normalize("NFC", " ".join(spelled.split(" "))).strip(" ")


def one_space(text: str) -> str:
    while "  " in text:
        text = text.replace("  ", " ")
    return text


@given(st.lists(KNOWN, max_size=5))
def test_it_agrees_with_a_plain_reference(texts: list[str]):
    assert cleaned(*texts) == [one_space(reference(text)) for text in texts]


@given(KNOWN)
def test_cleaning_twice_is_cleaning_once(text: str):
    once = cleaned(text)
    assert cleaned(*once) == once


@pytest.mark.parametrize(
    ("dirty", "clean_text"),
    [
        ("una\nparola", "una parola"),
        ("a \t\r\n  b", "a b"),
        ("  bordi  ", "bordi"),
        ("a\u2028b\u0085c\u00a0d\u3000e", "a b c d e"),
        ("a\x1fb", "a b"),
        ("nu\x00lla", "nulla"),
        ("a \x07 b", "a b"),
        ("\ufeffinizio", "inizio"),
        ("zero\u200blarghezza\xad", "zerolarghezza"),
        ("na" + "\u200d" * 10_000 + "no", "nano"),
        ("perche\u0301", "perché"),
        ("e\x00\u0301", "é"),
        ("क्\u200dष می\u200cخواهم", "क्\u200dष می\u200cخواهم"),
        ("rotto \ufffd", "rotto \ufffd"),
        ("PERCHÉ È Così", "PERCHÉ È Così"),
        (" \n\t ", ""),
        ("", ""),
    ],
)
def test_examples(dirty: str, clean_text: str):
    assert cleaned(dirty, "resta", dirty) == [clean_text, "resta", clean_text]


def test_every_single_white_space_control_and_format_character_is_seen_to():
    codes = [c for c in map(chr, range(sys.maxunicode + 1)) if not "\ud800" <= c <= "\udfff"]
    odd = [c for c in codes if c.isspace() or is_dropped(c)]
    assert cleaned(*[f"a{c}b" for c in odd]) == ["a b" if c.isspace() else "ab" for c in odd]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\u2028", "\u2029", "\x85"])
def test_lines_stay_apart_until_they_are_joined(end: str):
    texts = pa.array([f" uno {end}{end} due\t{end}tre {end}"], pa.large_string())
    assert clean(texts).to_pylist() == ["uno\ndue\ntre"]


def test_a_slice_of_an_array_is_cleaned_as_that_slice():
    texts = pa.array(["x  x", "a  b", "c", "y  y"], pa.large_string()).slice(1, 2)
    assert clean(texts).to_pylist() == ["a b", "c"]
