"""Stage 1, corpus: what is remembered of each record while the text itself lies on disk.

    batches, in any order  ->  Ledger: index | bytes | reason | key, sorted by index  ->  Sides

33 bytes a record that is not empty: the part of memory that grows with the corpus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from filiberto.config import CorpusConfig
from filiberto.corpus import dedup, split
from filiberto.corpus.decoding import Reason
from filiberto.corpus.records import RECORD_BITS


@dataclass(frozen=True)
class Ledger:
    """Every record that is not empty, in the order of sources and records."""

    index: np.ndarray
    num_bytes: np.ndarray
    """Bytes of clean text; of a malformed record: of its preview."""
    reason: np.ndarray
    keys: np.ndarray
    empty: Counter[int]
    """Empty records, by number of the source: they are counted, not listed."""

    @property
    def source(self) -> np.ndarray:
        """The number of each record's source."""
        return self.index >> RECORD_BITS

    @property
    def record(self) -> np.ndarray:
        """Each record's number in its source."""
        return self.index & ((1 << RECORD_BITS) - 1)

    @property
    def bad(self) -> np.ndarray:
        """True where a record is malformed."""
        return self.reason != Reason.NONE


@dataclass(frozen=True)
class Sides:
    """Where each record of a ledger goes; where neither is True it is a duplicate or malformed."""

    train: np.ndarray
    validation: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        """True where a record is in the corpus."""
        return self.train | self.validation


class LedgerWriter:
    """Collects the facts of batches that arrive in any order."""

    def __init__(self) -> None:
        self._columns: list[tuple[np.ndarray, ...]] = []
        self._empty: Counter[int] = Counter()

    def add(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Note a batch's records; return it without the empty ones, whose text nobody needs."""
        empty = batch["reason"].to_numpy() == Reason.EMPTY
        if empty.any():
            numbers, counts = np.unique(
                batch["index"].to_numpy()[empty] >> RECORD_BITS, return_counts=True
            )
            self._empty.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
            batch = batch.filter(pa.array(~empty))
        names = ("index", "num_bytes", "reason", "key0", "key1")
        self._columns.append(tuple(np.array(batch[name]) for name in names))
        return batch

    def finish(self) -> Ledger:
        """All that was noted, sorted."""
        if not self._columns:
            self._columns.append(tuple(np.array([], np.int64) for _ in range(5)))
        index, num_bytes, reason, key0, key1 = (
            np.concatenate(column) for column in zip(*self._columns, strict=True)
        )
        self._columns.clear()
        order = np.argsort(index)
        keys = np.stack([key0[order], key1[order]], axis=1)
        return Ledger(index[order], num_bytes[order], reason[order], keys, self._empty)


def choose_sides(
    ledger: Ledger, *, names: Sequence[str], settings: CorpusConfig, seed: int
) -> Sides:
    """Drop exact duplicates, and part what is left into training and validation.

    Args:
        names: names of the sources, by number.
    """
    kept = ~ledger.bad
    kept[kept] = dedup.survivors(ledger.keys[kept])
    share = split.share_of(
        int(ledger.num_bytes[kept].sum()),
        share=settings.validation_share,
        min_bytes=settings.validation_min_bytes,
        max_bytes=settings.validation_max_bytes,
    )
    validation = np.zeros(len(kept), bool)
    validation[kept] = split.validation(
        ledger.source[kept], ledger.record[kept], names=names, share=share, seed=seed
    )
    return Sides(train=kept & ~validation, validation=validation)


def slices(num_bytes: np.ndarray, *, limit: int) -> Iterable[slice]:
    """Cut a run of records into neighbours of about `limit` bytes, one record at least."""
    # A record costs memory beside its text: count that, so empty-ish lines are bounded too.
    totals = np.cumsum(num_bytes + 64)
    start = 0
    while start < len(totals):
        before = totals[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(totals, before + limit, side="right")))
        yield slice(start, stop)
        start = stop
