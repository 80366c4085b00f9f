"""Trees as they stand in running text, for a tagger that reads such text.

    files.conllu -> words as they are written, each a chunk with its part of speech

Multiword tokens are whole and have the tags of their parts (`della` is `ADP+DET`). Spaces are as
SpaceAfter=No has them. A treebank that never says so has a space before every stop, in its text
too, which nobody writes: it gets spaces by custom.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from filiberto.evaluate.labelled import Sentence, Tree, form, read_trees
from filiberto.evaluate.spacing import customary_spaces


def read_written(paths: Iterable[Path]) -> list[list[Sentence]]:
    """The sentences of a treebank's files, file by file, with the layer `chunk`.

    Raises:
        UsageError: there is no such file.
        BadDataError: one cannot be read.
    """
    files = [list(read_trees(path)) for path in paths]
    told = any(_is_joined(row) for file in files for tree in file for row, _ in _surface(tree))
    return [[_written(tree, spaces_told=told) for tree in file] for file in files]


def _written(tree: Tree, *, spaces_told: bool) -> Sentence:
    surface = _surface(tree)
    words = tuple(form(row[1]) for row, _ in surface)
    spaces = tuple(not _is_joined(row) for row, _ in surface)
    return Sentence(
        words=words,
        text=tree.text or " ".join(words),
        labels={"chunk": tuple(f"B-{tag}" for _, tag in surface)},
        spaces=spaces if spaces_told else customary_spaces(words),
    )


def _surface(tree: Tree) -> list[tuple[list[str], str]]:
    """Columns and tag of each word as it is written."""
    made = []
    place = 0
    while place < len(tree.words):
        count, row = tree.multiword.get(place, (1, tree.words[place]))
        parts = tree.words[place : place + count]
        made.append((row, "+".join(part[3] for part in parts)))
        place += count
    return made


def _is_joined(row: Sequence[str]) -> bool:
    return "SpaceAfter=No" in row[9].split("|")
