"""Stage 1, corpus: the parquet files that the stages after this one read."""

# pyarrow.compute makes its functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filiberto.corpus import cleaning
from filiberto.corpus.records import RECORD_BITS

FILE_BYTES = 64 << 20
WINDOW_BYTES = 8 << 20
_COLUMNS = pa.schema([("id", pa.string()), ("text", pa.string()), ("source", pa.string())])


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


def documents(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Rows of the spool as documents, on one line each.

    Args:
        names: names of the sources, by number.
    """
    index = rows["index"].to_numpy()
    numbers, positions = np.unique(index >> RECORD_BITS, return_inverse=True)
    source = pa.array([names[number] for number in numbers]).take(pa.array(positions))
    record = pa.array(index & ((1 << RECORD_BITS) - 1)).cast(pa.string())
    identity = pc.binary_join_element_wise(source, record, ":")
    text = cleaning.one_line(rows["text"]).cast(pa.string())
    return pa.table([identity, text, source], schema=_COLUMNS)
