"""A tagger that is kept."""

import json
from pathlib import Path

import pytest
from transformers import pipeline

from filiberto.errors import OtherRunError
from filiberto.evaluate import tuning
from tests.conftest import filiberto
from tests.evaluate.test_probes import write_bank


@pytest.mark.slow
def test_a_tagger_is_loaded_by_a_pipeline_and_tags(mini_run: Path, tmp_path: Path) -> None:
    bank = write_bank(tmp_path / "bank")
    train, test = (bank / f"toy-ud-{part}.conllu" for part in ("train", "test"))
    out = tmp_path / "tagger"
    done = filiberto("tune", mini_run, train, "--test", test, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "UPOS: dev 100.0 %, test 100.0 %" in done.stdout
    text = "vedo la strada"
    tags = pipeline("token-classification", str(out))(text)
    for word, expected in zip(text.split(), ("VERB", "DET", "NOUN"), strict=True):
        place = text.index(word)
        first = next(entry for entry in tags if entry["start"] <= place < entry["end"])
        assert first["entity"] == expected
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["test"]["mean"] == 1.0
    assert set(metrics["sentences"]) == {"train", "dev", "test"}
    card = (out / "README.md").read_text()
    assert "UPOS: dev 100.0 %, test 100.0 %" in card
    assert str(tmp_path) not in card


def test_a_folder_that_holds_something_else_is_left_alone(
    mini_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filiberto.evaluate.tagger import tune

    monkeypatch.setattr(tuning, "MAX_STEPS", 1)
    train = tmp_path / "train.tsv"
    train.write_text("\n\n".join(f"via\tO\nRoma{n}\tB-LOC" for n in range(40)), encoding="utf-8")
    (tmp_path / "mine").mkdir()
    with pytest.raises(OtherRunError, match="mine exists and holds no tagger"):
        tune(mini_run, train, dev=None, test=None, out=tmp_path / "mine")
    for _ in range(2):  # a tagger is replaced by another
        tune(mini_run, train, dev=None, test=None, out=tmp_path / "tagger")
    config = json.loads((tmp_path / "tagger" / "config.json").read_text())
    assert config["id2label"] == {"0": "O", "1": "B-LOC"}
