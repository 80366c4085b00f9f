"""Stage 1, corpus: which lines occur most often in the text as it was read.

documents  ->  a hash of each line, on disk  ->  counted a part at a time  ->  the most frequent
"""

# pyarrow.compute makes its functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filiberto.corpus import cleaning, dedup

_ENTRY = np.dtype([("key", "<u8"), ("index", "<i8")])
_PART_ENTRIES = 4 << 20  # sorted at once


@dataclass(frozen=True)
class Repeated:
    """A line that occurs more than once."""

    key: int
    count: int
    index: int
    """Index of the first record that holds it."""


class Lines:
    """Counts lines in a file of 16 bytes each, whatever order they come in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._count = 0

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def add(self, index: np.ndarray, texts: pa.Array, keys: np.ndarray) -> None:
        """Note the lines of documents.

        Args:
            index: of each document.
            texts: large strings whose lines are parted by one newline.
            keys: first half of `dedup.keys` of the texts.
        """
        several = np.zeros(len(texts), bool)
        if cleaning.has_lines(texts):
            several = np.array(pc.match_substring(texts, "\n"))
        parts = [(keys[~several], index[~several])]
        if several.any():
            lines = pc.split_pattern(texts.filter(pa.array(several)), "\n")
            owners = index[several][pc.list_parent_indices(lines).to_numpy()]
            parts.append((line_keys(lines.flatten()), owners))
        for part_keys, owners in parts:
            entries = np.empty(len(owners), _ENTRY)
            entries["key"], entries["index"] = part_keys, owners
            self._file.write(entries.tobytes())
            self._count += len(entries)

    def most_frequent(self, number: int) -> list[Repeated]:
        """The lines that occur most often, twice at least; of equally frequent ones the first."""
        self._file.flush()
        parts = self._count // _PART_ENTRIES + 1
        best: list[Repeated] = []
        for part in range(parts):
            best = sorted([*best, *self._of_part(part, parts)], key=lambda r: (-r.count, r.index))
            best = best[:number]
        return best

    def _of_part(self, part: int, parts: int) -> list[Repeated]:
        """The repeated lines whose key falls into a part of all keys, the rarest of them aside."""
        chosen = []
        with self._path.open("rb") as file:
            while len(entries := np.fromfile(file, _ENTRY, _PART_ENTRIES)):
                chosen.append(entries[entries["key"] % np.uint64(parts) == part])
        entries = np.concatenate([np.empty(0, _ENTRY), *chosen])
        entries = entries[np.lexsort((entries["index"], entries["key"]))]
        keys = entries["key"]
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
        counts = np.diff(np.append(starts, len(keys)))
        starts, counts = starts[counts > 1], counts[counts > 1]
        first = entries["index"][starts]
        top = np.lexsort((first, -counts))[:1000]
        rows = zip(keys[starts[top]], counts[top], first[top], strict=True)
        return [Repeated(int(key), int(count), int(index)) for key, count, index in rows]


def line_keys(lines: pa.Array) -> np.ndarray:
    """The key of each line, shape (lines,), uint64."""
    return dedup.keys(lines)[:, 0]
