"""Stage 1, corpus: what one document is in a plain text file, where nobody said so.

    beginning of each file  ->  line | paragraph | file, shown with three samples

The rule, by a file's first 256 kB:

1. Among 20 or more text files of at most 64 kB each file is a document: a folder of articles.
2. Blank lines part documents (`paragraph`) if they come at least once in 100 lines and half of the
   lines stand in groups of two or more: hard-wrapped books, verse, sentences a line with a blank
   line after each text.
3. Else each line is a document, wherever blank lines stand between single lines too.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Literal

import pyarrow as pa

from filiberto.console import printable
from filiberto.corpus import blocks
from filiberto.corpus.sources import Documents, Source

_HEAD_BYTES = 256 << 10
_SMALL_BYTES = 64 << 10
_MANY_FILES = 20
_MAX_GROUP = 100
_SAMPLES = 3
_WIDTH = 88
_WORDS: dict[Documents, str] = {
    "line": "each line is one",
    "paragraph": "blank lines part them",
    "file": "each file is one",
}


def resolve(sources: Sequence[Source], setting: Documents | Literal["auto"]) -> list[Source]:
    """Say of each plain text source what one document is in it: as set, or as it looks."""
    texts = [source for source in sources if source.format == "text"]
    small = {source.name for source in texts if source.num_bytes <= _SMALL_BYTES}
    many = len(small) >= _MANY_FILES

    def unit(source: Source) -> Documents:
        if setting != "auto":
            return setting
        return "file" if many and source.name in small else guess(_head(source))

    return [
        dataclasses.replace(source, documents=unit(source)) if source.format == "text" else source
        for source in sources
    ]


def guess(head: bytes) -> Documents:
    """What one document seems to be in a file that begins so."""
    lines = head.decode("utf-8", errors="replace").split("\n")
    filled = groupby(lines, key=lambda line: bool(line.strip()))
    groups = [sum(1 for _ in group) for holds_text, group in filled if holds_text]
    in_groups = sum(size for size in groups if size > 1)
    parted = len(groups) > 1 and sum(groups) <= _MAX_GROUP * len(groups)
    return "paragraph" if parted and 2 * in_groups >= sum(groups) else "line"


def shown(sources: Sequence[Source]) -> Iterator[str]:
    """What was found, as lines with three samples of each kind."""
    for unit in _WORDS:
        chosen = [source for source in sources if source.documents == unit]
        if chosen:
            chosen.sort(key=lambda source: -source.num_bytes)
            where = f"{len(chosen)} text files" if len(chosen) > 1 else printable(chosen[0].name)
            samples = [f"  | {sample}" for sample in _samples(chosen, unit)]
            yield f"documents: {_WORDS[unit]} in {where}, it seems{'; such as' if samples else ''}"
            yield from samples
    if any(source.documents for source in sources):
        yield "  not so? --documents line, paragraph or file"


def _head(source: Source) -> bytes:
    # A damaged file fails by name when it is read.
    try:
        return blocks.head(source, _HEAD_BYTES)
    except (OSError, EOFError, zlib.error, pa.ArrowException):
        return b""


def _samples(chosen: Sequence[Source], unit: Documents) -> Iterator[str]:
    """The beginnings of three documents of the largest source, or of the three largest files."""
    whole = unit == "file"
    records = map(_head, chosen) if whole else blocks.records(_head(chosen[0]), unit)
    for record in islice(records, _SAMPLES):
        text = " ".join(record[: 8 * _WIDTH].decode("utf-8", errors="replace").split())
        text = printable(text)
        yield text if len(text) <= _WIDTH else text[: _WIDTH - 2] + " …"
