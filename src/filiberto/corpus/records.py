"""Stage 1, corpus: a source -> its records, as numbered Arrow batches.

    source  ->  decoding.decoded  ->  batches of SCHEMA

Daft's own readers give up a whole file for one bad byte and number nothing, so this one stands in
front of it.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from filiberto.config import CorpusConfig
from filiberto.corpus.decoding import Decoded, decoded
from filiberto.corpus.sources import Source
from filiberto.errors import BadDataError, UserError

RECORD_BITS = 40
"""A record's index is its source's number << RECORD_BITS | its number in the source."""

SCHEMA = pa.schema(
    [
        pa.field("index", pa.int64()),
        pa.field("text", pa.large_string()),  # of a malformed record: an escaped preview
        pa.field("reason", pa.uint8()),
        pa.field("offset", pa.int64()),  # of a malformed record: its byte in the unpacked file
    ]
)


@dataclass
class Log:
    """What the readers, which run in several threads, report besides records."""

    records: dict[int, int] = field(default_factory=dict)
    """Records in each source that was read to its end, by its number."""
    num_bytes: int = 0
    """Bytes read from disk."""
    failure: BaseException | None = None
    """The first error; the engine hands it on wrapped in one of its own."""
    stopped: bool = False
    """Nobody wants more records: Daft would wait for the readers to come to their end."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self, num_bytes: int) -> None:
        """Count bytes read from disk."""
        with self._lock:
            self.num_bytes += num_bytes

    def fail(self, error: BaseException) -> None:
        """Keep an error if it is the first."""
        with self._lock:
            self.failure = self.failure or error


def read(
    source: Source, *, number: int, settings: CorpusConfig, seed: int, log: Log
) -> Iterator[pa.RecordBatch]:
    """Read a source record by record.

    Args:
        number: the source's number, for the index.
        seed: of the phrasebook.
        log: told how far reading is.

    Raises:
        BadDataError: the file is damaged, or is no UTF-8 text at all.
        UsageError: it has no field or column of the name in the settings.
    """
    count = 0
    with _named(source):
        for part in decoded(source, settings=settings, seed=seed, advance=log.advance):
            yield _batch(part, first=(number << RECORD_BITS) + count)
            count += len(part.texts)
        source.require_unchanged()
    log.records[number] = count


def joined(batches: Iterator[pa.RecordBatch], *, min_bytes: int) -> Iterator[pa.RecordBatch]:
    """Join small neighbouring batches until they hold `min_bytes`."""
    waiting, num_bytes = [], 0
    for batch in batches:
        waiting.append(batch)
        num_bytes += batch.nbytes
        if num_bytes >= min_bytes:
            yield pa.concat_batches(waiting)
            waiting, num_bytes = [], 0
    if waiting:
        yield pa.concat_batches(waiting)


@contextmanager
def _named(source: Source) -> Iterator[None]:
    """Turn what a broken file makes libraries raise into an error that names the file."""
    try:
        yield
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise UserError(f"{source.place} cannot be read: {error.strerror}") from None
        raise BadDataError(
            f"{source.place} ({source.num_bytes} bytes) is damaged or cut short: {error}",
            hint="the copy or download may have been interrupted; fetch the file again",
        ) from None


def _batch(part: Decoded, *, first: int) -> pa.RecordBatch:
    texts, bad, _ = part
    reasons = np.zeros(len(texts), np.uint8)
    offsets = pa.nulls(len(texts), pa.int64())
    if bad:
        reasons[list(bad)] = [b.reason for b in bad.values()]
        offsets = pa.array(
            [bad[i].offset if i in bad else None for i in range(len(texts))], pa.int64()
        )
    index = pa.array(np.arange(first, first + len(texts)))
    return pa.record_batch([index, texts, pa.array(reasons), offsets], schema=SCHEMA)
