"""The law, and what it and other arithmetic of the plan were fitted to."""

import json
from pathlib import Path
from typing import Any

import pytest

from filiberto.config import TrainConfig
from filiberto.train import law
from filiberto.train.flops import card_rate, flops_per_token
from filiberto.train.footprint import disk_bytes, memory_bytes
from filiberto.train.plan import Plan, make_plan
from filiberto.train.sizes import SIZES

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def plan_for(size: Any, **more: Any) -> Plan:
    settings = TrainConfig(
        max_steps=1, batch_tokens=4_096, architecture=more.pop("architecture", "modernbert")
    )
    facts = {"vocab_size": 30_522, "text_tokens": 10_000_000, "device": "cpu", "precision": "bf16"}
    unused = {"seconds": 1.0, "tokens_per_second": 1.0, "peak_lr": 1.0}
    return make_plan(settings, size=size, **{**facts, **unused, **more})


def test_the_law_says_what_was_measured_within_its_error() -> None:
    rows = json.loads((RESULTS / "law.json").read_text())["rows"]
    fitted = [row for row in rows if row["fitted"]]
    assert len(fitted) >= 8
    for row in fitted:
        foretold = law.relative_loss(
            row["size"], tokens=row["tokens"], text_tokens=row["text_tokens"]
        )
        assert foretold == pytest.approx(row["share"], abs=law.FIT_ERROR), row
        if row["size"] in law.MEASURED:
            assert law.is_measured(row["size"], tokens=row["tokens"])


def test_nothing_is_known_outside_of_what_was_measured() -> None:
    for size, (least, most) in law.MEASURED.items():
        assert not law.is_measured(size, tokens=least / 2)
        assert not law.is_measured(size, tokens=most * 2)
    assert not law.is_measured("large", tokens=4e6)


def test_text_that_is_read_again_teaches_less_and_less() -> None:
    once = law.effective_tokens(1e6, text_tokens=1e6)
    twice = law.effective_tokens(2e6, text_tokens=1e6)
    often = law.effective_tokens(1e9, text_tokens=1e6)
    assert once == law.effective_tokens(1e6, text_tokens=5e6) == 1e6
    assert 1.5e6 < twice < 2e6
    assert often == pytest.approx(1e6 * (1 + law.PASSES))
    assert law.relative_loss("tiny", tokens=10) == 1.0


@pytest.mark.parametrize(
    ("changed", "fitted"),
    [
        ({}, True),
        ({"embeddings": "random"}, True),
        ({"peak_lr": 5e-4}, True),  # what it is by default
        ({"peak_lr": 5e-4, "embeddings": "random"}, False),
        ({"peak_lr": 2e-3}, False),
        ({"muon_lr": 0.01}, False),
        ({"mask_rate": 0.15}, False),
    ],
)
def test_the_law_is_of_trainings_with_the_default_rates(
    changed: dict[str, Any], fitted: bool
) -> None:
    settings = TrainConfig(**changed)
    assert law.is_as_fitted(settings, size="mini", batch_tokens=law.BATCH_TOKENS) is fitted
    assert not law.is_as_fitted(settings, size="3x96", batch_tokens=law.BATCH_TOKENS)
    assert not law.is_as_fitted(settings, size="mini", batch_tokens=512)


def test_memory_is_that_of_the_processes_that_were_measured() -> None:
    for row in json.loads((RESULTS / "memory.json").read_text()):
        about = {key: row[key] for key in ("architecture", "vocab_size")}
        plan = plan_for(row["size"], **about)
        measured = row["cpu_peak_mb"]["128"] * 1e6
        peak = memory_bytes(plan, cooccurrence=True)
        assert peak == pytest.approx(measured, rel=0.13), row["size"]


def test_memory_and_disk_by_their_parts() -> None:
    plan = plan_for("mini")
    wide = plan_for("mini", precision="fp32")
    assert memory_bytes(wide) > memory_bytes(plan) > memory_bytes(plan, checkpointed=True)
    assert memory_bytes(plan, cooccurrence=True) > memory_bytes(plan)  # more than the steps need
    large = plan_for("large")
    assert memory_bytes(large, cooccurrence=True) == memory_bytes(large)
    # 10M ids of two bytes, three checkpoints of 12 bytes a weight and a model of 4, half the text.
    assert disk_bytes(plan, text_bytes=40e6) == pytest.approx(20e6 + 40 * plan.parameters + 20e6)


def test_floating_point_operations_of_a_token_by_hand() -> None:
    # tiny: 2 layers of 4 x 128 x 128 and 3 x 128 x 320, two norms; the head at 3 of 10 tokens.
    encoder = 2 * (4 * 128 * 128 + 3 * 128 * 320 + 2 * 128)
    work = flops_per_token(
        SIZES["tiny"],
        architecture="modernbert",
        vocab_size=1_000,
        row_length=128,
        mask_rate=0.3,
        attended=100.0,
    )
    assert work == pytest.approx(6 * (encoder + 0.3 * (128_000 + 128 * 128)) + 12 * 128 * 100)


def test_a_card_is_known_by_a_part_of_its_name() -> None:
    assert card_rate("NVIDIA H100 80GB HBM3") == 989e12
    assert card_rate("NVIDIA L40S") == 362e12
    assert card_rate("NVIDIA L4") == 121e12
    assert card_rate("Some other GPU") is None
