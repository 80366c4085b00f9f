"""Rows for other training loops."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from filiberto.errors import StateError
from filiberto.train.dataset import RowDataset
from filiberto.train.masking import IGNORE_INDEX
from filiberto.train.step import batches_of
from tests.train.conftest import SHORT, job_of, model_of

LENGTH = SHORT.row_length


def rows_of(run: Path, **more: object) -> RowDataset:
    return RowDataset(run / "tokens", **{"row_length": LENGTH, **more})  # type: ignore[arg-type]


def test_rows_and_holes_are_those_of_our_own_training(run: Path) -> None:
    job, rows = job_of(run, SHORT), rows_of(run)
    ours = batches_of(job, 0)[0]
    read = [rows[i] for i in range(len(ours.input_ids))]
    assert torch.equal(torch.stack([row["input_ids"] for row in read]), ours.input_ids)
    labels = torch.stack([row["labels"] for row in read])
    assert torch.equal(labels.gather(1, ours.slots), ours.labels)
    assert int((labels != IGNORE_INDEX).sum()) == ours.num_labels


def test_a_batch_has_what_a_stock_model_takes(run: Path) -> None:
    batch = next(iter(DataLoader(rows_of(run, mask_rate=0.15), batch_size=4)))
    assert list(batch) == ["input_ids", "attention_mask", "labels"]
    assert all((t.dtype, t.shape) == (torch.int64, (4, LENGTH)) for t in batch.values())
    model = model_of(vocab_size=600, row_length=LENGTH)
    # Random weights guess about as well as chance, at log(600) = 6.4 nats.
    assert 6 < float(model(**batch).loss.detach()) < 7


def test_labels_are_the_original_ids_and_no_special_is_chosen(run: Path) -> None:
    whole, masked = rows_of(run, mask_rate=None), rows_of(run, mask_rate=0.3)
    for i in range(5):
        row, original = masked[i], whole[i]["input_ids"]
        chosen = row["labels"] != IGNORE_INDEX
        assert torch.equal(row["labels"][chosen], original[chosen])
        assert torch.equal(row["input_ids"][~chosen], original[~chosen])
        assert not set(original[chosen].tolist()) & set(masked.special_ids.values())
        assert int(chosen.sum()) == round(0.3 * LENGTH)


def test_without_a_rate_rows_are_whole_and_have_no_labels(run: Path) -> None:
    assert set(rows_of(run, mask_rate=None)[0]) == {"input_ids", "attention_mask"}


def test_a_second_epoch_has_other_holes(run: Path) -> None:
    one, two = rows_of(run), rows_of(run, epochs=2)
    assert len(two) == 2 * len(one)
    first = {tuple(two[i]["input_ids"].tolist()) for i in range(len(one))}
    second = {tuple(two[i]["input_ids"].tolist()) for i in range(len(one), len(two))}
    assert not first & second


def test_iteration_ends(run: Path) -> None:
    rows = rows_of(run, split="validation", mask_rate=None)
    assert sum(1 for _ in rows) == len(rows)  # type: ignore[misc]
    with pytest.raises(IndexError, match=str(len(rows))):
        rows[len(rows)]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"mask_rate": 1.5}, "1.5"), ({"row_length": 1}, "is 1"), ({"epochs": 0}, "is 0")],
)
def test_what_is_out_of_range_is_named(run: Path, wrong: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        rows_of(run, **wrong)


def test_a_folder_without_shards_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no train shards"):
        RowDataset(tmp_path)


@pytest.mark.parametrize("mask_rate", [None, 0.3], ids=["their holes", "ours"])
def test_transformers_trainer_takes_it(run: Path, tmp_path: Path, mask_rate: float | None) -> None:
    pytest.importorskip("accelerate")
    from transformers import (
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainingArguments,
        default_data_collator,
    )

    settings = TrainingArguments(
        output_dir=str(tmp_path / "out"),
        max_steps=2,
        per_device_train_batch_size=4,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    collator = DataCollatorForLanguageModeling(
        AutoTokenizer.from_pretrained(run / "tokenizer"), mlm_probability=0.15
    )
    trainer = Trainer(
        model=model_of(vocab_size=600, row_length=LENGTH),
        args=settings,
        data_collator=collator if mask_rate is None else default_data_collator,
        train_dataset=rows_of(run, mask_rate=mask_rate),
    )
    assert trainer.train().training_loss < 10
