"""Where spaces stand between words, in files that have words alone.

l' amico , ( lui )  ->  l'amico, (lui)
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_STOPS = frozenset(",.;:!?…%‰،؛؟٪۔।॥՝՞։።፣၊။")  # of scripts that put spaces between words
_OPENING, _CLOSING = {"Ps", "Pi"}, {"Pe", "Pf"}
_QUOTE, _APOSTROPHES = '"', ("'", "\u2019")


def customary_spaces(words: Sequence[str]) -> tuple[bool, ...]:
    """Whether a space follows each word, by the custom of punctuation.

    None stands before a stop or a closing bracket, after an opening one or an elision, and inside
    quotes: `l'` `amico` `,` `(` `lui` `)` is written `l'amico, (lui)`.
    """
    spaces = [True] * len(words)
    quoted = False
    for place, word in enumerate(words):
        joins_last, joins_next = _joins_last(word), _joins_next(word)
        if word == _QUOTE:
            joins_last, joins_next, quoted = quoted, not quoted, not quoted
        if joins_next:
            spaces[place] = False
        if joins_last and place:
            spaces[place - 1] = False
    return tuple(spaces)


def _joins_last(word: str) -> bool:
    clitic = word.startswith(_APOSTROPHES) and len(word) > 1
    return clitic or _STOPS.issuperset(word) or _kinds(word) <= _CLOSING


def _joins_next(word: str) -> bool:
    elided = word.endswith(_APOSTROPHES) and len(word) > 1
    return elided or word in ("¿", "¡") or _kinds(word) <= _OPENING


def _kinds(word: str) -> set[str]:
    return {unicodedata.category(letter) for letter in word}
