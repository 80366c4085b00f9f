"""ONNX files, as clients that know nothing of this project use them."""

import json
import re
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, RobertaConfig, RobertaForMaskedLM

from filiberto.errors import UnfinishedStageError, UsageError
from filiberto.evaluate.model import load_reader
from filiberto.publish.onnx import FP32, INT8, MOST_LOGITS_APART, _table, export, write
from tests.conftest import filiberto

TEXTS = ["Anna <mask> il libro oggi", "Luca", "Marta cerca la chiave e poi <mask> a casa."]


@pytest.fixture(scope="module")
def run(mini_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its export."""
    run = tmp_path_factory.mktemp("export") / "run"
    shutil.copytree(mini_run, run)
    done = filiberto("export", run, "--onnx")
    assert done.returncode == 0, done.stderr
    (run / "told.txt").write_text(done.stdout)
    return run


def roberta(folder: Path, mini_run: Path) -> Path:
    """A RoBERTa with random weights and the run's tokenizer."""
    shutil.copytree(mini_run / "model", folder)
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=600,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=66,
        pad_token_id=1,
    )
    RobertaForMaskedLM(config).save_pretrained(folder)
    return folder


def stock_logits(model: Path, texts: list[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What transformers alone makes of some texts: the inputs, and the logits."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    network: Any = AutoModelForMaskedLM.from_pretrained(model).eval()
    with torch.no_grad():
        logits = network(**inputs).logits.numpy()
    return {name: value.numpy() for name, value in inputs.items()}, logits


def computed(file: Path, inputs: dict[str, np.ndarray]) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return session.run(["logits"], inputs)[0]


@pytest.mark.parametrize("architecture", ["modernbert", "roberta"])
@pytest.mark.parametrize("texts", [TEXTS, TEXTS[1:2], TEXTS[:2] * 4], ids=len)
def test_fp32_computes_what_transformers_computes_for_any_batch_and_length(
    architecture: str, texts: list[str], run: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model, made = run / "model", run / "export"
    if architecture == "roberta":
        model, made = run / "roberta", run / "of-roberta"
        if not made.exists():
            roberta(model, run)
            made.mkdir()
            write(made, model, load_reader(model))
    inputs, expected = stock_logits(model, texts)
    found = computed(made / FP32, inputs)
    assert found.shape == expected.shape
    seen = inputs["attention_mask"].astype(bool)
    assert np.abs(found - expected)[seen].max() < MOST_LOGITS_APART


def test_int8_is_small_and_nearly_as_good_and_what_it_costs_is_told(run: Path) -> None:
    inputs, expected = stock_logits(run / "model", TEXTS)
    found = computed(run / "export" / INT8, inputs)
    holes = inputs["input_ids"] == load_reader(run).special_ids["<mask>"]
    assert found[holes].argmax(-1).tolist() == expected[holes].argmax(-1).tolist()
    assert np.abs(found - expected).max() > 0
    sizes = {name: (run / "export" / name).stat().st_size for name in (FP32, INT8)}
    assert sizes[INT8] < sizes[FP32] / 2
    facts = json.loads((run / "export" / "export.json").read_text())
    assert facts["logits_apart"] < MOST_LOGITS_APART
    own, fp32, int8 = facts["files"]
    report = json.loads((run / "report" / "metrics.json").read_text())
    assert own["bits_per_byte"] == pytest.approx(report["bits_per_byte"], rel=0.1)
    assert fp32["bits_per_byte"] == pytest.approx(own["bits_per_byte"], rel=1e-4)
    assert int8["bits_per_byte"] == pytest.approx(own["bits_per_byte"], rel=0.05)
    assert int8["bits_per_byte"] != fp32["bits_per_byte"]
    told = (run / "told.txt").read_text()
    assert f"{INT8:<28}{sizes[INT8] / 1e6:>9.1f}" in told
    assert re.search(r"int8: \d\.\d{3} bits per byte, \d\.\d{3} in fp32 \([+-]\d\.\d %\)", told)


def test_files_hold_their_weights_and_name_what_clients_look_for(run: Path) -> None:
    there = {p.relative_to(run / "export").as_posix() for p in (run / "export").rglob("*.*")}
    assert there == {
        *("config.json", "export.json", "tokenizer.json", "tokenizer_config.json"),
        *(FP32, INT8),
    }
    for name in (FP32, INT8):
        model = onnx.load(str(run / "export" / name), load_external_data=False)
        onnx.checker.check_model(model)
        assert [i.name for i in model.graph.input] == ["input_ids", "attention_mask"]
        assert [o.name for o in model.graph.output] == ["logits"]
        for value in (*model.graph.input, *model.graph.output):
            axes = [axis.dim_param for axis in value.type.tensor_type.shape.dim]
            assert axes[:2] == ["batch_size", "sequence_length"]
        assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_what_is_missing_is_said(
    mini_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnfinishedStageError, match="no trained model"):
        export(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UsageError, match=r"needs onnxscript(.|\n)*pip install 'filiberto\[onnx\]'"):
        export(mini_run)
    without = filiberto("export", mini_run)
    assert without.returncode == 2
    assert "--onnx" in without.stderr


def test_no_file_says_where_it_was_made(run: Path) -> None:
    for name in (FP32, INT8):
        data = (run / "export" / name).read_bytes()
        for place in (sysconfig.get_path("purelib"), str(run.parent), str(Path.home()), '.py"'):
            assert place.encode() not in data, (name, place)


def test_without_validation_text_it_is_said_that_the_cost_was_not_measured() -> None:
    rows = [{"name": name, "bytes": 1_000_000, "milliseconds": 2.0} for name in ("a", FP32, INT8)]
    told = list(_table(rows, 1e-6))
    assert told[-1].startswith("int8: its cost was not measured")
    assert all("–" in line for line in told[1:4])
