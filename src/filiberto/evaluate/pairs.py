"""Choices between words in a context: does the model put the right form first?

    "Ieri Maria ha ___ una lettera"   scritto | scrive, scrivere, scriveva, ...

Every candidate is put into the blank, all its tokens hidden, and scored from left to right, so a
form of three tokens competes with one of a single token on equal terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from filiberto.console import Advance
from filiberto.evaluate.bits import HiddenWord, Window, word_costs, word_tokens
from filiberto.evaluate.fill import BLANK
from filiberto.evaluate.model import Reader


class Choice(Protocol):
    """A sentence with a blank, the word that is right in it, and words that are wrong."""

    @property
    def text(self) -> str:
        """The sentence, with `___` for the word."""
        ...

    @property
    def right(self) -> str:
        """The word that belongs there."""
        ...

    @property
    def wrong(self) -> tuple[str, ...]:
        """Words that do not."""
        ...


@dataclass(frozen=True)
class Verdict:
    """The word the model likes best, and whether that is the right one."""

    best: str
    is_right: bool


def choose(reader: Reader, choices: Sequence[Choice], *, advance: Advance) -> list[Verdict]:
    """Let the model choose in every sentence.

    Args:
        reader: the model.
        choices: sentences with one blank each.
        advance: told the sentences that are done.

    Source:
        Salazar et al. 2020, arXiv:1910.14659, section 4.3 (acceptability by score); Kauf and
        Ivanova 2023, arXiv:2305.10588 (the order within the word).
    """
    verdicts = []
    for choice in choices:
        words = (choice.right, *choice.wrong)
        windows = [blank_window(reader, choice.text, word) for word in words]
        costs = [window_costs[0].nats for window_costs in word_costs(reader, windows)]
        # A tie is not a right answer.
        rivals = min(costs[1:], default=float("inf"))
        best = words[costs.index(min(costs))]
        verdicts.append(Verdict(best, costs[0] < rivals))
        advance(1)
    return verdicts


def blank_window(reader: Reader, text: str, word: str) -> Window:
    """The text with a word in its blank, that word's tokens to be scored."""
    before, _, after = text.partition(BLANK)
    filled = f"{before}{word}{after}"
    encoding = reader.tokenizer.encode(filled, add_special_tokens=False)
    start, stop = word_tokens(encoding.offsets, len(before), len(before) + len(word))
    hidden = HiddenWord(start + 1, stop + 1, word)
    bos, eos = reader.special_ids["<s>"], reader.special_ids["</s>"]
    return Window([bos, *encoding.ids, eos], [hidden])
