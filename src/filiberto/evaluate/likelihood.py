"""Pseudo-log-likelihood: each word of a text is guessed while all its other words are shown.

    text -> windows -> one word hidden at a time, its tokens from left to right -> nats a word

The words are those of `bits.py`: what white space separates, long runs in parts. A token is scored
with the later tokens of its word hidden too. Else the end of a word would give its beginning away,
and a rare word of many tokens would look likelier than a common one of a single token.

Source:
    Salazar et al. 2020, arXiv:1910.14659, section 2; Kauf and Ivanova 2023, arXiv:2305.10588, for
    the order within a word (there `PLL-word-l2r`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from filiberto.console import Advance
from filiberto.evaluate.bits import WORD, Score, Window, windows, word_costs
from filiberto.evaluate.model import Reader

# So many words are looked at together that rows of like length fill the batches, and no more.
_WORDS_AT_ONCE = 2_048


@dataclass(frozen=True)
class Likelihood:
    """The log-probability of each word of a text while all the others are shown, in nats."""

    words: tuple[float, ...]

    @property
    def total(self) -> float:
        """The pseudo-log-likelihood of the text, 0 where it has no word."""
        return math.fsum(self.words)


def likelihoods(
    reader: Reader, texts: Sequence[Sequence[Window]], *, advance: Callable[[float], object]
) -> list[Likelihood]:
    """The pseudo-log-likelihood of some texts.

    Args:
        reader: the model.
        texts: each as `text_windows` cuts it.
        advance: told the texts that are done.
    """
    found: list[Likelihood] = []
    for group in _groups(texts):
        costs = iter(word_costs(reader, [window for text in group for window in _alone(text)]))
        for text in group:
            nats = (next(costs)[0].nats for _ in _alone(text))
            found.append(Likelihood(tuple(-cost for cost in nats)))
        advance(len(group))
    return found


def text_windows(reader: Reader, text: str) -> list[Window]:
    """A text as the model reads it, each word one to score.

    A text longer than the model reads is cut between words, and a word sees no more than its part.

    Args:
        reader: tokenizer and longest input.
        text: in NFC.
    """
    return list(windows(reader, "", text, share=1.0))


def pseudo_likelihood(
    reader: Reader, documents: Iterable[tuple[str, str]], *, max_words: int, advance: Advance
) -> dict[str, Any] | None:
    """How likely the words of running text are, each guessed with all the others shown.

    The words are drawn from all documents by the same hash as those of bits per byte.

    Args:
        reader: the model.
        documents: pairs of id and text.
        max_words: about how many words to score.
        advance: told the words that are done.

    Returns:
        `nats_per_word`, `bits_per_byte`, `words`, and the 95 % `interval` of bits per byte, None
        of fewer than two documents; None where no word was drawn.
    """
    documents = list(documents)
    total = sum(1 for _, text in documents for _ in WORD.finditer(text))
    share = min(1.0, max_words / max(1, total))
    cut = (window for pair in documents for window in windows(reader, *pair, share=share))
    score = Score()
    alone = _alone(cut)
    while group := list(islice(alone, _WORDS_AT_ONCE)):
        score.add(group, word_costs(reader, group))
        advance(len(group))
    if not score.words:
        return None
    return {
        "nats_per_word": score.nats / score.words,
        "bits_per_byte": score.bits_per_byte,
        "words": score.words,
        "interval": score.intervals.get("bits_per_byte"),
    }


def _alone(some: Iterable[Window]) -> Iterator[Window]:
    """The windows anew for each of their words, with this word alone to guess."""
    return (Window(window.ids, [word], window.document) for window in some for word in window.words)


def _groups(texts: Sequence[Sequence[Window]]) -> Iterator[list[Sequence[Window]]]:
    """The texts in groups of about `_WORDS_AT_ONCE` words."""
    group: list[Sequence[Window]] = []
    waiting = 0
    for text in texts:
        group.append(text)
        waiting += sum(len(window.words) for window in text)
        if waiting >= _WORDS_AT_ONCE:
            yield group
            group, waiting = [], 0
    if group:
        yield group
