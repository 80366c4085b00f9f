"""Stage 1, corpus: a source -> its records, as numbered Arrow batches.

    source  ->  decoding.decoded  ->  batches of SCHEMA, then a row that says it is all

Daft's own readers give up a whole file for one bad byte and number nothing, so this one stands in
front of it.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

from filiberto import errors
from filiberto.config import CorpusConfig
from filiberto.corpus.decoding import Decoded, decoded, preview
from filiberto.corpus.reasons import Reason
from filiberto.corpus.sources import Source
from filiberto.errors import BadDataError, UserError

RECORD_BITS = 40
"""A record's index is its source's number << RECORD_BITS | its number in the source."""
FAILED = 254
"""The reason of a row that says why a source cannot be read on, for an engine that wraps errors in
its own or leaves them in another process."""
_MAX_ON_THE_WAY = 4  # batches of a task; Daft holds back one or two
_MAX_WAIT_SECONDS = 30
END = 255
"""The reason of the row after a source's last record, whose number is that of its records: an
engine that loses rows, or ends early without a word, is found out."""

SCHEMA = pa.schema(
    [
        pa.field("index", pa.int64()),
        pa.field("text", pa.large_string()),  # of a malformed record: an escaped preview
        pa.field("reason", pa.uint8()),
        pa.field("offset", pa.int64()),  # of a malformed record: its byte in the unpacked file
    ]
)


class Log:
    """What the readers, which run in several threads, report besides records.

    It holds them back while too much of what they read is on its way: Daft 0.7.26 would take in a
    whole corpus.
    """

    def __init__(self, holds_back: bool = True) -> None:
        self._holds_back = holds_back
        self.num_bytes = 0
        """Bytes read from disk."""
        self.failure: BaseException | None = None
        """The first error; the engine hands it on wrapped in one of its own."""
        self.stopped = False
        """Nobody wants more records: Daft would wait for the readers to come to their end."""
        self._on_the_way: dict[int, int] = {}
        self._changed = threading.Condition()

    def __reduce__(self) -> tuple[type[Log], tuple[bool]]:
        """In another process nobody tells it what has arrived, so it holds nobody back."""
        return Log, (False,)

    def advance(self, num_bytes: int) -> None:
        """Count bytes read from disk."""
        with self._changed:
            self.num_bytes += num_bytes

    def stop(self) -> None:
        """Tell the readers that nobody wants more."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Keep an error if it is the first."""
        with self._changed:
            self.failure = self.failure or error

    def leave(self, index: int, task: int) -> None:
        """Wait until a task has few batches on their way, then note one more.

        Args:
            index: of the batch's first record.
            task: any number that tells the tasks apart.
        """

        def has_room() -> bool:
            return self.stopped or list(self._on_the_way.values()).count(task) < _MAX_ON_THE_WAY

        if not self._holds_back:
            return
        with self._changed:
            # Whatever the engine waits for, it is not kept from it for ever.
            self._changed.wait_for(has_room, timeout=_MAX_WAIT_SECONDS)
            self._on_the_way[index] = task

    def arrived(self, index: np.ndarray) -> None:
        """Note that records have come out.

        Args:
            index: of each; those that begin no batch do not matter.
        """
        with self._changed:
            for first in self._on_the_way.keys() & set(index.tolist()):
                del self._on_the_way[first]
            self._changed.notify_all()


def read(
    source: Source, *, number: int, settings: CorpusConfig, seed: int, log: Log
) -> Iterator[pa.RecordBatch]:
    """Read a source record by record, until its end or what the user must mend.

    Args:
        number: the source's number, for the index.
        seed: of the phrasebook.
        log: told how far reading is.
    """
    first = number << RECORD_BITS
    try:
        with _named(source):
            for part in decoded(source, settings=settings, seed=seed, advance=log.advance):
                yield _batch(part, first=first)
                first += len(part.texts)
            source.require_unchanged()
    except UserError as error:
        if settings.on_bad_file == "stop" or not isinstance(error, BadDataError):
            said = json.dumps([type(error).__name__, error.message, error.hint])
            yield _row(said, first, FAILED)
        said = error.message.replace(source.place, source.name)
        yield _row(preview(said), first, Reason.FILE_DAMAGED)
        first += 1
    yield _row("", first, END)


def _row(text: str, index: int, reason: int) -> pa.RecordBatch:
    texts = pa.array([text], pa.large_string())
    return _batch(Decoded(texts, {}), first=index, reason=reason)


def failure(text: str) -> UserError:
    """The error that a row of FAILED stands for."""
    name, message, hint = json.loads(text)
    return getattr(errors, name)(message, hint=hint)


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
    except pa.ArrowMemoryError:
        raise  # the machine's fault, not the file's
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise UserError(f"{source.place} cannot be read: {error.strerror}") from None
        raise BadDataError(
            f"{source.place} ({source.num_bytes} bytes) is damaged or cut short: {error} "
            f"({_code(source, error)})",
            hint="the copy or download may have been interrupted; fetch the file again, or go "
            "without it: --corpus.on-bad-file skip",
        ) from None


def _code(source: Source, error: Exception) -> str:
    """A word for what broke, for those who look for it."""
    if source.compression == "gz":
        return "gzip_truncated" if isinstance(error, EOFError) else "gzip_crc"
    return f"{source.compression or source.format}_invalid"


def _batch(part: Decoded, *, first: int, reason: int = Reason.NONE) -> pa.RecordBatch:
    texts, bad, _ = part
    reasons = np.full(len(texts), reason, np.uint8)
    offsets = pa.nulls(len(texts), pa.int64())
    if bad:
        reasons[list(bad)] = [b.reason for b in bad.values()]
        offsets = pa.array(
            [bad[i].offset if i in bad else None for i in range(len(texts))], pa.int64()
        )
    index = pa.array(np.arange(first, first + len(texts)))
    return pa.record_batch([index, texts, pa.array(reasons), offsets], schema=SCHEMA)
