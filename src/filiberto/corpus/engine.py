"""Stage 1, corpus: the streaming plan, in Daft. Import it only where text is read.

    sources  ->  records.read, a task for each  ->  processing, MinHash (in parallel)  ->  batches

Rows come in any order (Daft promises none); their index says where they belong.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

os.environ["DO_NOT_TRACK"] = "1"  # Daft reports home when it is imported
os.environ["DAFT_PROGRESS_BAR"] = "0"  # we show our own
os.environ["DAFT_SHOW_QUERY_ID"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["DAFT_RUNNER"] = "native"  # but for `_use_ray`; unset, Ray is imported to ask it

import daft
from daft.functions import minhash
from daft.io.source import DataSource, DataSourceTask
from daft.recordbatch import RecordBatch

from filiberto.config import CorpusConfig
from filiberto.corpus import neardup, processing, records
from filiberto.corpus.processing import Process
from filiberto.corpus.records import Log
from filiberto.corpus.sources import Source
from filiberto.errors import UsageError

_TASK_BYTES = 4 << 20  # neighbouring files are read by one task up to this size on disk
_BATCH_BYTES = 1 << 20
# What fails, fails with our own message.
logging.getLogger("daft_local_execution").setLevel(logging.CRITICAL)
# Held in order, what later tasks have read would wait in memory for the first to end.
daft.set_execution_config(maintain_order=False, scantask_max_parallel=os.cpu_count())
_SCHEMA = daft.Schema.from_pyarrow_schema(records.SCHEMA)
_PROCESSED = daft.DataType.from_arrow_type(pa.struct(list(processing.SCHEMA)))


def processed(
    sources: Sequence[Source], *, settings: CorpusConfig, seed: int, process: Process, log: Log
) -> Iterator[pa.RecordBatch]:
    """Read and process all records, in no order.

    Args:
        process: what is done to each batch.
        log: told how far reading is.

    Returns:
        Batches of index, offset, the columns of `processing.SCHEMA` but for the shingles, and
        signature: NUM_HASHES numbers each. A batch holds records of neighbouring sources.

    Raises:
        UserError: a source is damaged or unusable.
        UsageError: the engine is Ray, which is not installed.
    """

    @daft.func.batch(return_dtype=_PROCESSED, unnest=True)
    def run(texts: daft.Series, reasons: daft.Series) -> daft.Series:
        return daft.Series.from_arrow(process(texts.to_arrow(), reasons.to_arrow()))

    reading = _Reading(sources=tuple(sources), settings=settings, seed=seed, log=log)
    if settings.engine == "ray":
        _use_ray()
    rows = _RecordSource(reading).read()
    rows = rows.select(rows["index"], rows["offset"], run(rows["text"], rows["reason"]))
    signature = minhash(
        rows["shingles"],
        num_hashes=neardup.NUM_HASHES,
        ngram_size=neardup.NGRAM_UNITS,
        seed=neardup.SEED,
        hash_function="xxhash3_64",
    )
    rows = rows.with_column("signature", signature).exclude("shingles")
    # One result waits at most: batches are large.
    batches = rows.to_arrow_iter(results_buffer_size=1)
    try:
        # Not `yield from`: when nobody wants more, the readers must hear of it before Daft does.
        while (batch := next(batches, None)) is not None:
            log.arrived(batch["index"].to_numpy())
            yield batch
    except Exception:
        if log.failure is None:
            raise
    finally:
        log.stop()
    # Daft 0.7.26 wraps a task's error in its own, or ends as if nothing had been.
    if log.failure is not None:
        raise log.failure from None


def _use_ray() -> None:
    """Let Ray run what follows; a process keeps the runner it has once used.

    Raises:
        UsageError: Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise UsageError(
            "the engine `ray` needs Ray", hint="install it: pip install 'filiberto[ray]'"
        ) from None
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    daft.set_runner_ray(noop_if_initialized=True)


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What a task needs to read some sources; it can be sent to another process."""

    sources: Sequence[Source]
    settings: CorpusConfig
    seed: int
    log: Log

    def batches(self, numbers: range) -> Iterator[pa.RecordBatch]:
        for number in numbers:
            yield from records.read(
                self.sources[number],
                number=number,
                settings=self.settings,
                seed=self.seed,
                log=self.log,
            )


class _RecordSource(DataSource):
    """All sources as one Daft source, so that Daft spreads them over the cores."""

    def __init__(self, reading: _Reading) -> None:
        self._reading = reading

    @property
    def name(self) -> str:
        return "filiberto"

    @property
    def schema(self) -> daft.Schema:
        return _SCHEMA

    async def get_tasks(self, pushdowns: object) -> AsyncIterator[DataSourceTask]:
        for numbers in neighbours(self._reading.sources, min_bytes=_TASK_BYTES):
            yield _RecordTask(self._reading, numbers)


class _RecordTask(DataSourceTask):
    def __init__(self, reading: _Reading, numbers: range) -> None:
        self._reading, self._numbers = reading, numbers

    @property
    def schema(self) -> daft.Schema:
        return _SCHEMA

    async def read(self) -> AsyncIterator[RecordBatch]:
        batches = self._reading.batches(self._numbers)
        waiting = records.joined(batches, min_bytes=_BATCH_BYTES)
        # All tasks share Daft's one event loop: what blocks goes to a thread.
        try:
            while (batch := await asyncio.to_thread(self._next, waiting)) is not None:
                yield RecordBatch.from_arrow_record_batches([batch], records.SCHEMA)
        except Exception as error:
            self._reading.log.fail(error)
            raise

    def _next(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        log = self._reading.log
        if log.stopped or (batch := next(batches, None)) is None:
            return None
        log.leave(batch["index"][0].as_py(), task=id(self))
        return batch


def neighbours(sources: Sequence[Source], *, min_bytes: int) -> Iterator[range]:
    """Group the numbers of neighbouring sources until a group has `min_bytes` on disk."""
    start, num_bytes = 0, 0
    for number, source in enumerate(sources):
        num_bytes += source.num_bytes
        if num_bytes >= min_bytes or number == len(sources) - 1:
            yield range(start, number + 1)
            start, num_bytes = number + 1, 0
