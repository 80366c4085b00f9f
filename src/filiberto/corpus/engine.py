"""Stage 1, corpus: the streaming plan, in Daft. Import it only where text is read.

    sources  ->  records.read, a task for each  ->  clean, hash (in parallel)  ->  batches

Rows come in any order (Daft promises none); their index says where they belong.
"""

# pyarrow.compute makes its functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

os.environ["DO_NOT_TRACK"] = "1"  # Daft reports home when it is imported
os.environ["DAFT_PROGRESS_BAR"] = "0"  # we show our own
os.environ["DAFT_SHOW_QUERY_ID"] = "0"

import daft
from daft.io.source import DataSource, DataSourceTask
from daft.recordbatch import RecordBatch

from filiberto.config import CorpusConfig
from filiberto.corpus import cleaning, dedup, records
from filiberto.corpus.decoding import Reason
from filiberto.corpus.records import Log
from filiberto.corpus.sources import Source
from filiberto.errors import TryAgainError

_TASK_BYTES = 4 << 20  # neighbouring files are read by one task up to this size on disk
_BATCH_BYTES = 4 << 20
# What fails, fails with our own message.
logging.getLogger("daft_local_execution").setLevel(logging.CRITICAL)
_SCHEMA = daft.Schema.from_pyarrow_schema(records.SCHEMA)


def clean_batches(
    sources: Sequence[Source], *, settings: CorpusConfig, seed: int, log: Log
) -> Iterator[pa.RecordBatch]:
    """Read and clean all records, in no order.

    Args:
        log: told how far reading is.

    Returns:
        Batches of index, reason, offset, text, num_bytes and the key's halves key0 and key1. A
        batch holds records of neighbouring sources.

    Raises:
        UserError: a source is damaged or unusable.
        TryAgainError: the engine was stopped before all was read.
    """
    rows = _RecordSource(sources, settings=settings, seed=seed, log=log).read()
    cleaned = rows.select(
        rows["index"], rows["offset"], _clean_and_hash(rows["text"], rows["reason"])
    )
    # One result waits at most: batches are large.
    batches = cleaned.to_arrow_iter(results_buffer_size=1)
    try:
        # Not `yield from`: when nobody wants more, the readers must hear of it before Daft does.
        while (batch := next(batches, None)) is not None:
            yield batch
    except Exception:
        if log.failure is None:
            raise
    finally:
        log.stopped = True
    # Daft 0.7.26 wraps a task's error in its own, or ends as if nothing had been; it also ends so
    # at SIGINT, whoever else handles that.
    if log.failure is not None:
        raise log.failure from None
    if len(log.records) < len(sources):
        raise TryAgainError(
            f"reading was stopped after {len(log.records)} of {len(sources)} sources",
            hint="run the same command again",
        )


@daft.func.batch(
    return_dtype=daft.DataType.struct(
        {
            "text": daft.DataType.string(),
            "reason": daft.DataType.uint8(),
            "num_bytes": daft.DataType.int64(),
            "key0": daft.DataType.uint64(),
            "key1": daft.DataType.uint64(),
        }
    ),
    unnest=True,
)
def _clean_and_hash(texts: daft.Series, reasons: daft.Series) -> daft.Series:
    return daft.Series.from_arrow(clean_and_hash(texts.to_arrow(), reasons.to_arrow()))


def clean_and_hash(texts: pa.Array, reasons: pa.Array) -> pa.StructArray:
    """Clean texts, mark the empty ones, and give each its length in bytes and its key."""
    texts = cleaning.clean(texts)
    lengths = pc.binary_length(texts).to_numpy()
    marks = np.where(lengths == 0, np.uint8(Reason.EMPTY), np.uint8(0))
    given = reasons.to_numpy(zero_copy_only=False)
    keys = dedup.keys(texts)
    columns = [
        texts,
        pa.array(np.where(given == 0, marks, given)),
        pa.array(lengths),
        pa.array(keys[:, 0]),
        pa.array(keys[:, 1]),
    ]
    return pa.StructArray.from_arrays(columns, ["text", "reason", "num_bytes", "key0", "key1"])


class _RecordSource(DataSource):
    """All sources as one Daft source, so that Daft spreads them over the cores."""

    def __init__(
        self, sources: Sequence[Source], *, settings: CorpusConfig, seed: int, log: Log
    ) -> None:
        self._sources, self._settings, self._seed, self._log = sources, settings, seed, log

    @property
    def name(self) -> str:
        return "filiberto"

    @property
    def schema(self) -> daft.Schema:
        return _SCHEMA

    async def get_tasks(self, pushdowns: object) -> AsyncIterator[DataSourceTask]:
        for numbers in neighbours(self._sources, min_bytes=_TASK_BYTES):
            yield _RecordTask(self._records(numbers), self._log)

    def _records(self, numbers: range) -> Iterator[pa.RecordBatch]:
        for number in numbers:
            yield from records.read(
                self._sources[number],
                number=number,
                settings=self._settings,
                seed=self._seed,
                log=self._log,
            )


class _RecordTask(DataSourceTask):
    def __init__(self, batches: Iterator[pa.RecordBatch], log: Log) -> None:
        self._batches, self._log = records.joined(batches, min_bytes=_BATCH_BYTES), log

    @property
    def schema(self) -> daft.Schema:
        return _SCHEMA

    async def read(self) -> AsyncIterator[RecordBatch]:
        # All tasks share Daft's one event loop: what blocks goes to a thread.
        try:
            while (batch := await asyncio.to_thread(self._next)) is not None:
                yield RecordBatch.from_arrow_record_batches([batch], records.SCHEMA)
        except Exception as error:
            self._log.fail(error)
            raise

    def _next(self) -> pa.RecordBatch | None:
        return None if self._log.stopped else next(self._batches, None)


def neighbours(sources: Sequence[Source], *, min_bytes: int) -> Iterator[range]:
    """Group the numbers of neighbouring sources until a group has `min_bytes` on disk."""
    start, num_bytes = 0, 0
    for number, source in enumerate(sources):
        num_bytes += source.num_bytes
        if num_bytes >= min_bytes or number == len(sources) - 1:
            yield range(start, number + 1)
            start, num_bytes = number + 1, 0
