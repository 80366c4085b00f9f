"""What the report says would help, from the law and never outside of what was measured."""

import re
from dataclasses import replace
from typing import Any

import pytest

from filiberto.config import TrainConfig
from filiberto.evaluate.advice import advice, ground
from filiberto.train import law

PLAN: dict[str, Any] = {
    "architecture": "modernbert",
    "size": "tiny",
    "max_steps": 1_000,
    "batch_rows": 32,
    "row_length": 128,
    "text_tokens": 1_000_000,
    "vocab_size": 16_000,
}


def test_the_most_helpful_comes_first() -> None:
    said = advice(PLAN, validation_loss=4.5)
    assert len(said) == 3
    assert any("Twice the time (8.19M tokens instead of 4.10M)" in line for line in said)
    assert any("these 1.00M were read 4.1 times" in line for line in said)
    assert any("The size mini with " in line for line in said)
    reached = [float(re.search(r"to about (\d\.\d\d) nats", line)[1]) for line in said]  # type: ignore[index]
    assert reached == sorted(reached)
    assert all(loss < 4.5 for loss in reached)


def test_a_gain_is_that_of_the_law() -> None:
    plan = {**PLAN, "text_tokens": 100_000_000}
    now = law.relative_loss("tiny", tokens=4_096_000)
    then = law.relative_loss("tiny", tokens=8_192_000)
    (line,) = (line for line in advice(plan, validation_loss=4.5) if "Twice" in line)
    assert f"from 4.50 to about {4.5 * then / now:.2f} nats" in line


@pytest.mark.parametrize(
    "other",
    [
        *({"size": "4x100"}, {"architecture": "roberta"}, {"row_length": 512}, {"batch_rows": 64}),
    ],
)
def test_nothing_is_foretold_of_what_was_not_measured(other: dict[str, Any]) -> None:
    (alone,) = advice({**PLAN, **other}, validation_loss=4.5)
    assert "Nothing is foretold" in alone


@pytest.mark.parametrize(
    ("other", "first"),
    [
        ({"size": "mini", "max_steps": 4_868, "text_tokens": 58_000_000}, "twice the time"),
        ({"size": "base"}, "twice the time"),
        ({"max_steps": 50_000}, "more text"),
    ],
)
def test_beyond_what_was_measured_the_order_is_told_without_figures(
    other: dict[str, Any], first: str
) -> None:
    (alone,) = advice({**PLAN, **other}, validation_loss=3.2)
    assert (
        f"no loss is foretold. Should the law hold beyond what has been, most would come of {first}"
        in alone
    )
    assert "nats" not in alone


def test_nothing_is_foretold_of_other_settings_or_weights_from_elsewhere() -> None:
    tuned = replace(TrainConfig(), muon_lr=0.1)
    for said in (
        advice(PLAN, validation_loss=None),
        advice(PLAN, validation_loss=4.5, settings=tuned),
        advice(PLAN, validation_loss=4.5, from_scratch=False),
    ):
        assert "Nothing is foretold" in said[0]
    assert len(advice(PLAN, validation_loss=4.5, settings=TrainConfig())) == 3


def test_less_than_twice_the_time_is_named_where_twice_is_too_much() -> None:
    plan = {**PLAN, "max_steps": 10_000, "text_tokens": 100_000_000}  # 41M of at most 66M
    assert any("Half as much time again" in line for line in advice(plan, validation_loss=3.5))
    read_often = {**PLAN, "text_tokens": 210_000}  # 19.5 times: twenty are the most
    assert not any("time" in line[:20] for line in advice(read_often, validation_loss=4.5))


def test_the_ground_names_what_was_measured() -> None:
    assert "tiny with 2 to 66 million tokens; mini with 2 to 18 million tokens" in ground()
    assert "1.8\xa0%" in ground()
