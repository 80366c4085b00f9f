"""The shards of a split read as one long sequence of ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from filiberto.errors import StateError
from filiberto.runfolder import manifest
from filiberto.tokens.shards import BLOCK_BYTES, Shard, header_digest, open_shard

Split = Literal["train", "validation"]

_BLOCK_IDS = BLOCK_BYTES // 4  # however many bytes an id takes


class TokenStream:
    """All ids of a split, in corpus order; `len` is their number.

    Args:
        shards: open shards of one tokenizer.
    """

    def __init__(self, shards: list[Shard]) -> None:
        self._shards = shards
        self._starts = np.cumsum([0, *(len(shard) for shard in shards)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def header(self) -> dict[str, Any]:
        """The first shard's header; its tokenizer and special ids are those of all."""
        return self._shards[0].header

    def read(self, start: int, length: int) -> NDArray[np.int64]:
        """`length` ids from position `start` on; after the last id the first follows.

        Raises:
            StateError: a shard is damaged where it is read.
        """
        parts: list[NDArray[Any]] = []
        while length > 0:
            start %= len(self)
            index = int(np.searchsorted(self._starts, start, side="right")) - 1
            offset = start - int(self._starts[index])
            count = min(length, len(self._shards[index]) - offset)
            parts.append(self._shards[index].read(offset, offset + count))
            start, length = start + count, length - count
        return np.concatenate(parts).astype(np.int64)

    def rows(self, starts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
        """`length` ids from each of some positions on, `[starts, length]`.

        Raises:
            StateError: a shard is damaged where it is read.
        """
        found = np.empty((len(starts), length), np.int64)
        starts = starts % len(self)
        first = np.searchsorted(self._starts, starts, side="right") - 1
        inside = (starts + length <= self._starts[first + 1]) & (length <= _BLOCK_IDS)
        for index in np.unique(first[inside]):
            mine = inside & (first == index)
            offsets = starts[mine] - self._starts[index]
            found[mine] = self._shards[index].rows(offsets, length)
        for row in np.flatnonzero(~inside):  # over the end of a shard
            found[row] = self.read(int(starts[row]), length)
        return found

    def parts(self, *, most: int, length: int) -> list[tuple[int, int]]:
        """Where parts begin and how long they are.

        A corpus lies source after source, so those of a long one lie evenly in it.

        Args:
            most: ids of all parts together.
            length: of a part.
        """
        if len(self) <= most:
            starts = range(0, len(self), length)
            return [(start, min(length, len(self) - start)) for start in starts]
        one = min(length, most)
        begins = np.linspace(0, len(self) - one, most // one).astype(int)
        return [(start, one) for start in begins.tolist()]

    def counts(
        self, parts: Iterable[tuple[int, int]], *, advance: Callable[[int], object] = lambda n: None
    ) -> NDArray[np.int64]:
        """How often each id stands in some parts, `[vocab]`.

        Args:
            parts: as `parts` gives them.
            advance: told the ids that are read.

        Raises:
            StateError: a shard is damaged where it is read.
        """
        found = np.zeros(self.header["vocab_size"], np.int64)
        for start, length in parts:
            found += np.bincount(self.read(start, length), minlength=len(found))
            advance(length)
        return found


def open_stream(folder: Path, *, split: Split) -> TokenStream:
    """Open the shards of a split in a folder `tokens`.

    Raises:
        StateError: there are none, one is damaged, they come from different tokenizers, or they are
            not those that the stage's manifest names.
    """
    paths = sorted(folder.glob(f"{split}-*.tokens"))
    if not paths:
        raise StateError(
            f"{folder} has no {split} shards",
            hint=f"build it again: filiberto tokens {folder.parent} --force",
        )
    shards = [open_shard(path) for path in paths]
    _check_names(folder, paths, split=split)
    for shard in shards:
        for key in ("tokenizer", "vocab_size", "special_ids", "dtype"):
            if shard.header.get(key) != shards[0].header.get(key):
                raise StateError(
                    f"{shard.path} and {paths[0].name} disagree on `{key}`: "
                    f"{shard.header.get(key)!r}, {shards[0].header.get(key)!r}",
                    hint=f"build them again: filiberto tokens {folder.parent} --force",
                )
    return TokenStream([shard for shard in shards if len(shard)] or shards[:1])


def _check_names(folder: Path, paths: list[Path], *, split: Split) -> None:
    """Refuse shards that changed places, or came from elsewhere, whole as each of them may be."""
    made = manifest.read(folder)
    headers = made.facts.get("headers") if made else None
    if headers is None:
        return
    promised = {name: digest for name, digest in headers.items() if name.startswith(split)}
    wrong = [p.name for p in paths if header_digest(p) != promised.pop(p.name, None)] or [*promised]
    if wrong:
        raise StateError(
            f"{folder}: {', '.join(wrong[:5])} is not the shard that was made under this name",
            hint=f"build them again: filiberto tokens {folder.parent} --force",
        )
