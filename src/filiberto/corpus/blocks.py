"""Stage 1, corpus: a text file -> blocks of whole records, as bytes.

    file  ->  chunks (unpacked)  ->  blocks: bytes | where each record in them ends

A record is a line, a paragraph or the whole file. Only `\\n` ends a line: NEL, U+2028 and the
like may stand inside one. A record that spans chunks is carried over whole; one beyond
`MAX_RECORD_BYTES` is cut down to its head, and the block says so.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from filiberto.corpus.sources import Source
from filiberto.errors import BadDataError

CHUNK_BYTES = 1 << 20
MAX_RECORD_BYTES = 16 << 20
"""A record longer than this is no text; it bounds memory for any file."""
_KEPT_BYTES = 400  # of a record that is too long: a preview's worth, from its head and its tail
_BLANK_LINES = re.compile(rb"\n[^\S\n]*\n\s*")
_BOM = b"\xef\xbb\xbf"
_MAGIC = {"gz": b"\x1f\x8b", "zst": b"\x28\xb5\x2f\xfd"}
_BOMB_BYTES, _BOMB_RATIO = 256 << 20, 300  # text packs to a tenth, a log to a fiftieth

Ends = Callable[[bytes], np.ndarray]


class Block(NamedTuple):
    """Neighbouring records of a file."""

    data: bytes
    ends: np.ndarray
    """Where each record ends in `data`, its line end included."""
    start: int
    """Where `data` starts in the unpacked file."""
    first_was_cut: bool
    """The first record was too long, and only its head is here."""


def read_blocks(
    source: Source, unit: Literal["line", "paragraph", "file"], advance: Callable[[int], None]
) -> Iterator[Block]:
    """Read a text file as blocks of whole records.

    Args:
        advance: told the bytes read from disk since the last call.

    Raises:
        BadDataError: the file is UTF-16.
        OSError, EOFError, zlib.error: it is damaged, or cannot be read.
    """
    chunks = _without_bom(_chunks(source, advance), source)
    if unit == "line":
        return cut(chunks, _line_ends)
    if unit == "paragraph":
        return cut(_without_leading_space(chunks), _paragraph_ends)
    return cut(chunks, _no_ends)


def head(source: Source, num_bytes: int) -> bytes:
    """The first bytes of a text file, unpacked, without its byte order mark."""
    chunks = _without_bom(_chunks(source, lambda _: None), source)
    return next((chunk[:num_bytes] for _, chunk in chunks), b"")


def records(data: bytes, unit: Literal["line", "paragraph"]) -> Iterator[bytes]:
    """The records in some bytes that hold more than white space; the last may be cut."""
    chunks = iter([(0, data)])
    ends_of = _line_ends if unit == "line" else _paragraph_ends
    for block in cut(chunks if unit == "line" else _without_leading_space(chunks), ends_of):
        starts = [0, *block.ends[:-1]]
        for start, end in zip(starts, block.ends, strict=True):
            if block.data[start:end].strip():
                yield block.data[start:end]


def cut(chunks: Iterator[tuple[int, bytes]], ends_of: Ends) -> Iterator[Block]:
    """Cut chunks of a file into blocks of whole records.

    Args:
        chunks: position in the file and bytes, in order.
        ends_of: finds the ends of the records that are complete in some bytes.
    """
    start, rest, dropped = None, b"", 0
    for position, chunk in chunks:
        start = position if start is None else start
        data = rest + chunk
        ends = ends_of(data)
        if len(ends) and dropped:  # a block of its own, so that the positions after it hold
            yield Block(data[: ends[0]], ends[:1], start, True)
            start += int(ends[0]) + dropped
            data, ends, dropped = data[ends[0] :], ends[1:] - ends[0], 0
        if len(ends):
            yield Block(data, ends, start, False)
            start += int(ends[-1])
            data = data[ends[-1] :]
        rest = data
        if len(rest) > MAX_RECORD_BYTES:
            dropped += len(rest) - 2 * _KEPT_BYTES
            rest = rest[:_KEPT_BYTES] + rest[-_KEPT_BYTES:]
    if rest and start is not None:
        yield Block(rest, np.array([len(rest)]), start, dropped > 0)


def _line_ends(data: bytes) -> np.ndarray:
    return np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1


def _paragraph_ends(data: bytes) -> np.ndarray:
    # Blank lines that reach the end of the bytes may go on in the next chunk.
    ends = [m.end() for m in _BLANK_LINES.finditer(data) if m.end() < len(data)]
    return np.array(ends, np.int64)


def _no_ends(data: bytes) -> np.ndarray:
    return np.array([], np.int64)


def _chunks(source: Source, advance: Callable[[int], None]) -> Iterator[bytes]:
    assert source.path is not None
    with source.path.open("rb") as file, unpacking(file, source) as stream:
        last = unpacked = 0
        while chunk := stream.read(CHUNK_BYTES):
            advance(file.tell() - last)
            last = file.tell()
            unpacked += len(chunk)
            if unpacked > _BOMB_BYTES and unpacked > _BOMB_RATIO * source.num_bytes:
                raise BadDataError(
                    f"{source.place} is a bomb: {source.num_bytes} bytes unpack to more than "
                    f"{unpacked}, no text does",
                    hint="if it is text all the same, unpack it first",
                )
            yield bytes(chunk)


@contextmanager
def unpacking(file: IO[bytes], source: Source) -> Iterator[Any]:
    """The stream of a source's own bytes, from its open file.

    Raises:
        BadDataError: it is not packed as its name says.
    """
    magic = _MAGIC.get(source.compression or "")
    if magic is not None and source.num_bytes:
        if (head := file.read(len(magic))) != magic:
            raise BadDataError(
                f"{source.place} is no .{source.compression} file: it begins with "
                f"{head!r}, not {magic!r} (format_mismatch)",
                hint="give it the suffix of what it is",
            )
        file.seek(0)
    if source.compression == "gz":
        with gzip.open(file) as stream:
            yield stream
    elif source.compression == "zst" and source.num_bytes:
        with pa.CompressedInputStream(file, "zstd") as stream:
            yield stream
    else:
        yield file


def _without_bom(chunks: Iterator[bytes], source: Source) -> Iterator[tuple[int, bytes]]:
    position = 0
    for chunk in chunks:
        if position == 0:
            _refuse_utf16(chunk, source)
        skipped = len(_BOM) if position == 0 and chunk.startswith(_BOM) else 0
        yield position + skipped, chunk[skipped:]
        position += len(chunk)


def _without_leading_space(chunks: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    started = False
    for position, chunk in chunks:
        text = chunk if started else chunk.lstrip()
        if text:
            started = True
            yield position + len(chunk) - len(text), text


def _refuse_utf16(chunk: bytes, source: Source) -> None:
    head = chunk[:4096]
    # Without a byte order mark UTF-16 shows by its zero bytes, which are valid UTF-8.
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or head.count(0) > len(head) // 5:
        raise BadDataError(
            f"{source.place} looks like UTF-16: it begins with bytes {head[:4].hex(' ')}; "
            "text must be UTF-8 (encoding_utf16)",
            hint="convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW",
        )
