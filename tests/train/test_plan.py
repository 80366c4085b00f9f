from typing import Any

import pytest

from filiberto.config import Size, TrainConfig
from filiberto.train import law
from filiberto.train.flops import expected_speed
from filiberto.train.plan import (
    batch_rows_for,
    choose_size,
    describe,
    make_plan,
    micro_rows_for,
    moved,
    revised,
    training_seconds,
)
from filiberto.train.sizes import SIZES

MEASURED = {
    "vocab_size": 1_000,
    "text_tokens": 1_000_000,
    "seconds": 100.0,
    "tokens_per_second": 5_000.0,
    "peak_lr": 1e-3,
    "device": "cpu",
    "precision": "fp32",
}


def plan_of(**settings):
    return make_plan(TrainConfig(**settings), size="tiny", **MEASURED)


def test_the_time_there_is_decides_the_steps() -> None:
    plan = plan_of(batch_tokens=1_024, validation_tokens=3_072)
    # 100 s x 5,000 tokens/s, less 10 validations of 3,072 tokens that cost a third, / 1,024 a step
    assert plan.max_steps == 478
    assert plan.seconds == pytest.approx(478 * 1_024 / 5_000)
    assert plan.warmup_steps == 29


def test_validations_by_the_step_take_their_time_too() -> None:
    plan = plan_of(batch_tokens=1_024, validation_tokens=3_072, validate_steps=2)
    # A validation costs 1,024 training tokens, so a third of the time goes: 488 x 2 / 3.
    assert plan.max_steps == 325


def test_validation_never_takes_more_than_half_of_the_time() -> None:
    assert plan_of(batch_tokens=1_024, validation_tokens=10**9).max_steps == 244


def test_steps_and_epochs_end_the_run_instead() -> None:
    assert plan_of(max_steps=7).max_steps == 7
    # 2 x 1,000,000 / 8,192
    plan = plan_of(epochs=2.0, batch_tokens=8_192)
    assert plan.max_steps == 244
    assert plan.epochs == pytest.approx(2.0, abs=0.005)


def test_a_text_is_read_no_more_often_than_it_bears() -> None:
    short = {**MEASURED, "text_tokens": 100_000, "seconds": 1e6}
    plan = make_plan(TrainConfig(), size="tiny", **short)
    assert plan.ends_early
    assert plan.epochs == pytest.approx(law.MOST_EPOCHS, rel=0.01)
    assert not make_plan(TrainConfig(epochs=200.0), size="tiny", **short).ends_early
    more = revised(plan, TrainConfig(), seconds=1e6, at_step=plan.max_steps, spent_seconds=10.0)
    assert more.epochs > 2 * law.MOST_EPOCHS


def test_auto_intervals_never_fall_just_before_the_end() -> None:
    plan = plan_of(max_steps=763)
    # 77 x 9 = 693, the tenth is the last step itself.
    assert plan.validate_steps == 77
    assert plan_of(max_steps=3).validate_steps == 1


@pytest.mark.parametrize(
    ("batch", "micro", "rows"),
    [
        (8_192, 4_096, (64, 32)),
        (8_192, 1, (64, 1)),
        (100, "auto", (1, 1)),
        (7 * 128, 3 * 128, (7, 1)),
        (1_280, 10_000, (10, 10)),
    ],
)
def test_a_micro_batch_divides_the_batch(batch: int, micro: int | str, rows: tuple) -> None:
    settings = TrainConfig(batch_tokens=batch, micro_batch_tokens=micro)  # type: ignore[arg-type]
    batch_rows = batch_rows_for(settings, device="cpu")
    assert (batch_rows, micro_rows_for(settings, batch_rows=batch_rows, device="cpu")) == rows


def test_a_gpu_takes_larger_batches() -> None:
    assert batch_rows_for(TrainConfig(), device="cpu") == 32
    assert batch_rows_for(TrainConfig(), device="cuda") == 512
    # A row longer than the batch is a batch of its own.
    assert batch_rows_for(TrainConfig(row_length=8_192), device="cpu") == 1


def test_a_plan_that_moves_to_another_device_keeps_its_batch() -> None:
    plan = plan_of(max_steps=50)
    there = moved(plan, TrainConfig(log_steps=7), device="cuda", precision="bf16")
    assert (there.device, there.precision, there.log_steps) == ("cuda", "bf16", 7)
    assert (there.batch_rows, there.max_steps) == (plan.batch_rows, 50)
    # A GPU could take 512 rows at once; the batch has 32.
    assert there.micro_rows == 32


def chosen(seconds: float, **more: Any) -> str:
    """The size chosen on two cores with bf16, 900 GFLOP/s, or elsewhere."""
    place = {"device": "cpu", "precision": "bf16", "rate": 9e11, "text_tokens": 10**10, **more}
    return choose_size("auto", TrainConfig(), seconds=seconds, vocab_size=16_384, **place)


def test_the_size_chosen_is_the_one_that_the_law_puts_lowest() -> None:
    for seconds in (60, 300, 1_000, 3_600, 36_000):
        losses = {
            size: law.relative_loss(size, tokens=seconds * _speed(size)) for size in law.MEASURED
        }
        assert chosen(seconds) == min(losses, key=losses.__getitem__)
    assert chosen(60) == "tiny"
    assert chosen(36_000, text_tokens=10**7) == "mini"


def _speed(size: Size) -> float:
    where = {"vocab_size": 16_384, "device": "cpu", "precision": "bf16", "rate": 9e11}
    return expected_speed(SIZES[size], TrainConfig(), **where)  # type: ignore[arg-type]


def test_a_slower_machine_and_less_text_do_not_ask_for_a_larger_size() -> None:
    order = list(law.MEASURED)
    for seconds in (300, 3_600, 36_000):
        assert order.index(chosen(seconds, rate=1e11)) <= order.index(chosen(seconds))


def test_a_size_that_is_asked_for_is_taken_and_a_gpu_goes_by_time() -> None:
    gpu = {"device": "cuda", "rate": 9e14}
    assert chosen(7_200, **gpu) == "base"
    assert chosen(60, **gpu) == "mini"
    asked = {"vocab_size": 1, "text_tokens": 1, "device": "cpu", "precision": "fp32", "rate": 1.0}
    assert choose_size("large", TrainConfig(), seconds=1, **asked) == "large"  # type: ignore[arg-type]


def test_training_gets_what_the_other_stages_leave() -> None:
    # 600 s, 8 % of them for the report.
    assert training_seconds("10m", elapsed=100) == pytest.approx(600 - 48 - 100)
    assert training_seconds("10h", elapsed=0) == pytest.approx(36_000 - 120)
    assert training_seconds("10m", elapsed=0, reports=2) == pytest.approx(600 - 96)
    assert training_seconds("10m", elapsed=9_999) == pytest.approx(60)


@pytest.mark.parametrize(
    ("epochs", "words"), [(0.384, "0.38 epochs"), (29.0, "29 epochs"), (1_205.0, "1,205 epochs")]
)
def test_passes_are_readable(epochs: float, words: str) -> None:
    assert plan_of(epochs=epochs, batch_tokens=128).passes == words


def test_the_description_tells_tokens_and_parameters() -> None:
    text = describe(plan_of(max_steps=100))
    for part in ("tiny", "parameters", "1.00M tokens of text", "100 steps of 4,096", "tokens/s"):
        assert part in text
