"""Stage 1, corpus: what kinds of characters texts hold. Pure functions over Arrow arrays.

    texts  ->  one array of bytes  ->  a kind for each  ->  how many of a kind each text has

A byte of ASCII is a character. The others are decoded, and looked up in a table of all code
points, so every script is read alike, and what is mostly ASCII costs little.
"""

# pyarrow.compute makes its functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex


class Kind(IntEnum):
    """The kinds that rules ask for, from Unicode's general categories."""

    SIGN = 0
    """Punctuation, symbols, and what is none of anything."""
    LETTER = 1
    MARK = 2
    DIGIT = 3
    SPACE = 4
    FORMAT = 5
    """Control and format characters, most of which cleaning takes out."""
    INSIDE = 6
    """No character, but a byte after the first of one."""


_LAST_ASCII = 0x7F
_FIRST_LEAD = 0xC0  # of UTF-8: the bytes between go on with a character
REPLACEMENT = 0xFFFD
"""The sign that stands where a decoder met what it could not read."""
_KINDS = {
    "L": Kind.LETTER,
    "M": Kind.MARK,
    "N": Kind.DIGIT,
    "Z": Kind.SPACE,
    "Cc": Kind.FORMAT,
    "Cf": Kind.FORMAT,
}


@dataclass(frozen=True)
class Characters:
    """The characters of neighbouring texts in a row."""

    kinds: np.ndarray
    """Kind of each character at its first byte, shape (bytes,)."""
    ends: np.ndarray
    """Where each text ends in them, shape (texts,)."""
    lengths: np.ndarray
    """Characters in each text, shape (texts,)."""
    starts: np.ndarray
    """Where the characters beyond ASCII begin, shape (beyond,)."""
    codes: np.ndarray
    """Their code points, shape (beyond,)."""

    def count(self, kind: Kind) -> np.ndarray:
        """How many characters of a kind each text has, shape (texts,)."""
        return count(np.flatnonzero(self.kinds == kind.value), self.ends)

    def count_code(self, code: int) -> np.ndarray:
        """How often each text has a character beyond ASCII, shape (texts,)."""
        return count(self.starts[self.codes == code], self.ends)


def characters(texts: pa.Array) -> Characters:
    """Look up every character.

    Args:
        texts: large strings, none of them null.
    """
    data, ends = utf8(texts)
    kinds = np.frombuffer(bytearray(data.tobytes()).translate(_byte_kinds()), np.uint8)
    starts = np.flatnonzero(data >= _FIRST_LEAD)
    codes = _decoded(data[data > _LAST_ASCII])
    kinds[starts] = _kinds()[codes]
    return Characters(kinds, ends, pc.utf8_length(texts).to_numpy(), starts, codes)


def utf8(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of all texts in a row, and where each text ends in them.

    Args:
        texts: large strings, none of them null.
    """
    if not len(texts):
        return np.array([], np.uint8), np.array([], np.int64)
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset :][: len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    return data[offsets[0] : offsets[-1]], offsets[1:] - offsets[0]


def count(places: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """How many of some places, in order, are in each of neighbouring texts that end there."""
    return np.diff(np.searchsorted(places, ends), prepend=0)


def code_points(texts: pa.Array) -> np.ndarray:
    """The code points of all texts in a row.

    Args:
        texts: large strings, none of them null.
    """
    return _decoded(utf8(texts)[0])


def _decoded(data: np.ndarray) -> np.ndarray:
    return np.frombuffer(data.tobytes().decode().encode("utf-32-le"), "<u4")


@functools.cache
def _byte_kinds() -> bytes:
    kinds = np.full(256, Kind.INSIDE, np.uint8)
    kinds[: _LAST_ASCII + 1] = _kinds()[: _LAST_ASCII + 1]
    return kinds.tobytes()


@functools.cache
def _kinds() -> np.ndarray:
    # Lone surrogates are no characters, so they are left out, and what follows them moves.
    codes = np.delete(np.arange(sys.maxunicode + 1, dtype="<u4"), slice(0xD800, 0xE000))
    text = codes.tobytes().decode("utf-32-le")
    kinds = np.zeros(sys.maxunicode + 1, np.uint8)
    for category, kind in _KINDS.items():
        for match in regex.finditer(rf"\p{{{category}}}+", text):
            kinds[slice(*(place + 0x800 * (place >= 0xD800) for place in match.span()))] = kind
    kinds[[ord(c) for c in "\t\n\r"]] = Kind.SPACE
    return kinds
