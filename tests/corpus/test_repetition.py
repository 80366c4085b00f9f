import itertools
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filiberto.corpus import repetition
from filiberto.corpus.repetition import DUPLICATE_NGRAMS, TOP_NGRAM

TEXTS = st.lists(st.lists(st.sampled_from(["a", "bb", "è", "dddd"]), min_size=1, max_size=40))


def of_words(*texts: str) -> list[bool]:
    return repetition.repeats_words(
        repetition.units(pa.array(texts, pa.large_string()), b" \n")
    ).tolist()


def of_lines(*texts: str) -> list[bool]:
    return repetition.repeats_lines(
        repetition.units(pa.array(texts, pa.large_string()), b"\n")
    ).tolist()


def plain(text: str) -> bool:
    """The rules of table A1, word by word."""
    words, total = text.split(), len(text.encode())
    for size, limit in TOP_NGRAM.items():
        found = Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))
        most = max(
            ((n, len(" ".join(g).encode())) for g, n in found.items() if n > 1), default=None
        )
        if most is not None and most[0] * most[1] > limit * total:
            return True
    for size, limit in DUPLICATE_NGRAMS.items():
        seen, covered = set(), [False] * len(words)
        for i in range(len(words) - size + 1):
            ngram = tuple(words[i : i + size])
            if ngram in seen:
                covered[i : i + size] = [True] * size
            seen.add(ngram)
        letters = sum(len(w.encode()) for w, c in zip(words, covered, strict=True) if c)
        spaces = sum(a and b for a, b in itertools.pairwise(covered))
        if letters + spaces > limit * total:
            return True
    return False


@given(TEXTS)
def test_it_agrees_with_the_rules_word_by_word(documents: list[list[str]]):
    texts = [" ".join(words) for words in documents]
    assert of_words(*texts) == [plain(text) for text in texts]


def test_what_is_said_in_another_document_is_no_repetition():
    sentence = " ".join(f"parola{i}" for i in range(60))
    assert of_words(sentence, sentence, sentence) == [False] * 3
    assert of_words(f"{sentence} {sentence}", sentence) == [True, False]


def test_a_slice_of_an_array_is_judged_as_that_slice():
    texts = pa.array(["x", "a b " * 20 + "c", "y z"], pa.large_string()).slice(1)
    assert repetition.repeats_words(repetition.units(texts, b" ")).tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("uno\ndue\ntre\nquattro", False),
        ("uno\nuno\ndue\nuno", True),  # half of the lines were there before
        ("a\nb\nc\nd\ne\nf\ng\nuna riga molto lunga\nuna riga molto lunga", True),  # of the letters
        ("una sola riga", False),
    ],
)
def test_lines_that_are_there_again(text: str, found: bool):
    assert of_lines("altro\ntesto", text) == [False, found]


def test_no_documents_are_no_trouble():
    assert of_words() == []
    assert of_lines() == []
