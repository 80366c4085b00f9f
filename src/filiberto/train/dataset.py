"""Training rows as a torch Dataset, for training loops other than ours.

tokens/*.tokens -> Sampler.rows -> mask_rows -> input_ids, attention_mask, labels

An item goes into a stock model of transformers as it is, one by one or through a DataLoader, or
into transformers' Trainer. Rows are full, so nothing is padded. Where several documents share a
row, a stock model lets them see each other, as `run_mlm.py` does; our own training does not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from filiberto.config import TrainConfig
from filiberto.tokens.stream import Split, open_stream
from filiberto.train.masking import IGNORE_INDEX, mask_rows, num_slots_for
from filiberto.train.sampler import Sampler


class RowDataset(Dataset[dict[str, Tensor]]):
    """Rows of a run's tokens: item i is what row i of our own training is, with its holes.

    Order and holes follow from the seed alone, so a loader need not shuffle. A later epoch has
    another order and other holes; give `epochs` the number that will be read, and pass over the
    whole once.

    Args:
        tokens: the folder `tokens` of a run.
        row_length: tokens in a row, 2 or more.
        mask_rate: share of a row's tokens that are chosen, 0 to 1; None leaves the rows whole and
            without labels, for a collator that masks, as DataCollatorForLanguageModeling does.
        split: whose rows.
        epochs: passes over the text that the dataset is long.
        seed: of order and holes.

    Raises:
        ValueError: `row_length`, `mask_rate` or `epochs` is out of range.
        BadDataError: the text is shorter than one row.
        StateError: the shards are missing, damaged or of different tokenizers.
    """

    def __init__(
        self,
        tokens: Path,
        *,
        row_length: int = TrainConfig.row_length,
        mask_rate: float | None = TrainConfig.mask_rate,
        split: Split = "train",
        epochs: int = 1,
        seed: int = 0,
    ) -> None:
        if row_length < 2:
            raise ValueError(f"row_length is {row_length}; a row has 2 tokens or more")
        if mask_rate is not None and not 0 <= mask_rate <= 1:
            raise ValueError(f"mask_rate is {mask_rate}; it must be from 0 to 1")
        if epochs < 1:
            raise ValueError(f"epochs is {epochs}; it must be 1 or more")
        stream = open_stream(tokens, split=split)
        self.special_ids: dict[str, int] = stream.header["special_ids"]
        """Id of each special token by its text."""
        self.vocab_size: int = stream.header["vocab_size"]
        """Ids run from 0 to before this."""
        self._sampler = Sampler(
            stream,
            row_length=row_length,
            bos_id=self.special_ids["<s>"],
            seed=seed,
            name=f"{tokens} ({split})",
        )
        self._mask_rate, self._epochs = mask_rate, epochs

    def __len__(self) -> int:
        """Rows of all epochs."""
        return self._epochs * self._sampler.rows_per_epoch

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One row.

        Returns:
            `input_ids` and `attention_mask` (all ones) `[row_length]`, and where the dataset masks
            `labels` `[row_length]`: the original id at the chosen places, else IGNORE_INDEX (-100).

        Raises:
            IndexError: there is no such row.
            StateError: a token shard is damaged where it is read.
        """
        index = int(index)
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        rows = self._sampler.rows(index, 1)
        seen = np.ones_like(rows.input_ids)
        if self._mask_rate is None:
            return _first({"input_ids": rows.input_ids, "attention_mask": seen})
        masked = mask_rows(
            rows.input_ids,
            keys=rows.keys,
            num_slots=num_slots_for(self._mask_rate, rows.input_ids.shape[1]),
            mask_id=self.special_ids["<mask>"],
            special_ids=np.asarray(list(self.special_ids.values())),
            vocab_size=self.vocab_size,
        )
        labels = np.full_like(rows.input_ids, IGNORE_INDEX)
        np.put_along_axis(labels, masked.slots, masked.labels, axis=1)
        return _first({"input_ids": masked.input_ids, "attention_mask": seen, "labels": labels})


def _first(rows: dict[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array[0]) for name, array in rows.items()}
