"""The whole road at miniature size, through the real command, with stock transformers as client."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from filiberto.evaluate.model import load_reader
from filiberto.train.checkpoint import restore_model
from tests.conftest import NO_NETWORK, filiberto, italian_lines, with_site_code

RECIPE = """\
language = "it"
size = "tiny"
[corpus]
validation_share = 0.1
validation_min_bytes = 10000
[tokenizer]
vocab_size = 600
[train]
row_length = 64
batch_tokens = 512
max_steps = 40
peak_lr = 3e-3
[evaluate]
max_bytes = 20000
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a user has text and a recipe, and has run them."""
    folder = tmp_path_factory.mktemp("user")
    text = folder / "testi"
    text.mkdir()
    lines = italian_lines(2_300)
    (text / "a.txt").write_text("\n".join(lines[:1_500]), encoding="utf-8")
    rows = (json.dumps({"text": line}) for line in lines[1_500:])
    (text / "b.jsonl").write_text("\n".join(rows), encoding="utf-8")
    (folder / "it.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def story(place: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the command prints, in a process that dies if it opens a connection."""
    folder = tmp_path_factory.mktemp("site")
    done = filiberto(
        *("run", "runs/it", "--recipe", "it.toml", "--text", "testi"),
        cwd=place,
        env=with_site_code(folder, NO_NETWORK),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_story_names_every_stage_and_what_to_type_next(story: str) -> None:
    for part in ("[1/5] corpus", "[5/5] evaluate", "cosa sarebbe successo se", "filiberto fill"):
        assert part in story
    assert "\x1b" not in story


def test_the_run_folder_holds_what_the_design_says(place: Path, story: str) -> None:
    run = place / "runs" / "it"
    for name in (
        "recipe.toml",
        "plan.json",
        "environment.json",
        "metrics.jsonl",
        "timings.jsonl",
        "corpus/manifest.json",
        "corpus/train-00000.parquet",
        "corpus/validation-00000.parquet",
        "tokenizer/tokenizer.json",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "tokens/train-00000.tokens",
        "model/config.json",
        "model/model.safetensors",
        "model/README.md",
        "report/metrics.json",
        "report/summary.txt",
    ):
        assert (run / name).is_file(), name
    assert not list(run.rglob(".tmp-*"))
    assert json.loads((run / "report" / "metrics.json").read_text())["bits_per_byte"] > 0


def test_a_second_run_does_nothing_again(place: Path, story: str) -> None:
    run = place / "runs" / "it"

    def files() -> dict[Path, int]:
        found = (p for p in run.rglob("*") if p.is_file() and p.name != "RUN.lock")
        return {p: p.stat().st_mtime_ns for p in found}

    before = files()
    again = filiberto("run", "runs/it", cwd=place)
    assert again.returncode == 0, again.stderr
    assert files() == before


NO_ENGINE = "import sys\nfor name in ('daft', 'pyarrow', 'tensorboard'): sys.modules[name] = None\n"


def test_training_needs_only_the_tokens_and_the_tokenizer(
    place: Path, story: str, tmp_path: Path
) -> None:
    box = tmp_path / "box"
    for stage in ("tokenizer", "tokens"):
        shutil.copytree(place / "runs" / "it" / stage, box / stage)
    done = filiberto(
        *("train", box, "--size", "tiny", "--train.max-steps", "2", "--train.row-length", "64"),
        env=with_site_code(tmp_path, NO_ENGINE),
    )
    assert done.returncode == 0, done.stderr
    assert (box / "model" / "model.safetensors").is_file()
    assert filiberto("look", box, "train").returncode == 0


def test_moved_text_is_the_same_text(place: Path, story: str) -> None:
    shutil.copytree(place / "testi", place / "altrove")
    moved = filiberto("corpus", "runs/it", "--text", "altrove", cwd=place)
    assert moved.returncode == 0, moved.stderr


CLIENT = """
import json, sys, torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, pipeline
folder, text = sys.argv[1:]
fill = pipeline("fill-mask", model=folder)
model = AutoModelForMaskedLM.from_pretrained(folder)
inputs = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
print(json.dumps({
    "class": type(model).__name__,
    "top": [f["token_str"] for f in fill(text)],
    "ids": inputs["input_ids"][0].tolist(),
    "logits": model(**inputs).logits[0, 1].tolist(),
}))
"""


def test_stock_transformers_loads_the_model_offline_with_the_trained_logits(
    place: Path, story: str
) -> None:
    run = place / "runs" / "it"
    text = "Anna <mask> il libro oggi"
    client = subprocess.run(
        [sys.executable, "-c", CLIENT, str(run / "model"), text],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    seen = json.loads(client.stdout.splitlines()[-1])
    reader = load_reader(run)
    restore_model(reader.model, run / "checkpoints" / "step-00000040")
    ids = torch.tensor([reader.tokenizer.encode(text).ids])
    assert seen["class"] == "ModernBertForMaskedLM"
    assert seen["ids"] == ids[0].tolist()
    with torch.no_grad():
        trained = reader.model(input_ids=ids).logits[0, 1]
    # The same weights through the same code in another process.
    assert seen["logits"] == pytest.approx(trained.tolist(), abs=1e-5)
    assert len(seen["top"]) == 5


def test_fill_prints_candidates_and_json_as_the_pipeline_does(place: Path, story: str) -> None:
    plain = filiberto("fill", "runs/it", "Anna <mask> il libro oggi", "--top-k", "3", cwd=place)
    assert plain.returncode == 0, plain.stderr
    lines = plain.stdout.splitlines()
    assert len(lines) == 3
    assert all("%" in line and "il libro oggi" in line for line in lines)
    as_json = filiberto("fill", "runs/it", "Anna ___ il libro", "--json", cwd=place)
    keys = {frozenset(entry) for entry in json.loads(as_json.stdout)}
    assert keys == {frozenset({"score", "token", "token_str", "sequence"})}


def test_fill_without_a_text_reads_line_after_line(place: Path, story: str) -> None:
    typed = "Anna <mask> il libro\nsenza buco\n\nLuca <mask> oggi\n"
    done = filiberto("fill", "runs/it", "--top-k", "2", cwd=place, stdin=typed)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 4
    assert "'senza buco' has nothing to fill" in done.stderr


def test_look_shows_every_stop(place: Path, story: str) -> None:
    done = filiberto("look", "runs/it", cwd=place)
    assert done.returncode == 0, done.stderr
    for part in ("a.txt:0", "ciao, come va?", "documents, which see only themselves", "label"):
        assert part in done.stdout
    one = filiberto("look", "runs/it", "tokenizer", cwd=place)
    assert "corpus" not in one.stdout
    wrong = filiberto("look", "runs/it", "tokenzier", cwd=place)
    assert wrong.returncode == 2
    assert "there is no stage 'tokenzier'" in wrong.stderr
