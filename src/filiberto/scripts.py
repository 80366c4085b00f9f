"""Which script a character, a piece of text or a token belongs to."""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Sequence

import numpy as np
import regex

# The scripts in use today (Unicode Standard Annex 31, tables 5 and 7) and those of which people
# keep texts; a letter of any other is "other".
_NAMES = """
    Latin Greek Cyrillic Armenian Hebrew Arabic Syriac Thaana Nko Samaritan Mandaic Devanagari
    Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala Thai Lao Tibetan
    Myanmar Georgian Hangul Ethiopic Cherokee Canadian_Aboriginal Tagalog Hanunoo Buhid Tagbanwa
    Khmer Mongolian Limbu Tai_Le New_Tai_Lue Buginese Tai_Tham Balinese Sundanese Batak Lepcha
    Ol_Chiki Glagolitic Coptic Tifinagh Hiragana Katakana Bopomofo Han Yi Lisu Vai Bamum
    Syloti_Nagri Phags_Pa Saurashtra Kayah_Li Rejang Javanese Cham Tai_Viet Meetei_Mayek Osage
    Adlam Chakma Newa Hanifi_Rohingya Wancho Nyiakeng_Puachue_Hmong Warang_Citi Mro Pahawh_Hmong
    Miao Tangut Nushu Gothic Deseret Avestan Brahmi Cuneiform Egyptian_Hieroglyphs Old_Turkic
    Runic Ogham
"""
OTHER, DIGITS, SIGNS = "other", "digits", "signs"
SCRIPTS = (*_NAMES.split(), OTHER)

# Written side by side in one language: Japanese.
TOGETHER = ({"Han", "Hiragana", "Katakana"},)

_LETTER = regex.compile(r"\p{L}")
_FIRST = regex.compile(r"\p{L}|\p{N}")


def script_of(text: str) -> str:
    """The script of the first letter of a text; without one, `digits` or `signs`."""
    letter = _LETTER.search(text)
    if letter is not None:
        return _script_of_letter(letter[0])
    return DIGITS if _FIRST.search(text) else SIGNS


def scripts_of(text: str) -> set[str]:
    """The scripts of all letters of a text; those that several scripts share do not count."""
    return {_script_of_letter(letter) for letter in _LETTER.findall(text)} - {OTHER}


def go_together(first: str, second: str) -> bool:
    """Whether two scripts are one, or are written side by side in one language."""
    return first == second or any({first, second} <= group for group in TOGETHER)


def _script_of_letter(letter: str) -> str:
    number = int(table()[ord(letter)])
    return SCRIPTS[number - 1] if number else OTHER


@functools.cache
def table() -> np.ndarray:
    """The number of every code point, shape (code points,), uint8."""
    return numbers(range(sys.maxunicode + 1))


def numbers(codes: Sequence[int]) -> np.ndarray:
    """Each code point's place in SCRIPTS, from 1; 0 where it is of no script, or of several.

    Letters, marks and numbers have a script; signs and spaces have none.

    Returns:
        Shape (codes,), uint8.
    """
    numbers = np.zeros(len(codes), np.uint8)
    spelled = [i for i, c in enumerate(codes) if unicodedata.category(chr(c))[0] in "LMN"]
    text, left = "".join(chr(codes[i]) for i in spelled), np.array(spelled, np.int64)
    names = [
        "Han",
        "Common",
        "Inherited",
        *SCRIPTS[:-1],
    ]  # the largest first
    for name in names:
        spans = [np.arange(*match.span()) for match in _runs_of(name).finditer(text)]
        found = np.concatenate([np.array([], np.int64), *spans])
        numbers[left[found]] = SCRIPTS.index(name) + 1 if name in SCRIPTS else 0
        left = np.delete(left, found)
        text = _runs_of(name).sub("", text)
    numbers[left] = len(SCRIPTS)
    return numbers


def _runs_of(name: str) -> regex.Pattern[str]:
    return regex.compile(rf"\p{{Script={name}}}+")
