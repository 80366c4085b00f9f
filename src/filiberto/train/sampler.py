"""Which tokens form row i of epoch e: arithmetic on the token stream, no state.

    tokens/*.tokens -> Sampler.rows(first, count) -> masking -> model

A row of length L covers L-1 tokens of the stream, so rows tile it. One that starts inside a
document gets `<s>` in front; one that starts with a document has its own `<s>` already and shows
one token more, which the next row shows again. With L = 5 and the stream `<s> a b c </s> <s> d e`:

    row 0   <s> a b c </s>       positions 0 1 2 3 4    starts with a document
    row 1   <s> </s> <s> d e     positions 0 1 | 0 1 2  starts inside one
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filiberto.errors import BadDataError
from filiberto.tokens.stream import TokenStream
from filiberto.train.hashing import key_of, mix, permute


@dataclass(frozen=True)
class Rows:
    """Packed rows, `[rows, length]` each.

    Attributes:
        input_ids: token ids as the text has them.
        document_ids: which of the row's documents a token belongs to, from 0.
        positions: place in its document, as far as the row shows it, from 0.
        keys: `[rows]`, one from (seed, epoch, row) each, for the masks.
    """

    input_ids: NDArray[np.int64]
    document_ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    keys: NDArray[np.uint64]


class Sampler:
    """Rows of a token stream, in an order that seed and epoch alone decide.

    Args:
        stream: ids of whole documents.
        row_length: tokens in a row.
        bos_id: the id that begins every document.
        seed: of the order and the masks.
        name: what to call the stream in an error.

    Raises:
        BadDataError: the stream is shorter than one row.
    """

    def __init__(
        self,
        stream: TokenStream,
        *,
        row_length: int,
        bos_id: int,
        seed: int,
        name: str = "the text",
    ) -> None:
        if len(stream) < row_length:
            raise BadDataError(
                f"{name} has {len(stream)} tokens, one row has {row_length}",
                hint="give more text, or a smaller --train.row-length",
            )
        self._stream, self._length, self._bos, self._seed = stream, row_length, bos_id, seed
        self.rows_per_epoch = len(stream) // (row_length - 1)

    def rows(self, first: int, count: int) -> Rows:
        """Rows `first` to before `first + count` of the run, epoch after epoch.

        Raises:
            StateError: a token shard is damaged where it is read.
        """
        starts, keys = self._drawn(first, count)
        return self._pack(starts, keys)

    def starts(self, first: int, count: int) -> NDArray[np.int64]:
        """Where those rows begin in the token stream, `[count]`."""
        return self._drawn(first, count)[0]

    def _drawn(self, first: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        number = np.arange(first, first + count)
        epochs, within = np.divmod(number, self.rows_per_epoch)
        places = np.empty(count, dtype=np.int64)
        starts = np.empty(count, dtype=np.int64)
        keys = np.empty(count, dtype=np.uint64)
        for epoch in np.unique(epochs):
            mine = epochs == epoch
            order = key_of("order", self._seed, int(epoch))
            shift = key_of("shift", self._seed, int(epoch)) % (self._length - 1)
            places[mine] = permute(within[mine], size=self.rows_per_epoch, key=order)
            starts[mine] = shift + places[mine] * (self._length - 1)
            mask_key = np.uint64(key_of("mask", self._seed, int(epoch)))
            keys[mine] = mix(places[mine].astype(np.uint64) ^ mask_key)
        return starts, keys

    def _pack(self, starts: NDArray[np.int64], keys: NDArray[np.uint64]) -> Rows:
        ids = self._stream.rows(starts, self._length)
        inside = ids[:, 0] != self._bos
        ids[inside, 1:] = ids[inside, :-1]
        ids[inside, 0] = self._bos
        begins = ids == self._bos
        place = np.arange(self._length)
        latest = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
        return Rows(ids, np.cumsum(begins, axis=1) - 1, place - latest, keys)
