"""All that is measured of a model without training it further.

model, validation text, prompts, pairs -> figures, as metrics.json has them
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from filiberto.console import progress
from filiberto.evaluate.bits import WORD, GroupsOf, HiddenWord, Score, bits_per_byte
from filiberto.evaluate.calibration import calibration
from filiberto.evaluate.likelihood import pseudo_likelihood
from filiberto.evaluate.minimal_pairs import by_phenomenon, judge, wilson
from filiberto.evaluate.model import Reader
from filiberto.evaluate.pair_files import MinimalPair
from filiberto.evaluate.pairs import Choice, choose
from filiberto.evaluate.prompts import Prompt, answer_prompts

_LONGEST_SHOWN = 5
# Per million words of the training text.
_FREQUENCIES = (
    (1_000, "over 1,000 in a million"),
    (100, "100 to 1,000 in a million"),
    (10, "10 to 100 in a million"),
    (1, "1 to 10 in a million"),
    (0, "under 1 in a million"),
)


@dataclass(frozen=True, kw_only=True)
class Material:
    """What models are measured on.

    Attributes:
        documents: pairs of id and text; an id begins with its source and a colon.
        prompts: with accepted answers.
        choices: sentences in which the right word must beat wrong ones.
        pairs: of a good sentence and a bad one.
        word_share: of the words that are hidden for bits per byte.
        likelihood_words: for the pseudo-log-likelihood.
        per_million: how frequent a word is in the training text, where that is known.
    """

    documents: Sequence[tuple[str, str]]
    prompts: Sequence[Prompt]
    choices: Sequence[Choice]
    pairs: Sequence[MinimalPair]
    word_share: float
    likelihood_words: int
    per_million: Mapping[str, float] | None = None


def figures(reader: Reader, material: Material) -> dict[str, Any]:
    """Measure a model; absent keys were not measured."""
    found = guesses(reader, material)
    with progress("likelihood", total=material.likelihood_words, unit="words") as advance:
        likelihood = pseudo_likelihood(
            reader, material.documents, max_words=material.likelihood_words, advance=advance
        )
    found |= {"pseudo_likelihood": likelihood} if likelihood else {}
    found["prompts"] = answer_prompts(reader, list(material.prompts))
    if material.pairs:
        with progress("pairs", total=len(material.pairs), unit="pairs") as advance:
            verdicts = judge(reader, material.pairs, advance=advance)
        found["pairs"] = by_phenomenon(material.pairs, verdicts)
    if material.choices:
        found["choices"] = _choose(reader, material.choices)
    return found


def guesses(reader: Reader, material: Material) -> dict[str, Any]:
    """How well hidden words and tokens of the documents are guessed."""
    documents = material.documents
    total = sum(len(text.encode()) for _, text in documents)
    with progress("evaluate", total=total, unit="bytes") as advance:
        score = bits_per_byte(
            reader,
            documents,
            share=material.word_share,
            advance=advance,
            groups_of=_groups(material.per_million),
        )
    with progress("calibration", total=total, unit="bytes") as advance:
        tokens = calibration(reader, documents, advance=advance)
    return {
        **_facts(score),
        **tokens,
        "intervals": score.intervals | tokens["intervals"],
        "word_bytes": score.num_bytes,
        "evaluated_bytes": total,
        "evaluated_documents": len(documents),
        **{kind: _table(kind, groups) for kind, groups in score.groups.items()},
    }


def word_frequencies(words: Iterable[str], texts: Iterable[str]) -> dict[str, float]:
    """How often some words are in a million words of a text.

    Args:
        words: to be counted.
        texts: of which all words count for the million.
    """
    counts = dict.fromkeys(words, 0)
    total = 0
    for text in texts:
        for word, count in Counter(WORD.findall(text)).items():
            total += count
            if word in counts:
                counts[word] += count
    return {word: 1e6 * count / max(1, total) for word, count in counts.items()}


def _groups(per_million: Mapping[str, float] | None) -> GroupsOf:
    """By source, by tokens a word and by frequency in training."""

    def groups_of(document: str, word: HiddenWord) -> dict[str, str]:
        length = len(word)
        shown = f"{length}" if length < _LONGEST_SHOWN else f"{_LONGEST_SHOWN} or more"
        found = {"by_length": f"{shown} token{'s' if length > 1 else ''}"}
        if source := document.rpartition(":")[0]:
            found["by_source"] = source
        if per_million is not None:
            frequency = per_million.get(word.text, 0.0)
            names = (name for least, name in _FREQUENCIES if frequency >= least)
            found["by_frequency"] = next(names)
        return found

    return groups_of


def _table(kind: str, groups: Mapping[str, Score]) -> list[dict[str, Any]]:
    """Sources with the most words first, frequent words first, short words first."""
    if kind == "by_frequency":
        names = [name for _, name in _FREQUENCIES if name in groups]
    elif kind == "by_length":
        names = sorted(groups)
    else:
        names = sorted(groups, key=lambda name: (-groups[name].words, name))
    return [{"name": name, **_facts(groups[name])} for name in names]


def _facts(score: Score) -> dict[str, Any]:
    return {
        "bits_per_byte": score.bits_per_byte,
        "word_accuracy": score.words_right / max(1, score.words),
        "words": score.words,
    }


def _choose(reader: Reader, choices: Sequence[Choice]) -> dict[str, Any]:
    with progress("choices", total=len(choices), unit="sentences") as advance:
        verdicts = choose(reader, choices, advance=advance)
    wrong = [
        {"text": choice.text, "right": choice.right, "preferred": verdict.best}
        for choice, verdict in zip(choices, verdicts, strict=True)
        if not verdict.is_right
    ]
    right = len(choices) - len(wrong)
    low, high = wilson(right, len(choices))
    return {"count": len(choices), "right": right, "low": low, "high": high, "wrong": wrong}
