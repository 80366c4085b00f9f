"""Stage 1, corpus: from sources to the files of the stage's folder.

    sources  ->  engine (Daft)  ->  spool, in any order   + ledger        1. read
    ledger   ->  survivors, sides                                         2. decide
    spool, a window of indices at a time  ->  train-*, validation-*       3. write

The text passes through memory twice, a window at a time; only the ledger stays. What is written
depends on the records' indices alone, so the bytes are the same for any order and any number of
threads.
"""

# pyarrow.compute makes its functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filiberto import console
from filiberto.config import CorpusConfig
from filiberto.corpus import engine, funnel, ledger
from filiberto.corpus.decoding import Reason
from filiberto.corpus.ledger import Ledger, Sides
from filiberto.corpus.records import RECORD_BITS, Log
from filiberto.corpus.sources import Source

FILE_BYTES = 64 << 20
WINDOW_BYTES = 8 << 20
QUARANTINE = "quarantine.jsonl"
_SPOOL = "spool.parquet"
_COLUMNS = pa.schema([("id", pa.string()), ("text", pa.string()), ("source", pa.string())])


def write(
    folder: Path, sources: Sequence[Source], *, settings: CorpusConfig, seed: int
) -> dict[str, Any]:
    """Fill a stage folder, its manifest aside.

    Returns:
        The facts of `funnel.count`.

    Raises:
        BadDataError: too much of the text is malformed, or none is left.
        UserError: a source is damaged or unusable.
    """
    log = Log()
    with Spool(folder / _SPOOL) as spool:
        book = _read(sources, spool, settings=settings, seed=seed, log=log)
        funnel.require_sound(book, spool, sources, log, max_bad_share=settings.max_bad_share)
        names = [source.name for source in sources]
        sides = ledger.choose_sides(book, names=names, settings=settings, seed=seed)
        facts = funnel.count(book, sides, names=names, records=log.records)
        _write(folder, spool, book, sides, names)
    (folder / _SPOOL).unlink()
    return facts


class Spool:
    """Batches in the order they came, and by range of index in order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._file: pq.ParquetFile | None = None
        self._first: list[int] = []
        self._last: list[int] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._writer, self._file):
            if file is not None:
                file.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Append a batch as one row group."""
        table = pa.table(batch.select(["index", "offset", "reason", "text"]))
        writer = self._writer or pq.ParquetWriter(
            self._path, table.schema, compression="lz4", use_dictionary=False
        )
        self._writer = writer
        writer.write_table(table, row_group_size=max(1, len(table)))
        index = batch["index"].to_numpy()
        self._first.append(int(index.min()))
        self._last.append(int(index.max()))

    def read(self, first: int, last: int) -> pa.Table:
        """The rows with an index from `first` to `last`, both included, sorted by it."""
        file = self._file or self._reopen()
        near = (np.array(self._first) <= last) & (np.array(self._last) >= first)
        table = file.read_row_groups(np.flatnonzero(near).tolist(), use_threads=True)
        index = table["index"].to_numpy()
        return table.filter(pa.array((index >= first) & (index <= last))).sort_by("index")

    def _reopen(self) -> pq.ParquetFile:
        assert self._writer is not None
        self._writer.close()
        self._file = pq.ParquetFile(self._path)
        return self._file


class OutputFiles:
    """The parquet files of one side: about `FILE_BYTES` of text each, in several row groups."""

    def __init__(self, folder: Path, split: Literal["train", "validation"]) -> None:
        self._folder, self._split = folder, split
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = self._file_bytes = self._count = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> OutputFiles:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error is None and self._waiting_bytes:
            self._write_waiting()
        self._close()

    def add(self, table: pa.Table, num_bytes: int) -> None:
        """Append documents with so many bytes of text."""
        self._waiting.append(table)
        self._waiting_bytes += num_bytes
        if self._waiting_bytes >= WINDOW_BYTES:
            self._write_waiting()
        if self._file_bytes >= FILE_BYTES:
            self._close()

    def _write_waiting(self) -> None:
        table = pa.concat_tables(self._waiting).combine_chunks()
        writer = self._writer or self._next_file()
        writer.write_table(table, row_group_size=len(table))
        self._file_bytes += self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0

    def _next_file(self) -> pq.ParquetWriter:
        path = self._folder / f"{self._split}-{self._count:05d}.parquet"
        self._writer = pq.ParquetWriter(
            path,
            _COLUMNS,
            compression="zstd",
            use_dictionary=["source"],  # pyright: ignore[reportArgumentType] (its stub)
        )
        self._count += 1
        return self._writer

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._file_bytes = None, 0


def _read(
    sources: Sequence[Source], spool: Spool, *, settings: CorpusConfig, seed: int, log: Log
) -> Ledger:
    writer = ledger.LedgerWriter()
    total = sum(source.num_bytes for source in sources)
    with console.progress("corpus: reading", total=total, unit="bytes") as advance:
        shown = 0
        for batch in engine.clean_batches(sources, settings=settings, seed=seed, log=log):
            rest = writer.add(batch)
            if rest.num_rows:
                spool.add(rest)
            now = log.num_bytes
            advance(now - shown)
            shown = now
    return writer.finish()


def _write(folder: Path, spool: Spool, book: Ledger, sides: Sides, names: Sequence[str]) -> None:
    total = float(book.num_bytes.sum())
    with (
        console.progress("corpus: writing", total=total, unit="bytes") as advance,
        OutputFiles(folder, "train") as train,
        OutputFiles(folder, "validation") as validation,
        (folder / QUARANTINE).open("w", encoding="utf-8") as quarantine,
    ):
        for window in ledger.slices(book.num_bytes, limit=WINDOW_BYTES):
            index, num_bytes = book.index[window], book.num_bytes[window]
            rows = spool.read(int(index[0]), int(index[-1]))
            assert np.array_equal(rows["index"].to_numpy(), index), "the spool lost records"
            documents = _documents(rows, names)
            for files, chosen in (
                (train, sides.train[window]),
                (validation, sides.validation[window]),
            ):
                if chosen.any():
                    files.add(documents.filter(pa.array(chosen)), int(num_bytes[chosen].sum()))
            for row in rows.filter(pa.array(book.bad[window])).to_pylist():
                _write_quarantined(quarantine, row, names)
            advance(float(num_bytes.sum()))


def _documents(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    index = rows["index"].to_numpy()
    numbers, positions = np.unique(index >> RECORD_BITS, return_inverse=True)
    source = pa.array([names[number] for number in numbers]).take(pa.array(positions))
    record = pa.array(index & ((1 << RECORD_BITS) - 1)).cast(pa.string())
    identity = pc.binary_join_element_wise(source, record, ":")
    return pa.table([identity, rows["text"].cast(pa.string()), source], schema=_COLUMNS)


def _write_quarantined(file: TextIO, row: dict[str, Any], names: Sequence[str]) -> None:
    line = {
        "source": names[row["index"] >> RECORD_BITS],
        "record": row["index"] & ((1 << RECORD_BITS) - 1),
        "offset": row["offset"],
        "reason": Reason(row["reason"]).label,
        "preview": row["text"],
    }
    file.write(json.dumps(line, ensure_ascii=False) + "\n")
