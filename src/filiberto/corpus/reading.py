"""Stage 1, corpus: the finished corpus, read back as a stream by the stages after it.

    train-*.parquet, validation-*.parquet  ->  (id, text), in order, in batches of bounded size

Needs pyarrow alone, not the engine that built it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from filiberto.errors import BadDataError

Split = Literal["train", "validation"]

_ROWS = 1024


def rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of any parquet file, as Python values by column.

    Raises:
        BadDataError: it is none, or has no such columns.
    """
    try:
        with pq.ParquetFile(path, memory_map=False) as file:
            for batch in file.iter_batches(_ROWS, columns=list(columns)):
                if missing := set(columns) - set(batch.schema.names):
                    raise BadDataError(f"{path} has no column {', '.join(sorted(missing))}")
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise BadDataError(f"{path} is no parquet file that can be read: {error}") from None


def documents(
    folder: Path, *, split: Split, batch_bytes: int = 8 << 20
) -> Iterator[list[tuple[str, str]]]:
    """Read the documents of one side in the order of the corpus.

    Args:
        folder: the stage's folder.
        batch_bytes: text in a batch, in bytes: at most a document more.

    Returns:
        Batches of (id, text).
    """
    batch: list[tuple[str, str]] = []
    waiting = 0
    for path in sorted(folder.glob(f"{split}-*.parquet")):
        with pq.ParquetFile(path, memory_map=False) as file:
            # A row group holds a few megabytes; a batch over all of them would hold `_ROWS` books.
            groups = range(file.num_row_groups)
            parts = (
                rows
                for group in groups
                for rows in file.iter_batches(_ROWS, row_groups=[group], columns=["id", "text"])
            )
            for rows in parts:
                pairs = zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True)
                for identity, text in pairs:
                    batch.append((identity, text))
                    waiting += len(text.encode())
                    if waiting >= batch_bytes:
                        yield batch
                        batch, waiting = [], 0
    if batch:
        yield batch
