import itertools
import random

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from filiberto.tokenizer import sample
from filiberto.tokenizer.pretokenize import word_pattern

PATTERN = word_pattern(cut_after_apostrophe=True)


def corpus(number: int) -> list[tuple[str, str]]:
    """Documents of ten sources, each with a word of its own among shared ones."""
    spelled = ["".join(chr(97 + int(digit)) for digit in str(n)) for n in range(number)]
    return [
        (f"{10 * n // number}.txt:{n}", f"una frase comune {word[-1]} con {word}")
        for n, word in enumerate(spelled)
    ]


def choose(
    documents: list[tuple[str, str]], *, max_bytes: int, max_words: int = 1_000_000, batch: int = 50
) -> sample.Sample:
    return sample.choose(
        [documents[i : i + batch] for i in range(0, len(documents), batch)],
        pattern=PATTERN,
        total_bytes=sum(len(text.encode()) for _, text in documents),
        max_bytes=max_bytes,
        max_words=max_words,
        seed=0,
    )


def drawn(documents: list[tuple[str, str]], chosen: sample.Sample) -> list[str]:
    return list(itertools.chain.from_iterable(sample.texts([documents], chosen, pattern=PATTERN)))


def distinct_pieces(texts: list[str]) -> set[str]:
    return set(itertools.chain.from_iterable(regex.findall(PATTERN, text) for text in texts))


def test_a_small_corpus_is_taken_whole() -> None:
    documents = corpus(300)
    chosen = choose(documents, max_bytes=1_000_000)
    assert drawn(documents, chosen) == [text for _, text in documents]
    assert chosen.documents == 300
    assert not chosen.cut_by_words


@pytest.mark.parametrize("max_bytes", [500, 2_000, 5_000])
def test_the_sample_holds_no_more_bytes_than_asked_and_nearly_that_many(max_bytes: int) -> None:
    documents = corpus(1_000)
    chosen = choose(documents, max_bytes=max_bytes)
    size = sum(len(text.encode()) for text in drawn(documents, chosen))
    assert size == chosen.bytes
    # Candidates are drawn by a share: 500 bytes are 25 documents, 5 more or fewer.
    assert 0.5 * max_bytes <= size <= max_bytes


def test_the_last_source_has_its_part_in_the_sample() -> None:
    documents = corpus(5_000)
    chosen = choose(documents, max_bytes=30_000)
    taken = set(drawn(documents, chosen))
    parts = [sum(text in taken for _, text in documents[i : i + 500]) for i in range(0, 5_000, 500)]
    # About 140 of 500 each; three standard deviations of a binomial are 30.
    assert min(parts) > 0.7 * max(parts)


def test_the_sample_depends_on_the_seed() -> None:
    keys = [sample.key_of("a.txt:1", seed=seed) for seed in range(10)]
    assert len(set(keys)) == 10


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 400), st.integers(1, 20_000), st.integers(1, 97), st.randoms())
def test_the_limits_hold_in_any_order_and_in_any_batches(
    max_words: int, max_bytes: int, batch: int, shuffle: random.Random
) -> None:
    documents = corpus(400)
    chosen = choose(documents, max_bytes=max_bytes, max_words=max_words)
    texts = drawn(documents, chosen)
    assert len(texts) == chosen.documents >= 1
    assert sum(len(text.encode()) for text in texts) == chosen.bytes
    assert len(distinct_pieces(texts)) == chosen.words
    if len(texts) > 1:
        assert chosen.words <= max_words
        assert chosen.bytes <= max_bytes
    mixed = shuffle.sample(documents, len(documents))
    assert choose(mixed, max_bytes=max_bytes, max_words=max_words, batch=batch) == chosen


def test_the_limit_on_words_is_told() -> None:
    documents = corpus(400)
    assert choose(documents, max_bytes=1_000_000, max_words=100).cut_by_words
    assert not choose(documents, max_bytes=1_000_000, max_words=1_000).cut_by_words


def test_a_piece_too_long_to_train_on_is_left_out_and_its_neighbours_stay() -> None:
    documents = [("a.txt:0", "prima " + "a" * 2_000 + " dopo " + "molte parole " * 200)]
    chosen = choose(documents, max_bytes=1_000_000)
    assert drawn(documents, chosen) == ["prima dopo " + "molte parole " * 200]


def test_a_share_of_one_is_everything() -> None:
    documents = corpus(100)
    assert list(sample.share_of([documents], share=2.0, seed=0)) == [documents]
    half = next(sample.share_of([documents], share=0.5, seed=0))
    assert 30 <= len(half) <= 70
