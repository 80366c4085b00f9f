"""Files of minimal pairs, in three layouts that are told apart by their first line.

    GOOD <tab> BAD [<tab> PHENOMENON]             plain, with a header `good bad phenomenon` or none
    ... sen, wrong_sen, phenomenon ...            MultiBLiMP: LANGUAGE/data.tsv of its Hub data set
    ... class, form, prefix, sent, pattern ...    Gulordava et al.: LANGUAGE/generated.tab

The plain layout has no quoting: a quotation mark is a quotation mark. The other two are written as
CSV is, with tabs; where their two sentences are the same, which happens, the pair stays and is a
tie. A pair without a phenomenon goes by the name of its file.

Source:
    Jumelet et al. 2025, arXiv:2504.02768; Gulordava et al. 2018, arXiv:1803.11138.
"""

from __future__ import annotations

import csv
import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filiberto.errors import UsageError

ALL = "all"
"""What a report calls all phenomena together, so that none can be called it."""

_PLAIN = ("good", "bad", "phenomenon")
_MULTIBLIMP = {"sen", "wrong_sen"}
_GULORDAVA = {"class", "form", "prefix", "sent", "pattern"}
_HINT = "a line is GOOD <tab> BAD, or GOOD <tab> BAD <tab> PHENOMENON"
_END = "<eos>"


@dataclass(frozen=True)
class MinimalPair:
    """A good sentence, a bad one, and the name of what tells them apart."""

    good: str
    bad: str
    phenomenon: str


def digest(pairs: Sequence[MinimalPair]) -> str:
    """A hash of minimal pairs and their order."""
    text = json.dumps([[pair.good, pair.bad, pair.phenomenon] for pair in pairs])
    return hashlib.sha256(text.encode()).hexdigest()


_Located = tuple[int, MinimalPair]


def read_pairs(path: Path) -> list[MinimalPair]:
    """Read a file of minimal pairs.

    Returns:
        The pairs in their order, in NFC, without white space around them.

    Raises:
        UsageError: the file is missing, is not UTF-8 or holds no pair, or a line is malformed.
    """
    text = _text(path)
    columns = set(_cells(text.partition("\n")[0]))
    if columns >= _MULTIBLIMP:
        found = _multiblimp(path, text)
    elif columns >= _GULORDAVA:
        found = _gulordava(path, text)
    else:
        found = _plain(path, text)
    pairs = [_checked(path, *located) for located in found]
    if not pairs:
        raise UsageError(f"{path} holds no minimal pair", hint=_HINT)
    return pairs


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"{path}: no such file of minimal pairs") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        seen = data[error.start : error.start + 1].hex()
        raise UsageError(
            f"{path}, line {line}: the byte {seen} is not UTF-8", hint="save the file as UTF-8"
        ) from None
    return unicodedata.normalize("NFC", text)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.removesuffix("\r").split("\t")]


def _plain(path: Path, text: str) -> Iterator[_Located]:
    for number, line in enumerate(text.split("\n"), 1):
        cells = _cells(line)
        header = number == 1 and tuple(cell.lower() for cell in cells) in (_PLAIN[:2], _PLAIN)
        if header or not line.strip():
            continue
        if len(cells) not in (2, 3):
            raise UsageError(f"{path}, line {number}: has {_columns(len(cells))}", hint=_HINT)
        if cells[0] == cells[1] != "":
            raise UsageError(
                f"{path}, line {number}: both sentences are {cells[0]!r}", hint="they must differ"
            )
        yield number, MinimalPair(cells[0], cells[1], cells[2] if len(cells) > 2 else "")


def _multiblimp(path: Path, text: str) -> Iterator[_Located]:
    for number, row in _rows(path, text):
        yield number, MinimalPair(row["sen"], row["wrong_sen"], row.get("phenomenon", ""))


def _gulordava(path: Path, text: str) -> Iterator[_Located]:
    """Two rows make a pair: of the correct and of the wrong form after the same words.

    The word that `sent` has in the place of the form was left from the making of the sentence.
    """
    waiting: tuple[int, dict[str, str]] | None = None
    for number, row in _rows(path, text):
        if row["class"] not in ("correct", "wrong"):
            raise UsageError(
                f"{path}, line {number}: `class` is {row['class']!r}; it must be correct or wrong"
            )
        if waiting is None:
            waiting = number, row
            continue
        before, first = waiting
        one_place = all(row[key] == first[key] for key in ("prefix", "sent", "pattern"))
        if not one_place or row["class"] == first["class"]:
            raise UsageError(
                f"{path}, line {number}: is no partner of line {before}, {first['form']!r}",
                hint="the correct and the wrong form of a sentence stand one after the other",
            )
        good, bad = (first, row) if first["class"] == "correct" else (row, first)
        yield number, MinimalPair(_sentence(good), _sentence(bad), row["pattern"])
        waiting = None
    if waiting is not None:
        raise UsageError(f"{path}, line {waiting[0]}: {waiting[1]['form']!r} has no partner")


def _sentence(row: Mapping[str, str]) -> str:
    words = row["sent"].split()
    place = len(row["prefix"].split())
    if words[-1:] == [_END]:
        words.pop()
    return " ".join([*words[:place], row["form"], *words[place + 1 :]])


def _rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with a header, each with the number of its last line."""
    lines = (f"{line}\n" for line in text.split("\n"))
    reader = csv.reader(lines, delimiter="\t", strict=True)
    try:
        header = next(reader)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise UsageError(
                    f"{path}, line {reader.line_num}: has {_columns(len(cells))}, "
                    f"the first line {len(header)}"
                )
            values = (cell.strip() for cell in cells)
            yield reader.line_num, dict(zip(map(str.strip, header), values, strict=True))
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: {error}") from None


def _checked(path: Path, number: int, pair: MinimalPair) -> MinimalPair:
    place = f"{path}, line {number}"
    if not pair.good or not pair.bad:
        side = "bad" if pair.good else "good"
        raise UsageError(f"{place}: the {side} sentence is empty", hint=_HINT)
    if pair.phenomenon == ALL:
        raise UsageError(
            f"{place}: the phenomenon is {ALL!r}, which is the name of them all together",
            hint="name it otherwise",
        )
    by_file = path.stem if path.stem != ALL else path.name
    return MinimalPair(pair.good, pair.bad, pair.phenomenon or by_file)


def _columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"
