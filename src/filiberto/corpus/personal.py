"""Stage 1, corpus: e-mail addresses, telephone and card numbers. Pure functions.

    texts  ->  rows that may hold one (a fast search)  ->  found, counted, and masked if asked

What has the form of a number that reaches a person is counted; nothing tells whose it is. Names and
postal addresses are not looked for.
"""

# pyarrow.compute makes its functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filiberto.corpus.characters import count, utf8

KINDS = ("email", "phone", "card")
MASKS = {kind: f"[{kind}]" for kind in KINDS}

_EMAIL = r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
_CARD = r"\b[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}\b|\b3[47]\d{2}[ -]?\d{6}[ -]?\d{5}\b"
# International, with the area in brackets, or a national number that begins with 0, in groups.
_PHONE = (
    r"\+\d{1,3}[ ./-]?\(?\d{1,4}\)?(?:[ ./-]?\d{2,4}){2,4}\b"
    r"|\(\d{2,5}\)[ -]?\d{3,4}(?:[ -]?\d{2,4}){1,2}\b"
    r"|\b0\d{1,4}[ /-]\d{5,8}\b"
    r"|\b0\d{1,4}(?:[ .-]\d{2,4}){3,4}\b"
    r"|\b\d{3}[.-]\d{3}[.-]\d{4}\b"
)
_FEWEST_DIGITS, _WIDEST = 6, 16  # +1 (23) 45-67: at most two signs between digits
_MAYBE = f"@[A-Za-z0-9-]+\\.|{_CARD}|{_PHONE}"
_FIND = re.compile(f"(?P<email>{_EMAIL})|(?P<card>{_CARD})|(?P<phone>{_PHONE})", re.ASCII)


def find(texts: pa.Array, *, mask: bool) -> tuple[pa.Array, np.ndarray]:
    """Count personal data, and put [email], [phone] or [card] in its place if asked.

    Args:
        texts: large strings, none of them null.

    Returns:
        The texts, changed only with `mask`; counts of each kind, shape (texts, 3), uint16.
    """
    counts = np.zeros((len(texts), len(KINDS)), np.uint16)
    rows = np.flatnonzero(_may_hold(texts))
    maybe = pc.match_substring_regex(texts.take(pa.array(rows)), _MAYBE)
    rows = rows[maybe.to_numpy(zero_copy_only=False)]
    masked = []
    for row, text in zip(rows, texts.take(pa.array(rows)).to_pylist(), strict=True):
        masked.append(_FIND.sub(lambda match, row=row: _note(match, counts[row]), text))
    if mask and len(rows):
        chosen = np.zeros(len(texts), bool)
        chosen[rows] = True
        texts = pc.replace_with_mask(texts, pa.array(chosen), pa.array(masked, texts.type))
    return texts, counts


def _may_hold(texts: pa.Array) -> np.ndarray:
    """Texts with an @ or with digits as dense as in any number looked for: few, shape (texts,)."""
    data, ends = utf8(texts)
    digits = np.flatnonzero(data - np.uint8(ord("0")) <= 9)  # below 0 it wraps around
    dense = digits[_FEWEST_DIGITS - 1 :] - digits[: 1 - _FEWEST_DIGITS] < _WIDEST
    places = np.append(digits[: len(dense)][dense], np.flatnonzero(data == ord("@")))
    return count(np.sort(places), ends) > 0


def _note(match: re.Match[str], counts: np.ndarray) -> str:
    kind = match.lastgroup
    assert kind is not None
    if kind == "card" and not is_card_number(match.group()):
        return match.group()
    counts[KINDS.index(kind)] += counts[KINDS.index(kind)] < np.iinfo(counts.dtype).max
    return MASKS[kind]


def is_card_number(text: str) -> bool:
    """Whether the digits in a text pass the check of Luhn, as those of payment cards do."""
    digits = [int(c) for c in reversed(text) if c.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
