"""Stage 1, corpus: what is remembered of each record while the text itself lies on disk.

    batches, in any order  ->  Ledger: index | sizes | reason | key | row, sorted by index

47 bytes a record that is not empty: the part of memory that grows with the corpus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from filiberto.corpus import personal
from filiberto.corpus.reasons import MALFORMED, Reason
from filiberto.corpus.records import END, FAILED, RECORD_BITS, failure

_RECORD = (1 << RECORD_BITS) - 1
_COLUMNS = {
    "index": np.int64,
    "num_bytes": np.uint32,
    "num_characters": np.uint32,
    "reason": np.uint8,
    "key0": np.uint64,
    "key1": np.uint64,
    **dict.fromkeys(personal.KINDS, np.uint16),
}


@dataclass(frozen=True)
class Ledger:
    """Every record that is not empty, in the order of sources and records."""

    index: np.ndarray
    num_bytes: np.ndarray
    """Bytes of clean text; of a malformed record: of its preview."""
    num_characters: np.ndarray
    reason: np.ndarray
    keys: np.ndarray
    """128 bits of each text, shape (records, 2)."""
    personal: np.ndarray
    """Personal data found in each, by `personal.KINDS`, shape (records, kinds)."""
    row: np.ndarray
    """Which of the records that came it was: the row of its signature."""
    empty: Counter[int]
    """Empty records, by number of the source: they are counted, not listed."""
    read: dict[int, int]
    """Records in each source that was read to its end, by its number."""

    @property
    def source(self) -> np.ndarray:
        """The number of each record's source."""
        return self.index >> RECORD_BITS

    @property
    def record(self) -> np.ndarray:
        """Each record's number in its source."""
        return self.index & _RECORD

    @property
    def bad(self) -> np.ndarray:
        """True where a record is malformed."""
        return self.reason >= MALFORMED


class LedgerWriter:
    """Collects the facts of batches that arrive in any order."""

    def __init__(self) -> None:
        self._columns: list[tuple[np.ndarray, ...]] = []
        self._empty: Counter[int] = Counter()
        self._read: dict[int, int] = {}

    def add(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Note a batch's records; return it without the empty ones, whose text nobody needs.

        Raises:
            UserError: a source could not be read to its end.
        """
        index, reason = batch["index"].to_numpy(), batch["reason"].to_numpy()
        for row in np.flatnonzero(reason == FAILED).tolist():
            raise failure(batch["text"][row].as_py())
        for last in index[reason == END].tolist():
            self._read[last >> RECORD_BITS] = last & _RECORD
        if (empty := reason == Reason.EMPTY).any():
            numbers, counts = np.unique(index[empty] >> RECORD_BITS, return_counts=True)
            self._empty.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
        if (aside := empty | (reason == END)).any():
            batch = batch.filter(pa.array(~aside))
        columns = tuple(np.array(batch[name]).astype(kind) for name, kind in _COLUMNS.items())
        self._columns.append(columns)
        return batch

    def finish(self) -> Ledger:
        """All that was noted, sorted."""
        columns = self._columns or [tuple(np.array([], kind) for kind in _COLUMNS.values())]
        joined = dict(zip(_COLUMNS, map(np.concatenate, zip(*columns, strict=True)), strict=True))
        self._columns.clear()
        row = np.argsort(joined["index"])
        sorted_columns = {name: joined.pop(name)[row] for name in _COLUMNS}
        return Ledger(
            **{name: sorted_columns.pop(name) for name in ("index", "num_bytes", "num_characters")},
            reason=sorted_columns.pop("reason"),
            keys=np.stack([sorted_columns.pop("key0"), sorted_columns.pop("key1")], axis=1),
            personal=np.stack([sorted_columns.pop(kind) for kind in personal.KINDS], axis=1),
            row=row,
            empty=self._empty,
            read=self._read,
        )


def slices(num_bytes: np.ndarray, *, limit: int) -> Iterable[slice]:
    """Cut a run of records into neighbours of about `limit` bytes, one record at least."""
    # A record costs memory beside its text: count that, so empty-ish lines are bounded too.
    totals = np.cumsum(num_bytes.astype(np.int64) + 64)
    start = 0
    while start < len(totals):
        before = totals[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(totals, before + limit, side="right")))
        yield slice(start, stop)
        start = stop
