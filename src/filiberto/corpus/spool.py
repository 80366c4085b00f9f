"""Stage 1, corpus: the text on disk while it is decided what becomes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import ipc

_COLUMNS = ["index", "offset", "reason", "text"]


class Spool:
    """Batches in the order they came, and by range of index in order.

    They are not packed, which would cost several times what writing them does. The file is
    removed when it is left.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._disk = pa.OSFile(str(path), "wb")
        self._writer: ipc.RecordBatchFileWriter | None = None
        self._file: ipc.RecordBatchFileReader | None = None
        self._first: list[int] = []
        self._last: list[int] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._disk.close()
        self._path.unlink(missing_ok=True)

    def add(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        batch = batch.select(_COLUMNS)
        self._writer = self._writer or ipc.new_file(self._disk, batch.schema)
        self._writer.write_batch(batch)
        index = batch["index"].to_numpy()
        self._first.append(int(index.min()))
        self._last.append(int(index.max()))

    def read(self, first: int, last: int) -> pa.Table:
        """The rows with an index from `first` to `last`, both included, sorted by it."""
        file = self._file or self._reopen()
        near = (np.array(self._first) <= last) & (np.array(self._last) >= first)
        table = pa.Table.from_batches(map(file.get_batch, np.flatnonzero(near).tolist()))
        index = table["index"].to_numpy()
        return table.filter(pa.array((index >= first) & (index <= last))).sort_by("index")

    def _reopen(self) -> ipc.RecordBatchFileReader:
        assert self._writer is not None
        self._writer.close()
        self._disk.close()
        self._disk = pa.OSFile(str(self._path), "rb")
        self._file = ipc.open_file(self._disk)
        return self._file
