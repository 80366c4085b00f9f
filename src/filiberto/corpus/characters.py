"""Stage 1, corpus: what kinds of characters texts hold. Pure functions over Arrow arrays.

    texts  ->  one array of code points  ->  a kind for each  ->  how many of a kind each text has

Everything is looked up in a table of all code points, so every script costs the same.
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

    OTHER = 0
    LETTER = 1
    MARK = 2
    DIGIT = 3
    PUNCTUATION = 4
    SYMBOL = 5
    SPACE = 6
    REPLACEMENT = 7
    """U+FFFD, which stands where a decoder met what it could not read."""
    FORMAT = 8
    """Control and format characters, most of which cleaning takes out."""


_KINDS = {
    "L": Kind.LETTER,
    "M": Kind.MARK,
    "N": Kind.DIGIT,
    "P": Kind.PUNCTUATION,
    "S": Kind.SYMBOL,
    "Z": Kind.SPACE,
    "Cc": Kind.FORMAT,
    "Cf": Kind.FORMAT,
}


@dataclass(frozen=True)
class Characters:
    """The characters of neighbouring texts in a row."""

    codes: np.ndarray
    """Code point of each character, shape (characters,)."""
    kinds: np.ndarray
    """Kind of each character, shape (characters,)."""
    ends: np.ndarray
    """Where each text ends in them, shape (texts,)."""

    def count(self, *kinds: Kind) -> np.ndarray:
        """How many characters of some kinds each text has, shape (texts,)."""
        chosen = self.kinds == kinds[0]
        for kind in kinds[1:]:
            chosen |= self.kinds == kind
        return self.count_where(chosen)

    def count_where(self, chosen: np.ndarray) -> np.ndarray:
        """How many of the chosen characters each text has, shape (texts,)."""
        before = np.searchsorted(np.flatnonzero(chosen), self.ends)
        return np.diff(before, prepend=0)

    @property
    def lengths(self) -> np.ndarray:
        """Characters in each text, shape (texts,)."""
        return np.diff(self.ends, prepend=0)


def characters(texts: pa.Array) -> Characters:
    """Look up every character.

    Args:
        texts: large strings, none of them null.
    """
    codes = code_points(texts)
    ends = np.cumsum(pc.utf8_length(texts).to_numpy(), dtype=np.int64)
    return Characters(codes, _kinds()[codes], ends)


def code_points(texts: pa.Array) -> np.ndarray:
    """The code points of all texts in a row.

    Args:
        texts: large strings, none of them null.
    """
    data = texts.buffers()[2]
    if data is None:
        return np.array([], np.uint32)
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset :]
    text = memoryview(data)[offsets[0] : offsets[len(texts)]]
    return np.frombuffer(str(text, "utf-8").encode("utf-32-le"), "<u4")


@functools.cache
def _kinds() -> np.ndarray:
    # Lone surrogates are no characters, so they are left out, and what follows them moves.
    text = "".join(map(chr, (*range(0xD800), *range(0xE000, sys.maxunicode + 1))))
    kinds = np.zeros(sys.maxunicode + 1, np.uint8)
    for category, kind in _KINDS.items():
        for match in regex.finditer(rf"\p{{{category}}}+", text):
            kinds[slice(*(place + 0x800 * (place >= 0xD800) for place in match.span()))] = kind
    kinds[0xFFFD] = Kind.REPLACEMENT
    kinds[[ord(c) for c in "\t\n\r"]] = Kind.SPACE
    return kinds
