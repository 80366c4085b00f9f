"""Which script a character, a piece of text or a token belongs to."""

from __future__ import annotations

import functools

import regex

# The scripts in use today (Unicode Standard Annex 31, tables 5 and 7) and those of which people
# keep texts; a letter of any other is "other".
_NAMES = (
    "Latin Greek Cyrillic Armenian Hebrew Arabic Syriac Thaana Nko Samaritan Mandaic Devanagari "
    "Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala Thai Lao Tibetan "
    "Myanmar Georgian Hangul Ethiopic Cherokee Canadian_Aboriginal Tagalog Hanunoo Buhid Tagbanwa "
    "Khmer Mongolian Limbu Tai_Le New_Tai_Lue Buginese Tai_Tham Balinese Sundanese Batak Lepcha "
    "Ol_Chiki Glagolitic Coptic Tifinagh Hiragana Katakana Bopomofo Han Yi Lisu Vai Bamum "
    "Syloti_Nagri Phags_Pa Saurashtra Kayah_Li Rejang Javanese Cham Tai_Viet Meetei_Mayek Osage "
    "Adlam Chakma Newa Hanifi_Rohingya Wancho Nyiakeng_Puachue_Hmong Warang_Citi Mro Pahawh_Hmong "
    "Miao Tangut Nushu Gothic Deseret Avestan Brahmi Cuneiform Egyptian_Hieroglyphs Old_Turkic "
    "Runic Ogham"
)
SCRIPTS = tuple(_NAMES.split())
OTHER, DIGITS, SIGNS = "other", "digits", "signs"

# Written side by side in one language: Japanese.
TOGETHER = ({"Han", "Hiragana", "Katakana"},)

_ONE_OF = regex.compile("|".join(rf"(?P<{name}>\p{{Script={name}}})" for name in SCRIPTS))
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


@functools.lru_cache(maxsize=65_536)
def _script_of_letter(letter: str) -> str:
    match = _ONE_OF.match(letter)
    return match.lastgroup if match and match.lastgroup else OTHER
