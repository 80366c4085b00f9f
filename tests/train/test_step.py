"""One step: what is skipped, what is read late, and what happens when memory runs out."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from filiberto import train
from filiberto.errors import StateError, TryAgainError
from filiberto.train import loop, speed
from filiberto.train import step as step_module
from filiberto.train.batch import sequence_starts
from filiberto.train.distributed import Ranks
from filiberto.train.job import Job, in_less_memory
from filiberto.train.step import all_batches, batches_of, train_step
from tests.conftest import MINIATURE
from tests.train.conftest import SHORT, job_of, step_of


def state_of(job: Job) -> list[torch.Tensor]:
    """Weights and the optimizers' memories."""
    memories = [
        value.clone()
        for optimizer in job.optimizers
        for state in optimizer.state.values()
        for value in state.values()
    ]
    return [*(p.detach().clone() for p in job.model.parameters()), *memories]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_step_that_is_no_number_changes_neither_weights_nor_optimizer(
    run: Path, optimizer: Any
) -> None:
    job = job_of(run, dataclasses.replace(SHORT, optimizer=optimizer, precision="fp32"))
    assert step_of(job, 0).finite
    before = state_of(job)
    real = job.loss
    broken = dataclasses.replace(job, loss=lambda batch: real(batch) * float("inf"))
    result = step_of(broken, 1)
    assert not result.finite
    assert all(torch.equal(a, b) for a, b in zip(before, state_of(job), strict=True))
    assert step_of(job, 1).finite
    assert not all(torch.equal(a, b) for a, b in zip(before, state_of(job), strict=True))


@pytest.mark.parametrize("architecture", ["roberta", "modernbert"])
def test_half_precision_learns_as_fp32_does(run: Path, architecture: Any) -> None:
    losses = {}
    for precision in ("fp32", "fp16", "bf16"):
        settings = dataclasses.replace(
            MINIATURE, max_steps=50, precision=precision, architecture=architecture
        )
        job = job_of(run, settings)
        results = [step_of(job, step) for step in range(50)]
        losses[precision] = [result.loss / result.num_labels for result in results]
        assert all(result.finite for result in results[-5:])
        assert results[0].scale == (65_536 if precision == "fp16" else 1)
    assert losses["fp16"] == pytest.approx(losses["fp32"], rel=2e-2)
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=2e-2)


def test_fp16_that_goes_too_far_steps_back_and_that_is_no_divergence(run: Path) -> None:
    job = job_of(run, dataclasses.replace(SHORT, precision="fp16"))
    job.scaler._init_scale = 2.0**40  # type: ignore[attr-defined]
    results = [step_of(job, step) for step in range(40)]
    bad = [result for result in results if not result.finite]
    assert len(bad) > 3
    assert not any(result.finite for result in results[: len(bad)])
    assert all(result.finite for result in results[len(bad) :])
    assert all(result.scale > 1 for result in bad)


@pytest.mark.parametrize("architecture", ["roberta", "modernbert"])
def test_fifty_steps_of_the_engine_are_those_of_stock_transformers(
    run: Path, architecture: Any
) -> None:
    from tests.train.test_model import stock_loss

    settings = dataclasses.replace(
        MINIATURE, max_steps=50, precision="fp32", architecture=architecture
    )
    ours = job_of(run, settings)
    stock = job_of(run, settings)
    stock = dataclasses.replace(stock, loss=lambda batch: stock_loss(stock.model, batch))
    for step in range(50):
        one, other = step_of(ours, step), step_of(stock, step)
        assert one.loss == pytest.approx(other.loss, rel=1e-3)


def no_more_than(rows: int, job: Job) -> Job:
    """The job on a device that holds so many rows at once."""
    real = job.loss

    def loss(batch: Any) -> torch.Tensor:
        if len(batch.input_ids) > rows:
            raise torch.OutOfMemoryError
        return real(batch)

    return dataclasses.replace(job, loss=loss)


def test_out_of_memory_goes_on_in_smaller_parts_with_the_same_rows(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = job_of(run, SHORT)
    assert job.plan.micro_rows == 8

    def losses(job: Job) -> list[float]:
        steps = loop._Steps(
            job, stopping=lambda: False, pause=lambda step: False, seconds=lambda: 0.0
        )
        return [result.loss for result, _ in steps.results(0)]

    plain = losses(job_of(run, SHORT))
    assert losses(no_more_than(3, job)) == pytest.approx(plain, rel=1e-3)
    out = capsys.readouterr().out
    assert "out of memory with 8 rows at once: going on with 4" in out
    assert "out of memory with 4 rows at once: going on with 2" in out


def test_as_many_rows_go_through_at_once_as_fit(run: Path) -> None:
    assert speed.measure_speed(no_more_than(8, job_of(run, SHORT)), seconds=0)[1] == 8
    assert speed.measure_speed(no_more_than(3, job_of(run, SHORT)), seconds=0)[1] == 2


def test_where_one_row_is_too_much_layers_are_computed_twice_and_then_it_is_told(run: Path) -> None:
    settings = dataclasses.replace(SHORT, micro_batch_tokens=64)
    job = job_of(run, settings)
    assert job.plan.micro_rows == 1
    less = in_less_memory(job_of(run, settings))
    assert less.settings.activation_checkpointing
    assert step_of(less, 0).loss == pytest.approx(step_of(job, 0).loss, rel=1e-5)
    with pytest.raises(StateError, match="a single row of 64 tokens does not fit"):
        in_less_memory(less)


def test_out_of_memory_among_several_processes_is_written_down_for_the_next_start(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(job: Job, *_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_loop", without_memory)
        with pytest.raises(TryAgainError, match="with 8 rows at once; the plan is changed to 4"):
            train.build(run, settings=SHORT, size="tiny")
    done = train.build(run, settings=SHORT, size="tiny")
    assert done.facts["plan"]["micro_rows"] == 4


@pytest.mark.parametrize("pauses", [(), (4,), (3, 4, 5)])
@pytest.mark.parametrize("late", [0, 1])
def test_a_stop_ends_all_processes_after_the_same_step(
    run: Path, monkeypatch: pytest.MonkeyPatch, late: int, pauses: tuple[int, ...]
) -> None:
    monkeypatch.setattr(loop, "_LATE_STEPS", {"cpu": late})
    asked = iter([False, False, False, True, True, True])  # from the fourth step on
    steps = loop._Steps(
        job_of(run, SHORT),
        stopping=lambda: next(asked),
        pause=lambda step: step in pauses,
        seconds=lambda: 0.0,
    )
    results = list(steps.results(0))
    assert len(results) == 4 + late
    assert results[-1][1]  # at rest


def test_documents_and_their_slots_begin_where_they_begin() -> None:
    documents = np.array([[0, 0, 0, 1, 1], [0, 1, 1, 1, 2]])
    slots = np.array([[1, 3], [2, 3]])
    whole, some = sequence_starts(documents, slots)
    assert whole.tolist() == [0, 3, 5, 6, 9, 10, 10, 10, 10]
    assert some.tolist() == [0, 1, 2, 2, 4, 4, 4, 4, 4]
    assert whole.dtype == some.dtype == np.int32


@pytest.mark.parametrize("at_once", [1, 512, 1_500])
@pytest.mark.parametrize(("micro_rows", "parts"), [(2, 4), (3, 3)])
def test_steps_made_together_are_those_made_alone(
    run: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, micro_rows: int, parts: int
) -> None:
    monkeypatch.setattr(step_module, "_TOKENS_AT_ONCE", at_once)
    job = job_of(run, SHORT)  # of 8 rows a step
    job = dataclasses.replace(job, plan=dataclasses.replace(job.plan, micro_rows=micro_rows))
    together = itertools.islice(all_batches(job, first_step=3), 7)
    for number, batches in enumerate(together, 3):
        alone = batches_of(job, number)
        assert len(batches) == len(alone) == parts
        for one, other in zip(batches, alone, strict=True):
            assert torch.equal(one.input_ids, other.input_ids)
            assert torch.equal(one.labels, other.labels)


def test_a_result_says_whether_anyone_was_asked_to_stop(run: Path) -> None:
    job = job_of(run, SHORT)
    assert not train_step(job, 0, batches_of(job, 0)).read().stopping
    assert train_step(job, 1, batches_of(job, 1), stopping=True).read().stopping
    assert Ranks().writes
    assert not Ranks(1, 2).writes
