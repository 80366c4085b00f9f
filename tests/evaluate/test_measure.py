"""Figures by source, frequency and length; guesses by how sure they were."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from filiberto.evaluate.bits import bits_per_byte, is_hidden, windows
from filiberto.evaluate.calibration import calibration
from filiberto.evaluate.measure import Material, figures, word_frequencies
from filiberto.evaluate.model import Reader, load_reader
from tests.conftest import italian_lines

LINES = italian_lines(4)


@pytest.fixture(scope="module")
def reader(mini_run: Path) -> Reader:
    return load_reader(mini_run)


def quiet(amount: float, note: str = "", *, total: float | None = None) -> None:
    pass


def material(documents: Sequence[tuple[str, str]], **more: Any) -> Material:
    few = {"prompts": [], "choices": [], "pairs": [], "word_share": 1.0, "likelihood_words": 5}
    return Material(documents=documents, **{**few, **more})


def test_sources_share_the_words_and_each_counts_as_it_would_alone(reader: Reader) -> None:
    ids = ("news:7", "web:forum:1", "web:forum:2", "web:forum:3")
    documents = list(zip(ids, LINES, strict=True))
    found = figures(reader, material(documents, word_share=0.5))
    expected = Counter(
        document.rpartition(":")[0]
        for document, text in documents
        for number in range(len(text.split()))
        if is_hidden(document, number, share=0.5)
    )
    counts = {row["name"]: row["words"] for row in found["by_source"]}
    assert counts == expected
    assert list(counts) == ["web:forum", "news"]  # the most words first
    assert sum(counts.values()) == found["words"]
    alone = bits_per_byte(reader, documents[:1], share=0.5, advance=quiet)
    # fp32 sums over padded and unpadded rows differ in the last places.
    assert found["by_source"][1]["bits_per_byte"] == pytest.approx(alone.bits_per_byte, rel=1e-4)
    assert found["by_source"][1]["word_accuracy"] == alone.words_right / alone.words
    assert found["evaluated_documents"] == 4
    assert found["evaluated_bytes"] == sum(len(text.encode()) for text in LINES)


def test_a_word_lies_where_its_count_in_the_training_text_puts_it(reader: Reader) -> None:
    text = "uno due tre quattro cinque sei sette otto"
    counts = dict(zip(text.split(), (200, 199, 20, 19, 2, 1), strict=False))
    first = " ".join(f"{word}\n" * count for word, count in counts.items())
    second = "altro " * (200_000 - sum(counts.values()))
    known = word_frequencies(text.split()[:-1], [first, second])
    assert known == {
        "uno": 1_000,
        "due": 995,
        "tre": 100,
        "quattro": 95,
        "cinque": 10,
        "sei": 5,
        "sette": 0,
    }
    found = figures(reader, material([("d", text)], per_million=known))
    assert [(row["name"], row["words"]) for row in found["by_frequency"]] == [
        ("over 1,000 in a million", 1),
        ("100 to 1,000 in a million", 2),
        ("10 to 100 in a million", 2),
        ("1 to 10 in a million", 1),
        ("under 1 in a million", 2),  # `otto` was not looked for
    ]


def test_of_no_text_no_word_is_frequent() -> None:
    assert word_frequencies(["casa"], []) == {"casa": 0}


def test_words_are_told_apart_by_their_tokens_up_to_five(reader: Reader) -> None:
    text = f"{LINES[0]} Poi xkqjw incontrovertibilmente."
    words = [w for window in windows(reader, "d", text, share=1.0) for w in window.words]
    assert {1, 2, 3, 5} < {len(word) for word in words}
    lengths = Counter(min(len(word), 5) for word in words)
    names = {1: "1 token", 5: "5 or more tokens", **{n: f"{n} tokens" for n in (2, 3, 4)}}
    found = figures(reader, material([("d", text)]))
    rows = [(row["name"], row["words"]) for row in found["by_length"]]
    assert rows == [(names[length], lengths[length]) for length in sorted(lengths)]


def test_what_is_not_known_or_not_asked_is_left_out(reader: Reader) -> None:
    found = figures(reader, material([("d", LINES[0])]))
    assert not {"by_source", "by_frequency", "pairs", "choices"} & found.keys()
    assert found["prompts"] == []


class Counting:
    """A reader of rising numbers; the rest of a number over 4 says how it guesses it.

    First and sure, first and fairly sure, second to another, or behind five others.
    """

    max_length = 22
    says = ((0.95, ()), (0.85, ()), (0.04, (0.83,)), (0.01, (0.15, 0.14, 0.13, 0.12, 0.11)))

    def __init__(self) -> None:
        self.special_ids = {"<s>": 0, "</s>": 1, "<mask>": 2}
        self.asked: list[int] = []

    @property
    def document_tokenizer(self) -> "Counting":
        return self

    def encode(self, text: str, *, add_special_tokens: bool) -> Any:
        found = list(re.finditer(r"\S+", text))
        return SimpleNamespace(ids=[int(m[0]) for m in found], offsets=[m.span() for m in found])

    def log_probabilities(
        self, rows: list[list[int]], places: list[list[int]]
    ) -> list[torch.Tensor]:
        made = []
        for row, some in zip(rows, places, strict=True):
            assert some == [place for place, token in enumerate(row) if token == 2]
            begin = next(token - place for place, token in enumerate(row) if token > 2)
            made.append(torch.stack([self._guess(begin + place) for place in some]))
        return made

    def _guess(self, truth: int) -> torch.Tensor:
        self.asked.append(truth)
        share, likelier = self.says[truth % 4]
        found = torch.zeros(2_100)
        found[truth] = share
        found[3 : 3 + len(likelier)] = torch.tensor(likelier)
        return found.log()


def test_guesses_are_counted_by_how_sure_they_were() -> None:
    reader: Any = Counting()
    text = " ".join(str(number) for number in range(10, 2_010))
    facts = calibration(reader, [("d", text)], advance=quiet)
    sure, fairly, second, lost = (sum(n % 4 == rest for n in reader.asked) for rest in range(4))
    total = len(set(reader.asked))
    assert total == len(reader.asked)
    # Three standard deviations of a share of 0.15 in 2,000 draws are 0.024.
    assert total / 2_000 == pytest.approx(0.15, abs=0.024)
    assert min(reader.asked) < 100
    assert max(reader.asked) > 1_930  # in what is left after six times 16 windows of 20
    assert facts["token_accuracy"] == {
        "top1": (sure + fairly) / total,
        "top5": (sure + fairly + second) / total,
        "tokens": total,
    }
    bins = [(b["confidence"], b["accuracy"], b["count"]) for b in facts["calibration"]["bins"]]
    both, meant = fairly + second, 0.85 * fairly + 0.83 * second
    expected = [(0.15, 0, lost), (meant / both, fairly / both, both), (0.95, 1, sure)]
    assert bins == [pytest.approx(one, abs=1e-6) for one in expected]  # fp32
    error = (0.15 * lost + abs(meant - fairly) + 0.05 * sure) / total
    assert facts["calibration"]["expected_error"] == pytest.approx(error, abs=1e-6)
