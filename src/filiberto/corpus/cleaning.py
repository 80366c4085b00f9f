"""Stage 1, corpus: text -> clean text. Pure functions over Arrow arrays.

    control characters out -> white space runs to one space -> NFC -> ends stripped

Nothing else: no lower case, no accents stripped, U+FFFD left as it is. A newline is white space,
never nothing, so words are never glued together. Most rows need nothing, and a search is ten
times as fast as a replacement, so rows are searched first.
"""

# pyarrow.compute makes its functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

# Unicode's White_Space and the four separators U+001C-001F; RE2's \s knows only ASCII.
_ODD_SPACE = (
    r"\x{09}-\x{0d}\x{1c}-\x{1f}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}"
    r"\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
)
# Cc without white space, and the byte order mark; the joiners U+200C and U+200D are Cf and stay.
_CONTROL = r"\x{00}-\x{08}\x{0e}-\x{1b}\x{7f}-\x{84}\x{86}-\x{9f}\x{feff}"
_UNTIDY = rf"  |[{_ODD_SPACE}{_CONTROL}]"
_SPACE_RUN = rf"  +| ?[{_ODD_SPACE}][{_ODD_SPACE} ]*"
# Below U+0300 nothing combines and everything is NFC; dashes, quotes and the euro sign likewise.
_MAYBE_NOT_NFC = r"[^\x{00}-\x{2ff}\x{2010}-\x{2027}\x{20ac}]"


def clean(texts: pa.Array) -> pa.Array:
    """Clean texts; cleaning a clean text changes nothing.

    Args:
        texts: strings, none of them null.
    """
    texts = _where(texts, _UNTIDY, _tidy)
    texts = _where(texts, _MAYBE_NOT_NFC, _composed)
    return pc.utf8_trim(texts, " ")


def _tidy(rows: pa.Array) -> pa.Array:
    rows = pc.replace_substring_regex(rows, f"[{_CONTROL}]+", "")
    return pc.replace_substring_regex(rows, _SPACE_RUN, " ")


def _composed(rows: pa.Array) -> pa.Array:
    # Not pc.utf8_normalize: up to pyarrow 25.0.1 its NFC decomposes (apache/arrow#51225).
    return pa.array([unicodedata.normalize("NFC", row) for row in rows.to_pylist()], rows.type)


def _where(texts: pa.Array, pattern: str, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    mask = pc.match_substring_regex(texts, pattern)
    if not pc.any(mask).as_py():
        return texts
    return pc.replace_with_mask(texts, mask, change(texts.filter(mask)))
