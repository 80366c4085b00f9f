"""Flat self-describing files of token ids.

A shard is `length | header | ids`: 8 bytes little-endian header length, a JSON header padded with
spaces to a multiple of 64 bytes, then little-endian ids. The header alone says how to read the
file; nothing is guessed from its size.

    {"format": "filiberto-tokens", "version": 1, "dtype": "uint16", "num_tokens": 3, ...,
     "block_bytes": 1048576, "crc32": [checksum of each block of ids]}
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filiberto.errors import StateError

FORMAT = "filiberto-tokens"
VERSION = 1
BLOCK_BYTES = 1 << 20
_ALIGNMENT = 64
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 64 << 20


def dtype_for(vocab_size: int) -> str:
    """The smallest id type that holds the vocabulary: `uint16` or `uint32`."""
    return "uint16" if vocab_size <= 1 << 16 else "uint32"


def write_shard(path: Path, ids: NDArray[Any], *, vocab_size: int, facts: dict[str, Any]) -> None:
    """Write one shard; the folder around it commits it.

    Args:
        path: the file to make.
        ids: 1-D, every id below `vocab_size`.
        vocab_size: decides how many bytes an id takes.
        facts: more keys for the header, such as the tokenizer's hash.
    """
    dtype = dtype_for(vocab_size)
    data = np.ascontiguousarray(ids, dtype=np.dtype(dtype).newbyteorder("<")).tobytes()
    blocks = range(0, len(data), BLOCK_BYTES)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "dtype": dtype,
        "num_tokens": len(ids),
        "vocab_size": vocab_size,
        **facts,
        "block_bytes": BLOCK_BYTES,
        "crc32": [zlib.crc32(data[start : start + BLOCK_BYTES]) for start in blocks],
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + _LENGTH_BYTES) % _ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(_LENGTH_BYTES, "little"))
        file.write(text)
        file.write(data)


@dataclass(frozen=True)
class Shard:
    """An open shard: its header and its ids in place on disk.

    Each block of ids is checked against its checksum before its first use.
    """

    path: Path
    header: dict[str, Any]
    ids: NDArray[Any]
    checked: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """The ids from `start` to before `stop`.

        Raises:
            StateError: the bytes on disk are not those that were written.
        """
        if start >= stop:
            return self.ids[:0]
        first, last = self._block_of(start), self._block_of(stop - 1)
        for block in range(first, last + 1):
            if not self.checked[block]:
                self._check(block)
        return self.ids[start:stop]

    def rows(self, starts: NDArray[np.int64], length: int) -> NDArray[Any]:
        """`length` ids from each of some places on, at most a block's; `[starts, length]`.

        Raises:
            StateError: the bytes on disk are not those that were written.
        """
        blocks = np.union1d(self._block_of(starts), self._block_of(starts + length - 1))
        for block in blocks[~self.checked[blocks]]:
            self._check(int(block))
        return self.ids[starts[:, None] + np.arange(length)]

    def _block_of(self, place: Any) -> Any:
        return place * self.ids.itemsize // BLOCK_BYTES

    def _check(self, block: int) -> None:
        data = self.ids.view(np.uint8)[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES]
        if zlib.crc32(data.tobytes()) != self.header["crc32"][block]:
            raise StateError(
                f"{self.path}: the ids in MiB {block} are not those that were written",
                hint=_hint(self.path),
            )
        self.checked[block] = True


def header_digest(path: Path) -> str:
    """Hex SHA-256 of a shard's header, and so, by its checksums, of all that it holds."""
    with path.open("rb") as file:
        length = file.read(_LENGTH_BYTES)
        size = min(int.from_bytes(length, "little"), _MAX_HEADER_BYTES)
        return hashlib.sha256(length + file.read(size)).hexdigest()


def open_shard(path: Path) -> Shard:
    """Map a shard into memory after checking its structure and length.

    Raises:
        StateError: it is no shard, or shorter or longer than its header promises.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            if not 0 < length <= _MAX_HEADER_BYTES:
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(file.read(length))
        if header["format"] != FORMAT or header["version"] != VERSION:
            raise ValueError(f"format {header['format']!r} version {header['version']!r}")
        dtype = np.dtype({"uint16": "<u2", "uint32": "<u4"}[header["dtype"]])
        count = int(header["num_tokens"])
        num_blocks = -(-count * dtype.itemsize // BLOCK_BYTES)
        if len(header["crc32"]) != num_blocks or header["block_bytes"] != BLOCK_BYTES:
            raise ValueError("a wrong number of checksums")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StateError(f"{path} is no token shard: {error}", hint=_hint(path)) from None
    promised = _LENGTH_BYTES + length + count * dtype.itemsize
    actual = path.stat().st_size
    if actual != promised:
        raise StateError(
            f"{path} has {actual:,} bytes, its header promises {promised:,}", hint=_hint(path)
        )
    offset = _LENGTH_BYTES + length
    ids = (
        np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=(count,))
        if count
        else np.zeros(0, dtype)
    )
    return Shard(path, header, ids, np.zeros(num_blocks, dtype=np.bool_))


def _hint(path: Path) -> str:
    run = path.parent.parent
    return f"the copy or download was cut short; fetch it again, or: filiberto tokens {run} --force"
