"""Batches on their way to the device: rows of a sampler, their holes, and who may look at whom.

Sampler.rows -> mask_rows -> TokenBatch
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from filiberto.train.attention import (
    Attention,
    MaskedAttention,
    VarlenAttention,
    block_diagonal,
)
from filiberto.train.masking import IGNORE_INDEX, MaskedRows, mask_rows, num_slots_for
from filiberto.train.sampler import Rows, Sampler


@dataclass(frozen=True)
class TokenBatch:
    """What the model is given, on its device.

    Attributes:
        input_ids: `[rows, length]`.
        position_ids: `[rows, length]`, from 0 in each document.
        slots: `[rows, slots]`, positions to score.
        labels: `[rows, slots]`, IGNORE_INDEX at spare slots.
        attention: of all positions to all.
        attention_at_slots: of the slots to all positions.
        num_labels: slots that are not spare.
    """

    input_ids: Tensor
    position_ids: Tensor
    slots: Tensor
    labels: Tensor
    attention: Attention
    attention_at_slots: Attention
    num_labels: int


@dataclass(frozen=True, kw_only=True)
class BatchMaker:
    """Makes batches of one model's vocabulary for one device.

    Attributes:
        special_ids: id of each special token by its text.
        vocab_size: ids run from 0 to before this.
        varlen: whether attention goes through `varlen_attn`.
    """

    device: str
    special_ids: dict[str, int]
    vocab_size: int
    varlen: bool

    def make(
        self,
        sampler: Sampler,
        *,
        first_row: int,
        num_rows: int,
        micro_rows: int,
        mask_rate: float,
        times: int = 1,
    ) -> list[TokenBatch]:
        """Rows `first_row` and after of a sampler, with their holes, on the device.

        Args:
            num_rows: of a step.
            micro_rows: of a batch.
            times: how many steps one after the other.

        Returns:
            For each step as many batches of `micro_rows` rows, its last of what is left.
        """
        rows = sampler.rows(first_row, times * num_rows)
        masked = mask_rows(
            rows.input_ids,
            keys=rows.keys,
            num_slots=num_slots_for(mask_rate, rows.input_ids.shape[1]),
            mask_id=self.special_ids["<mask>"],
            special_ids=np.asarray(list(self.special_ids.values())),
            vocab_size=self.vocab_size,
        )
        cuts = (
            slice(at, min(at + micro_rows, begin + num_rows))
            for begin in range(0, times * num_rows, num_rows)
            for at in range(begin, begin + num_rows, micro_rows)
        )
        return [self._batch(masked, rows, cut) for cut in cuts]

    def _batch(self, masked: MaskedRows, rows: Rows, cut: slice) -> TokenBatch:
        slots, labels = masked.slots[cut], masked.labels[cut]
        whole, at_slots = self._attention(rows.document_ids[cut], slots)
        return TokenBatch(
            input_ids=self._moved(masked.input_ids[cut]),
            position_ids=self._moved(rows.positions[cut]),
            slots=self._moved(slots),
            labels=self._moved(labels),
            attention=whole,
            attention_at_slots=at_slots,
            num_labels=int((labels != IGNORE_INDEX).sum()),
        )

    def _attention(
        self, document_ids: NDArray[np.int64], slots: NDArray[np.int64]
    ) -> tuple[Attention, Attention]:
        if not self.varlen:
            keys = self._moved(document_ids)
            queries = self._moved(np.take_along_axis(document_ids, slots, axis=1))
            return (
                MaskedAttention(block_diagonal(keys, keys)),
                MaskedAttention(block_diagonal(queries, keys)),
            )
        starts, at_slots = sequence_starts(document_ids, slots)
        length, num_slots = document_ids.shape[1], slots.shape[1]
        whole, some = self._moved(starts), self._moved(at_slots)
        return (
            VarlenAttention(whole, whole, length, length),
            VarlenAttention(some, whole, num_slots, length),
        )

    def _moved(self, array: NDArray[np.integer]) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.device == "cuda":  # from pinned memory the copy does not keep the host waiting
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)


def sequence_starts(
    document_ids: NDArray[np.int64], slots: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Where documents begin among all positions of some rows, and among all their slots.

    Args:
        document_ids: `[rows, length]`, ascending in a row.
        slots: `[rows, slots]`, ascending in a row.

    Returns:
        Two arrays of one length, a power of two and 1, so that few shapes occur; behind the last
        document empty ones follow.
    """
    begins = np.diff(document_ids, axis=1, prepend=-1) != 0
    starts = np.flatnonzero(begins)
    number = np.cumsum(begins).reshape(begins.shape) - 1
    at_slots = np.take_along_axis(number, slots, axis=1).ravel()
    padded = 1 << int(len(starts) - 1).bit_length()
    whole = np.full(padded + 1, document_ids.size, np.int32)
    whole[: len(starts)] = starts
    some = np.searchsorted(at_slots, np.arange(padded + 1)).astype(np.int32)
    return whole, some
