"""Stage 1, corpus: lines of a .csv or .tsv file -> the cells of one of its columns.

    lines  ->  header: separator, width, column  ->  rows  ->  cells, None where a row is malformed

A row is as many lines as its quoted fields span. Where a row goes wrong (a quote that is never
closed, or more or fewer fields than the header has) only its first line is set aside, and reading
goes on with the line after it, so a stray quote does not swallow the rest of the file.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

_SHOWN_CHARACTERS = 80
MAX_ROW_CHARACTERS = 8 << 20
"""A quoted field that is not closed within so much text is never closed."""
_LINE_COST = 64  # memory of a line beside its text, in characters

Mark = TypeVar("Mark")


class Line(NamedTuple, Generic[Mark]):
    """A line of the file, without its line end."""

    text: str
    mark: Mark
    """The caller's own, such as the line's place."""
    sound: bool = True


class Header(NamedTuple):
    """How the rows of a file are cut, and which of their cells is wanted."""

    separator: str
    width: int
    column: int


def read_header(text: str, name: str, *, tabs: bool) -> Header | list[str]:
    """Read the first line of a file.

    The separator is the first of comma, semicolon, tab and bar (of a .tsv file: the tab) at which
    the line holds a column of that name.

    Returns:
        The header, or, where no separator gives such a column, the columns of the best.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_CHARACTERS))
    found: list[list[str]] = []
    for separator in "\t" if tabs else ",;\t|":
        try:
            columns = [cell.strip() for cell in next(csv.reader([text], delimiter=separator), [])]
        except csv.Error:  # a line end of old in it, a quote that goes on, or no text at all
            columns = [text[:_SHOWN_CHARACTERS]]
        if name in columns:
            return Header(separator, len(columns), columns.index(name))
        found.append(columns)
    return max(found, key=len)


def cells(
    lines: Iterator[Line[Mark]], header: Header, *, literal: bool
) -> Iterator[tuple[Line[Mark], str | None]]:
    """The wanted cell of each row after the header, with the row's first line.

    Args:
        literal: a row that is no sound quoting is cut at its separators alone, as a .tsv file is
            whose writer never quotes.

    Returns:
        Pairs of first line and cell: None where the row is malformed, empty for a blank line.
    """
    ahead: deque[Line[Mark]] = deque()  # lines that a malformed row before them gave back

    def more() -> Iterator[Line[Mark]]:
        while (line := ahead.popleft() if ahead else next(lines, None)) is not None:
            yield line

    for first in more():
        if not first.sound:
            yield first, None
        elif not first.text:
            yield first, ""
        elif '"' not in first.text:
            yield first, _cell(first.text.split(header.separator), header)
        else:
            row, taken = _quoted(first, more(), header.separator)
            cell = _cell(row, header)
            if cell is None:
                ahead.extendleft(reversed(taken))
                cell = _cell(first.text.split(header.separator), header) if literal else None
            yield first, cell


def _quoted(
    first: Line[Mark], more: Iterator[Line[Mark]], separator: str
) -> tuple[list[str], list[Line[Mark]]]:
    """A row with quotes (no cells where it is malformed), and the lines it took after its first."""
    taken: list[Line[Mark]] = []

    def supply() -> Iterator[str]:
        yield first.text + "\n"
        size = 0
        for line in more:
            taken.append(line)
            size += len(line.text) + _LINE_COST
            if not line.sound or size > MAX_ROW_CHARACTERS:
                return
            yield line.text + "\n"

    try:
        return next(csv.reader(supply(), delimiter=separator, strict=True), []), taken
    except csv.Error:
        return [], taken


def _cell(row: list[str], header: Header) -> str | None:
    return row[header.column] if len(row) == header.width else None
