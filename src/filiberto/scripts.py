"""The script of every character, for reports that say what a text is written in."""

from __future__ import annotations

import functools
import sys
import unicodedata

import numpy as np
import regex

OTHER = "other"
# Scripts in use today: Unicode Standard Annex 31, tables 5 and 7, and Mongolian.
_NAMES = """
    Adlam Arabic Armenian Balinese Bamum Batak Bengali Bopomofo Canadian_Aboriginal Chakma Cham
    Cherokee Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Han Hangul
    Hanifi_Rohingya Hebrew Hiragana Javanese Kannada Katakana Kayah_Li Khmer Lao Latin Lepcha Limbu
    Lisu Malayalam Mandaic Meetei_Mayek Miao Mongolian Myanmar New_Tai_Lue Newa Nko
    Nyiakeng_Puachue_Hmong Ol_Chiki Oriya Osage Saurashtra Sinhala Sundanese Syloti_Nagri Syriac
    Tai_Le Tai_Tham Tai_Viet Tamil Telugu Thaana Thai Tibetan Tifinagh Vai Wancho Yi
"""
SCRIPTS = tuple(_NAMES.split())


def count(codes: np.ndarray) -> dict[str, int]:
    """Letters, marks and digits by script, the most frequent script first.

    Args:
        codes: code points.
    """
    counts = np.bincount(table()[codes], minlength=len(SCRIPTS) + 2)
    names = (*SCRIPTS, OTHER)
    found = {name: int(n) for name, n in zip(names, counts[1:], strict=True) if n}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


@functools.cache
def table() -> np.ndarray:
    """Number of each code point's script: 0 is none, then SCRIPTS from 1, then OTHER."""
    numbers = np.zeros(sys.maxunicode + 1, np.uint8)
    codes = [c for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c))[0] in "LMN"]
    text = "".join(map(chr, codes))
    where = np.array(codes)
    numbers[where] = len(SCRIPTS) + 1
    numbers[where[_spans(r"[\p{Script=Common}\p{Script=Inherited}]+", text)]] = 0
    for number, name in enumerate(SCRIPTS, start=1):
        numbers[where[_spans(rf"\p{{Script={name}}}+", text)]] = number
    return numbers


def _spans(pattern: str, text: str) -> np.ndarray:
    spans = [np.arange(*match.span()) for match in regex.finditer(pattern, text)]
    return np.concatenate([np.array([], np.int64), *spans])
