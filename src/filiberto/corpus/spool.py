"""Stage 1, corpus: the text on disk while it is decided what becomes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


class Spool:
    """Batches in the order they came, and by range of index in order.

    The file is removed when it is left.
    """

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
        self._path.unlink(missing_ok=True)

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
