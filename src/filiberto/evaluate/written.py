"""Trees as they stand in running text, for a tagger that reads such text.

    file.conllu -> words as they are written, each a chunk with its part of speech

Contractions are whole and have the tags of their parts (`della` is `ADP+DET`). Spaces are as
SpaceAfter=No has them; a file that has none of these does not say, and gets them by custom.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from filiberto.evaluate.labelled import Rows, Sentence, blocks, tree_rows
from filiberto.evaluate.spacing import customary_spaces


def read_written(path: Path) -> list[Sentence]:
    """The sentences of a treebank's file, with the layer `chunk`.

    Raises:
        UsageError: there is no such file.
        BadDataError: it cannot be read.
    """
    trees = [rows for block in blocks(path) if (rows := tree_rows(path, block)).words]
    told = any(_is_joined(row) for rows in trees for row in rows.words)
    return [_surface(rows, spaces_told=told) for rows in trees]


def _surface(rows: Rows, *, spaces_told: bool) -> Sentence:
    """A sentence as it is written: a contraction is one word, with the tags of its parts."""
    words, tags, spaces = [], [], []
    number = 0
    while number < len(rows.words):
        count, row = rows.contractions.get(number, (1, rows.words[number]))
        words.append(" ".join(row[1].split()) or "_")
        tags.append("+".join(part[3] for part in rows.words[number : number + count]))
        spaces.append(not _is_joined(row))
        number += count
    chunks = tuple(f"B-{tag}" for tag in tags)
    return Sentence(
        words=tuple(words),
        text=rows.text or " ".join(words),
        labels={"chunk": chunks},
        spaces=tuple(spaces) if spaces_told else customary_spaces(words),
    )


def _is_joined(row: Sequence[str]) -> bool:
    return "SpaceAfter=No" in row[9].split("|")
