"""Every architecture on the whole road: trained, loaded by stock classes, filled, scored."""

import dataclasses
from pathlib import Path
from typing import get_args

import pytest
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    ModernBertForMaskedLM,
    RobertaForMaskedLM,
    pipeline,
)

from filiberto import evaluate, train
from filiberto.config import Architecture, EvaluateConfig
from filiberto.evaluate.fill import fill
from filiberto.evaluate.model import load_reader
from tests.conftest import MINIATURE

TEXT = "Anna <mask> il libro oggi"


CLASSES = {"roberta": RobertaForMaskedLM, "modernbert": ModernBertForMaskedLM}


@pytest.fixture(scope="module", params=get_args(Architecture))
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mini_run: Path
) -> Path:
    """A run whose text stages are those of the miniature."""
    run = tmp_path_factory.mktemp(request.param) / "run"
    run.mkdir()
    for name in ("corpus", "tokenizer", "tokens"):
        (run / name).symlink_to(mini_run / name)
    settings = dataclasses.replace(MINIATURE, architecture=request.param, max_steps=60)
    train.build(run, settings=settings, size="tiny", language="it")
    return run


def test_stock_classes_load_and_fill_it(trained: Path) -> None:
    model = AutoModelForMaskedLM.from_pretrained(trained / "model")
    assert type(model) is CLASSES[model.config.model_type]
    found = pipeline(
        "fill-mask", model=model, tokenizer=AutoTokenizer.from_pretrained(trained / "model")
    )(TEXT)
    ours = fill(load_reader(trained), TEXT)
    assert [entry["token_str"] for entry in found] == [entry["token_str"] for entry in ours]
    scores = [entry["score"] for entry in ours]
    assert [entry["score"] for entry in found] == pytest.approx(scores, rel=1e-4)


def test_it_reads_no_more_at_once_than_its_training_rows(trained: Path) -> None:
    assert load_reader(trained).max_length == MINIATURE.row_length


def test_it_is_scored_and_described(trained: Path) -> None:
    evaluate.build(trained, settings=EvaluateConfig(max_bytes=20_000), language="it")
    assert "bits per byte" in (trained / "report" / "summary.txt").read_text()
    card = (trained / "model" / "README.md").read_text()
    kind = load_reader(trained).model.config.model_type
    name = {"roberta": "RoBERTa", "modernbert": "ModernBERT"}[kind]
    assert f"A {name} of size tiny" in card
    assert f"- {kind}" in card
    assert ("RobertaTokenizer" in card) == (kind == "roberta")
