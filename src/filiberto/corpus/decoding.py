"""Stage 1, corpus: each format -> texts of records, the malformed ones marked.

    .txt blocks | .jsonl lines | .csv rows | .parquet batches | phrasebook  ->  Decoded

A block is decoded in bulk; only where that fails is it looked at record by record, so one
malformed record never costs its neighbours, and sound text costs next to nothing.
"""

# pyarrow.compute makes its functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filiberto.config import CorpusConfig
from filiberto.corpus import blocks, jsonlines, separated
from filiberto.corpus.blocks import Block
from filiberto.corpus.reasons import Reason
from filiberto.corpus.sources import Source
from filiberto.errors import UsageError

PREVIEW_CHARACTERS = 80


class Bad(NamedTuple):
    """What is wrong with a record, and where."""

    reason: Reason
    offset: int | None
    preview: str


class Decoded(NamedTuple):
    """Neighbouring records of a source."""

    texts: pa.Array
    bad: dict[int, Bad]
    """What is wrong with some of them, by position; their text is a preview."""
    starts: np.ndarray | None = None
    """Where each begins in the unpacked file, if that is known."""


def decoded(
    source: Source, *, settings: CorpusConfig, seed: int, advance: Callable[[int], None]
) -> Iterator[Decoded]:
    """Read a source's records in order, decoded.

    Args:
        seed: of the phrasebook.
        advance: told the bytes read from disk since the last call.

    Raises:
        UsageError: it has no field or column of the name in the settings.
    """
    parts = _decoded(source, settings=settings, seed=seed, advance=advance)
    return parts if source.max_text_bytes is None else _first(parts, source.max_text_bytes)


def _decoded(
    source: Source, *, settings: CorpusConfig, seed: int, advance: Callable[[int], None]
) -> Iterator[Decoded]:
    if source.format == "phrasebook":
        return _phrasebook(source, seed, advance)
    if source.format == "parquet":
        return _parquet(source, settings.text_field, advance)
    if source.format == "text":
        unit = source.documents or "line"
        return map(_decode_block, blocks.read_blocks(source, unit, advance))
    lines = map(_decode_block, blocks.read_blocks(source, "line", advance))
    if source.format == "jsonl":
        return _json(lines, source, settings.text_field)
    return _separated(lines, source, settings.text_field)


def _first(parts: Iterator[Decoded], num_bytes: int) -> Iterator[Decoded]:
    """Records until they hold so much text: the one that goes beyond is the last."""
    for texts, bad, starts in parts:
        ends = np.cumsum(pc.binary_length(texts).to_numpy(zero_copy_only=False))
        count = int(np.searchsorted(ends, num_bytes)) + 1
        if count > len(texts):
            num_bytes -= int(ends[-1]) if len(ends) else 0
            yield Decoded(texts, bad, starts)
            continue
        kept = {i: why for i, why in bad.items() if i < count}
        yield Decoded(texts.slice(0, count), kept, None if starts is None else starts[:count])
        return


def preview(text: str | bytes) -> str:
    """The beginning of a malformed record with everything unprintable escaped."""
    if isinstance(text, bytes):
        text = text[: 4 * PREVIEW_CHARACTERS].rstrip(b"\r\n").decode("utf-8", "backslashreplace")
    head = text[:PREVIEW_CHARACTERS]
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in head)
    return "".join(escaped)[:PREVIEW_CHARACTERS]


def _decode_block(block: Block) -> Decoded:
    offsets = np.concatenate([[0], block.ends]).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block.data)]
    raw = pa.Array.from_buffers(pa.large_binary(), len(block.ends), buffers)
    too_long = np.diff(offsets) > blocks.MAX_RECORD_BYTES
    too_long[0] |= block.first_was_cut
    decoded = _decode(raw, starts=block.start + offsets[:-1], too_long=too_long)
    return decoded._replace(texts=pc.ascii_rtrim(decoded.texts, "\r\n"))


def _decode(
    raw: pa.Array, *, starts: np.ndarray | None = None, too_long: np.ndarray | None = None
) -> Decoded:
    """Decode records, all at once if they are in order, else one by one.

    Args:
        raw: records as bytes; null where there is no text.
        starts: where each begins in its file, if that is known.
        too_long: True where a record is beyond the limit.
    """
    if not raw.null_count and (too_long is None or not too_long.any()):
        with contextlib.suppress(pa.ArrowInvalid):  # one is not UTF-8: found below
            return Decoded(raw.cast(pa.large_string()), {}, starts)
    texts, bad = [], {}
    for i, value in enumerate(raw.to_pylist()):
        start = None if starts is None else int(starts[i])
        if value is None:
            bad[i] = Bad(Reason.FIELD_TYPE, start, "null")
        elif too_long is not None and too_long[i]:
            bad[i] = Bad(Reason.LINE_TOO_LONG, start, preview(value))
        else:
            try:
                texts.append(value.decode())
                continue
            except UnicodeDecodeError as error:
                where = None if start is None else start + error.start
                bad[i] = Bad(Reason.UTF8_INVALID, where, preview(value))
        texts.append(bad[i].preview)
    return Decoded(pa.array(texts, pa.large_string()), bad, starts)


def _json(lines: Iterator[Decoded], source: Source, name: str) -> Iterator[Decoded]:
    """Take the text out of lines of JSON.

    Raises:
        UsageError: no record of the file has the field.
    """
    keys_seen: set[str] = set()
    found = False
    for texts, bad, starts in lines:
        results: list[str] = []
        for i, line in enumerate(texts.to_pylist()):
            result = line if i in bad else jsonlines.text_of(line, name)
            if isinstance(result, jsonlines.Wrong):
                if len(keys_seen) < _MAX_KEYS:
                    keys_seen.update(result.keys)
                place = len(line[: result.position].encode())
                offset = None if starts is None else int(starts[i]) + place
                bad[i] = Bad(result.reason, offset, preview(line))
                result = bad[i].preview
            found |= bool(line) and (i not in bad or bad[i].reason in _HAS_FIELD)
            results.append(result)
        yield Decoded(pa.array(results, pa.large_string()), bad)
    if keys_seen and not found:
        raise _no_such_field(source, "field", name, sorted(keys_seen))


_MAX_KEYS = 20  # a file may have another key on each line
_HAS_FIELD = (Reason.FIELD_TYPE, Reason.LONE_SURROGATE)


def _separated(parts: Iterator[Decoded], source: Source, name: str) -> Iterator[Decoded]:
    """Take a column's text out of lines of separated values.

    Raises:
        UsageError: the file has no such column.
    """
    lines = _lines(parts)
    first = next((line for line in lines if line.text.strip()), None)
    if first is None:
        return
    tabs = source.format == "tsv"
    header = separated.read_header(first.text, name, tabs=tabs)
    if not isinstance(header, separated.Header):
        raise _no_such_field(source, "column", name, header)
    rows = separated.cells(lines, header, literal=tabs)
    while batch := list(itertools.islice(rows, _ROWS)):
        texts, bad = [], {}
        for i, (line, cell) in enumerate(batch):
            if cell is None:
                start, before = line.mark
                bad[i] = before or Bad(Reason.CSV_INVALID, start, preview(line.text))
            texts.append(bad[i].preview if i in bad else cell)
        yield Decoded(pa.array(texts, pa.large_string()), bad)


_ROWS = 4096  # of separated values in a batch


def _lines(parts: Iterator[Decoded]) -> Iterator[separated.Line[tuple[int | None, Bad | None]]]:
    for texts, bad, starts in parts:
        for i, text in enumerate(texts.to_pylist()):
            start = None if starts is None else int(starts[i])
            yield separated.Line(text, (start, bad.get(i)), i not in bad)


def _parquet(source: Source, name: str, advance: Callable[[int], None]) -> Iterator[Decoded]:
    assert source.path is not None
    with pq.ParquetFile(source.path) as file:
        columns = file.schema_arrow.names
        if name not in columns:
            raise _no_such_field(source, "column", name, columns)
        kind = file.schema_arrow.field(name).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if not (_is_text(kind) or pa.types.is_null(kind)):
            raise UsageError(
                f"{source.place}: column `{name}` holds {kind}, not text",
                hint=f"the columns there are: {', '.join(columns)}",
            )
        rows = max(1, file.metadata.num_rows)
        row_bytes = (
            sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups))
            / rows
        )
        size = int(min(65_536, max(1, blocks.CHUNK_BYTES // max(1, row_bytes))))
        for batch in file.iter_batches(batch_size=size, columns=[name]):
            values: Any = batch.column(0)
            if isinstance(values, pa.DictionaryArray):
                values = values.dictionary_decode()
            advance(round(source.num_bytes * len(values) / rows))
            raw = values.cast(pa.large_binary())
            sizes = pc.fill_null(pc.binary_length(raw), 0).to_numpy()
            yield _decode(raw, too_long=sizes > blocks.MAX_RECORD_BYTES)


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    tests: list[Any] = [types.is_string, types.is_large_string, types.is_string_view]
    return any(test(kind) for test in [*tests, types.is_binary, types.is_large_binary])


def _phrasebook(source: Source, seed: int, advance: Callable[[int], None]) -> Iterator[Decoded]:
    from filiberto.corpus import phrasebook

    documents = iter(phrasebook.documents(seed=seed, max_bytes=source.num_bytes))
    while texts := list(itertools.islice(documents, 10_000)):
        array = pa.array(texts, pa.large_string())
        advance(array.nbytes)
        yield Decoded(array, {})


def _no_such_field(source: Source, what: str, name: str, seen: list[str]) -> UsageError:
    return UsageError(
        f"{source.place} has no {what} `{name}`; seen: {', '.join(seen[:20])}",
        hint=f"name the one that holds the text: --corpus.text-field {seen[0] if seen else 'NAME'}",
    )
