"""Where spaces stand between words, in files that have words alone.

    l' amico , ( lui )  ->  l'amico, (lui)

What is said here is custom in most scripts, and not all of it in every language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from filiberto.tokenizer.pretokenize import UNSPACED

_STOPS = frozenset(",.;:!?…%‰،؛؟٪۔।॥՝՞։።፣၊။。，、；：！？")
_QUOTES = frozenset(('"', "''", "``", "«", "»", "“", "”", "„"))
_BETWEEN_UNSPACED = re.compile(rf"[{UNSPACED}] [{UNSPACED}]")
_CLITIC = re.compile(r"['’][^\W\d_]{1,2}")  # 's, 'll
_ELIDED = re.compile(r".*[^\W\d_aeiou]['’] [aeiouyh]", re.IGNORECASE)  # l' amico; not po' di


def customary_spaces(words: Sequence[str]) -> tuple[bool, ...]:
    """Whether a space follows each word, by the custom of punctuation.

    None stands before a stop, a closing bracket or a clitic, after an opening bracket or an
    elision, inside of quotes, and between letters of scripts that put none between words.
    """
    opening, closing = _quotes(words)
    spaces = []
    for place, (word, following) in enumerate(pairwise(words)):
        joined = (
            place in opening
            or place + 1 in closing
            or _kinds(word) <= {"Ps"}
            or word in ("¿", "¡")
            or _kinds(following) <= {"Pe"}
            or _STOPS.issuperset(following)
            or _CLITIC.fullmatch(following)
            or _ELIDED.match(f"{word} {_without_accent(following[0])}")
            or _BETWEEN_UNSPACED.match(f"{word[-1]} {following[0]}")
        )
        spaces.append(not joined)
    return (*spaces, True) if words else ()


def _quotes(words: Sequence[str]) -> tuple[set[int], set[int]]:
    """Places of opening and of closing quotes, in turn; none where one has no other."""
    places = [place for place, word in enumerate(words) if word in _QUOTES]
    return (set(), set()) if len(places) % 2 else (set(places[::2]), set(places[1::2]))


def _kinds(word: str) -> set[str]:
    return {unicodedata.category(letter) for letter in word}


def _without_accent(letter: str) -> str:
    return unicodedata.normalize("NFD", letter)[0]
