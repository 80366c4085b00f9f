"""A tagger that is kept."""

import json
from pathlib import Path

import pytest
from transformers import pipeline

from filiberto.errors import OtherRunError, UsageError
from filiberto.evaluate import tuning
from tests.conftest import filiberto
from tests.evaluate.test_probes import sentence


def write_trees(path: Path, *, count: int, seed: int) -> None:
    """`vedo la casa.`, and with multiword tokens `cerco nella casa.`."""
    blocks = []
    for number in range(count):
        row = sentence(seed + number)
        verb, article, noun = row.words
        lines = [f"1\t{verb}\t_\tVERB\t_\t_\t0\troot\t_\t_"]
        if number % 2:
            lines += [f"2-3\t{'nella' if article == 'la' else 'nel'}" + "\t_" * 8]
            lines += ["2\tin\t_\tADP\t_\t_\t1\tcase\t_\t_"]
        place = len(lines) - number % 2 + 1
        lines += [f"{place}\t{article}\t_\tDET\t_\t_\t1\tdet\t_\t_"]
        lines += [f"{place + 1}\t{noun}\t_\tNOUN\t_\t_\t1\tobj\t_\tSpaceAfter=No"]
        lines += [f"{place + 2}\t.\t_\tPUNCT\t_\t_\t1\tpunct\t_\t_"]
        blocks.append("\n".join(lines))
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


@pytest.mark.slow
def test_a_pipeline_cuts_running_text_into_words_with_their_tags(
    mini_run: Path, tmp_path: Path
) -> None:
    train, dev, test = (tmp_path / f"toy-{part}.conllu" for part in ("train", "dev", "test"))
    write_trees(train, count=200, seed=0)
    write_trees(dev, count=40, seed=200)
    write_trees(test, count=40, seed=300)
    out = tmp_path / "tagger"
    done = filiberto("tune", mini_run, train, "--dev", dev, "--test", test, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "UPOS F1: dev 100.0 %, test 100.0 %" in done.stdout
    tag = pipeline("token-classification", str(out), aggregation_strategy="simple")

    def tagged(text: str) -> list[tuple[str, str]]:
        return [(text[e["start"] : e["end"]].strip(), e["entity_group"]) for e in tag(text)]

    expected = [("vedo", "VERB"), ("la", "DET"), ("strada", "NOUN"), (".", "PUNCT")]
    assert tagged("vedo la strada.") == expected
    expected = [("cerco", "VERB"), ("nella", "ADP+DET"), ("casa", "NOUN"), (".", "PUNCT")]
    assert tagged("cerco nella casa.") == expected
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["test"]["mean"] == 1.0
    assert set(metrics["sentences"]) == {"train", "dev", "test"}
    card = (out / "README.md").read_text()
    assert "UPOS F1: dev 100.0 %, test 100.0 %" in card
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
    (tmp_path / "mine" / "metrics.json").touch()  # as in the folder of a report
    with pytest.raises(OtherRunError, match="mine exists and holds no tagger"):
        tune(mini_run, train, dev=None, test=None, out=tmp_path / "mine")
    out = tmp_path / "taggers" / "places"
    for _ in range(2):  # a tagger is replaced by another
        tune(mini_run, train, dev=None, test=None, out=out)
    config = json.loads((out / "config.json").read_text())
    assert config["id2label"] == {"0": "O", "1": "B-LOC", "2": "I-LOC"}


def test_a_test_without_sentences_is_refused_before_anything_is_learned(
    mini_run: Path, tmp_path: Path
) -> None:
    from filiberto.evaluate.tagger import tune

    train, empty = tmp_path / "train.tsv", tmp_path / "test.tsv"
    train.write_text("\n\n".join(f"via\tO\nRoma{n}\tB-LOC" for n in range(40)), encoding="utf-8")
    empty.touch()
    with pytest.raises(UsageError, match="no sentences to test with"):
        tune(mini_run, train, dev=None, test=empty, out=tmp_path / "tagger")
