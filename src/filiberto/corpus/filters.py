"""Stage 1, corpus: rules that drop a document, each with a reason. Pure functions.

    texts before and after cleaning  ->  rule by rule on what is left  ->  a reason for each

The limits are kind: what a small language has little of, verse, talk and single sentences among it,
stays. A rule that needs words between spaces says nothing of scripts that have none.
"""

# pyarrow.compute makes its functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filiberto.corpus import cleaning, repetition
from filiberto.corpus.characters import REPLACEMENT, Characters, Kind, count
from filiberto.corpus.reasons import Reason

MIN_LETTERS = 2
MAX_SYMBOL_SHARE = 0.5
"""Of the characters that are no space."""
MAX_DIGIT_SHARE = 0.5
_MIN_SOLID = 20  # in less a date or three dots are a large share
MAX_DAMAGED_SHARE = 0.01
_LEAST_DAMAGES = 3
MIN_WORDS_TO_REPEAT = 50
"""Gopher, which the limits of repetition are from, reads nothing shorter."""
_MAX_BYTES_TO_REPEAT = 2 << 20  # what is longer is a book, and would cost much memory
_MIN_LINES = 5
_MAX_BULLETS, _MAX_ELLIPSES = 0.9, 0.3  # of the lines; Gopher, section A.1.1
_BULLETS = r"^ ?[•‣◦⁃▪▫●○■□▶►◆◇➤➢✓✔*·]"
_ELLIPSES = r"(\x{2026}|\.\.\.)$"
_PLACEHOLDER = "lorem ipsum dolor"  # a text that speaks of the dummy does not quote so much

_MOJIBAKE_SHARE = 0.1
_FLOOD_MARKS = 64  # on one letter; Zalgo has some 30, an orthography three or four


def malformed(found: Characters) -> np.ndarray:
    """The reason why a text is no text at all, or NONE. Shape (texts,), uint8.

    A tenth of U+FFFD is mojibake; 64 marks in a row are a flood, on which NFC takes forever.
    """
    reasons = np.zeros(len(found.ends), np.uint8)
    damaged = found.count_code(REPLACEMENT)
    if damaged.any():
        reasons[damaged > _MOJIBAKE_SHARE * found.lengths] = Reason.MOJIBAKE
    marks = found.starts[found.kinds[found.starts] == Kind.MARK]  # none is of ASCII
    if (count(marks, found.ends) >= _FLOOD_MARKS).any():
        reasons[_flooded(found)] = Reason.COMBINING_FLOOD
    return reasons


def _flooded(found: Characters) -> np.ndarray:
    """Positions of the texts with so many marks in a row, some of them repeatedly."""
    # Cleaning takes format characters out, so they part no marks.
    seen = np.flatnonzero((found.kinds != Kind.FORMAT) & (found.kinds != Kind.INSIDE))
    marks = np.flatnonzero(found.kinds[seen] == Kind.MARK)
    first = marks[: len(marks) - _FLOOD_MARKS + 1]
    first = first[marks[_FLOOD_MARKS - 1 :] - first == _FLOOD_MARKS - 1]
    text = np.searchsorted(found.ends, seen[first], side="right")
    inside = seen[first + (_FLOOD_MARKS - 1)] < found.ends[text]
    return text[inside]


def judge(
    texts: pa.Array,
    raw: Characters,
    reasons: np.ndarray,
    *,
    words: np.ndarray,
    skip: frozenset[str],
    is_foreign: Callable[[list[str]], np.ndarray] | None,
) -> np.ndarray:
    """The first reason to drop each text, or NONE.

    Args:
        texts: clean texts; lines are parted by one newline.
        raw: their characters before cleaning.
        reasons: what is known already; empty texts have one. Shape (texts,), uint8.
        words: how many words each has, parted by spaces or line ends.
        skip: labels of rules that are not applied.
        is_foreign: tells which texts are of another language than the corpus, if anything can.

    Returns:
        Shape (texts,), uint8.
    """
    reasons = reasons.copy()

    def apply(reason: Reason, found: np.ndarray) -> None:
        if reason.label not in skip:
            reasons[found & (reasons == Reason.NONE)] = reason

    def apply_to_rest(
        reason: Reason, rows: np.ndarray, rule: Callable[[pa.Array], np.ndarray]
    ) -> None:
        rows = np.flatnonzero(rows & (reasons == Reason.NONE))
        if reason.label not in skip and len(rows):
            chosen = rows[rule(texts.take(pa.array(rows)))]
            reasons[chosen] = reason

    digits = raw.count(Kind.DIGIT)
    signs = raw.count(Kind.SIGN)
    solid = pc.utf8_length(texts).to_numpy() - (words - 1)
    letters = solid - digits - signs  # most of a text: counted as the rest
    apply(Reason.TOO_SHORT, letters < MIN_LETTERS)
    apply(Reason.DAMAGED, is_damaged(raw))
    some = solid >= _MIN_SOLID
    apply(Reason.SYMBOLS, some & (signs > MAX_SYMBOL_SHARE * solid))
    apply(Reason.DIGITS, some & (digits > MAX_DIGIT_SHARE * solid))
    sizes = pc.binary_length(texts).to_numpy()
    lines = cleaning.count_lines(texts)
    apply(Reason.BOILERPLATE, has_placeholder(texts))
    apply_to_rest(Reason.BOILERPLATE, lines >= _MIN_LINES, is_list)
    apply_to_rest(
        Reason.REPEATED_LINES,
        (lines > 1) & (sizes <= _MAX_BYTES_TO_REPEAT),
        lambda rows: repetition.repeats_lines(repetition.units(rows, b"\n")),
    )
    apply_to_rest(
        Reason.REPEATED_WORDS,
        (words >= MIN_WORDS_TO_REPEAT) & (sizes <= _MAX_BYTES_TO_REPEAT),
        lambda rows: repetition.repeats_words(repetition.units(rows, b" \n")),
    )
    if is_foreign is not None:
        apply_to_rest(
            Reason.WRONG_LANGUAGE,
            raw.lengths > 0,
            lambda rows: is_foreign(rows.to_pylist()),
        )
    return reasons


def is_damaged(raw: Characters) -> np.ndarray:
    """Texts whose UTF-8 was once read as Latin-1 or Windows-1252 (Ã¨ for è), or that hold U+FFFD.

    The first byte of such a pair or triple is a letter from Ã to ï, the rest are signs that a text
    rarely has just there.
    """
    codes = raw.codes
    lead = codes - np.uint32(0xC3) <= 0xEF - 0xC3  # below C3 it wraps around
    trail = _is_trail(codes) & (raw.kinds[raw.starts - 1] == Kind.INSIDE)  # no ASCII before it
    trail[:1] = False
    second, third = np.roll(trail, -1), np.roll(trail, -2)
    hit = (lead & second & ((codes <= 0xDF) | third)) | (codes == REPLACEMENT)
    hits = count(raw.starts[hit], raw.ends)
    return (hits >= _LEAST_DAMAGES) & (hits > MAX_DAMAGED_SHARE * raw.lengths)


# What the bytes 80-BF are in Latin-1 and in Windows-1252.
_TRAILS = np.zeros(0x2123, bool)
_TRAILS[0x80:0xC0] = True
_TRAILS[[ord(c) for c in bytes(range(0x80, 0xA0)).decode("cp1252", "ignore")]] = True


def _is_trail(codes: np.ndarray) -> np.ndarray:
    return _TRAILS[np.minimum(codes, len(_TRAILS) - 1)]


def has_placeholder(texts: pa.Array) -> np.ndarray:
    """Texts that a printer's dummy stands in for (Raffel et al. 2020, arXiv:1910.10683, 2.2)."""
    return _bools(pc.match_substring(texts, _PLACEHOLDER, ignore_case=True))


def is_list(texts: pa.Array) -> np.ndarray:
    """Texts that are menus or teasers: most lines begin with a bullet, or many end in dots.

    A dash is no bullet here: many languages begin each turn of a dialogue with one.
    """
    lines = pc.split_pattern(texts, "\n")
    starts = lines.offsets.to_numpy()[:-1] - lines.offsets[0].as_py()
    flat = lines.flatten()
    counts = np.diff(np.append(starts, len(flat)))
    bullets = np.add.reduceat(_bools(pc.match_substring_regex(flat, _BULLETS)), starts, dtype=int)
    ellipses = np.add.reduceat(_bools(pc.match_substring_regex(flat, _ELLIPSES)), starts, dtype=int)
    return (bullets > _MAX_BULLETS * counts) | (ellipses > _MAX_ELLIPSES * counts)


def _bools(array: pa.Array) -> np.ndarray:
    return array.to_numpy(zero_copy_only=False)
