"""Stage 1, corpus: text -> clean text. Pure functions over Arrow arrays.

    control and format characters out -> white space runs to one space or line end -> NFC -> trimmed

Nothing else: no lower case, no accents stripped, U+FFFD left as it is. Line ends stay for the rules
that look at lines, and become spaces, never nothing, so words are never glued together. Most rows
need nothing, and a search is ten times as fast as a replacement, so all rows are searched once.
"""

# pyarrow.compute makes its functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import unicodedata
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filiberto.corpus.characters import count, utf8

# What ends a line: LF, VT, FF, CR, the separators U+001C-001E, NEL, U+2028 and U+2029.
_LINE_END = r"\x{0a}-\x{0d}\x{1c}-\x{1e}\x{85}\x{2028}\x{2029}"
# The rest of Unicode's White_Space; RE2's \s knows only ASCII.
_ODD_SPACE = r"\x{09}\x{1f}\x{a0}\x{1680}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}"
# Cc without white space, and the Cf that only steer the layout: the soft hyphen, zero-width spaces,
# marks of direction, the byte order mark, tags. The joiners U+200C and U+200D spell words and stay.
_CONTROL = (
    r"\x{00}-\x{08}\x{0e}-\x{1b}\x{7f}-\x{84}\x{86}-\x{9f}\x{ad}\x{61c}\x{180e}\x{200b}\x{200e}"
    r"\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}\x{2066}-\x{206f}\x{feff}\x{fff9}-\x{fffb}"
    r"\x{e0001}\x{e0020}-\x{e007f}"
)
_JOINER_RUN = r"[\x{200c}\x{200d}]{3,}"  # no orthography has such
_GAP = rf" {_LINE_END}{_ODD_SPACE}"
_NO_LF = _LINE_END.replace(r"\x{0a}", r"\x{0b}", 1)
_UNTIDY = rf"  |[\n ]\n|\n |[{_NO_LF}{_ODD_SPACE}{_CONTROL}]|{_JOINER_RUN}"
_LINE_BREAK = rf"[ {_ODD_SPACE}]*[{_LINE_END}][{_GAP}]*"
_SPACE_RUN = rf"  +| ?[{_ODD_SPACE}][ {_ODD_SPACE}]*"
# Below U+0300 nothing combines and everything is NFC; dashes, quotes and the euro sign likewise.
_MAYBE_NOT_NFC = r"[^\x{00}-\x{2ff}\x{2010}-\x{2027}\x{20ac}]"
_UNTRIMMED = r"\A[ \n]|[ \n]\z"


def clean(texts: pa.Array) -> pa.Array:
    """Clean texts; cleaning a clean text changes nothing. Lines are parted by one newline.

    Args:
        texts: strings, none of them null.
    """
    return _where(texts, f"{_UNTIDY}|{_MAYBE_NOT_NFC}|{_UNTRIMMED}", _cleaned)


def one_line(texts: pa.Array) -> pa.Array:
    """Clean texts with a space for every line end."""
    if not has_lines(texts):  # most text has none, and to look is far cheaper
        return texts
    return pc.replace_substring(texts, "\n", " ")


def count_words(texts: pa.Array) -> np.ndarray:
    """How many words, parted by spaces or line ends, each clean text has; shape (texts,)."""
    data, ends = utf8(texts)
    return count(np.flatnonzero((data == ord(" ")) | (data == ord("\n"))), ends) + 1


def count_lines(texts: pa.Array) -> np.ndarray:
    """How many lines each clean text has, shape (texts,)."""
    data, ends = utf8(texts)
    return count(np.flatnonzero(data == ord("\n")), ends) + 1


def has_lines(texts: pa.Array | pa.ChunkedArray) -> bool:
    """Whether a line end is in the memory of any of the texts."""
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    buffers = [buffer for chunk in chunks if (buffer := chunk.buffers()[2]) is not None]
    return any((np.frombuffer(buffer, np.uint8) == ord("\n")).any() for buffer in buffers)


def _cleaned(rows: pa.Array) -> pa.Array:
    rows = _where(rows, _UNTIDY, _tidy)
    rows = _where(rows, _MAYBE_NOT_NFC, _composed)
    return pc.utf8_trim(rows, " \n")


def _tidy(rows: pa.Array) -> pa.Array:
    rows = pc.replace_substring_regex(rows, f"[{_CONTROL}]+", "")
    rows = pc.replace_substring_regex(rows, _JOINER_RUN, "")
    rows = pc.replace_substring_regex(rows, _LINE_BREAK, "\n")
    return pc.replace_substring_regex(rows, _SPACE_RUN, " ")


def _composed(rows: pa.Array) -> pa.Array:
    # Not pc.utf8_normalize: up to pyarrow 25.0.1 its NFC decomposes (apache/arrow#51225).
    return pa.array([unicodedata.normalize("NFC", row) for row in rows.to_pylist()], rows.type)


def _where(texts: pa.Array, pattern: str, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    mask = pc.match_substring_regex(texts, pattern)
    if not pc.any(mask).as_py():
        return texts
    return pc.replace_with_mask(texts, mask, change(texts.filter(mask)))
