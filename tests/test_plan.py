"""What `filiberto plan` says, from an empty folder and from one with tokens."""

import gzip
import json
import math
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filiberto.config import Recipe, TrainConfig
from filiberto.errors import BadDataError, UsageError
from filiberto.plan import forecast
from filiberto.train import law
from filiberto.train.forecast import table
from filiberto.train.prepare import unigram_loss
from tests.conftest import MINIATURE, filiberto


@pytest.fixture
def recipe(text_file: Path) -> Recipe:
    return Recipe(text=(str(text_file),), size="tiny", time="10m")


def test_an_empty_folder_is_guessed_from_the_files_and_stays_empty(
    tmp_path: Path, recipe: Recipe, text_file: Path
) -> None:
    found = forecast(recipe, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not found.text.exact
    assert found.text.bytes == pytest.approx(text_file.stat().st_size, rel=0.01)
    assert found.speed == "estimate"
    assert found.hours < 1 / 6  # so little text is not read for ten minutes
    assert any("bears to be read 20 times" in line for line in found.warnings)
    assert found.expected is None
    assert dict(table(found))["expected"].startswith("nothing foretold before")


def test_parquet_is_counted_as_it_lies_and_packed_text_unpacked(
    tmp_path: Path, recipe: Recipe
) -> None:
    lines = [f"frase numero {i}, e poi altre parole" for i in range(40_000)]
    pq.write_table(pa.table({"text": lines}), tmp_path / "a.parquet")
    found = forecast(replace(recipe, text=(str(tmp_path / "a.parquet"),)), tmp_path / "new")
    assert found.text.bytes == pytest.approx((tmp_path / "a.parquet").stat().st_size, rel=0.01)
    text = "\n".join(lines).encode()
    with gzip.open(tmp_path / "b.txt.gz", "wb") as file:
        file.write(text)
    found = forecast(replace(recipe, text=(str(tmp_path / "b.txt.gz"),)), tmp_path / "new")
    assert found.text.bytes == pytest.approx(len(text), rel=0.2)


def test_files_without_text_are_refused(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(BadDataError, match="no text to plan for"):
        forecast(replace(recipe, text=(str(tmp_path / "empty.txt"),)), tmp_path / "new")


def test_where_there_are_tokens_the_speed_is_measured_and_the_loss_foretold(
    mini_run: Path, recipe: Recipe
) -> None:
    settings = TrainConfig(max_steps=500)  # of 4,096 tokens: in what was measured
    found = forecast(replace(recipe, time=None, train=settings), mini_run)
    assert found.text.exact
    assert found.text.documents is not None
    assert found.speed == "measured"
    assert found.expected is not None
    assert found.expected.at_most
    tokens = {"tokens": 500 * 4_096, "text_tokens": found.text.tokens}
    loss = law.relative_loss("tiny", **tokens) * unigram_loss(mini_run)
    assert found.expected.loss == pytest.approx(loss)
    bits = loss / math.log(2) / found.text.token_bytes
    assert found.expected.bits_per_byte == pytest.approx(bits)
    error = law.ERROR * unigram_loss(mini_run)
    assert f"validation loss below {loss + error:.2f} nats" in dict(table(found))["expected"]
    as_measured = replace(settings, embeddings="random")
    found = forecast(replace(recipe, time=None, train=as_measured), mini_run)
    told = f"validation loss {loss - error:.2f} to {loss + error:.2f} nats"
    assert told in dict(table(found))["expected"]
    assert any("the text is read" in line for line in found.warnings)


def test_other_settings_than_those_measured_foretell_nothing(
    mini_run: Path, recipe: Recipe
) -> None:
    for settings in (
        TrainConfig(max_steps=500, peak_lr=5e-3),
        TrainConfig(max_steps=1_000, batch_tokens=2_048),
        TrainConfig(max_steps=500, architecture="roberta"),
    ):
        found = forecast(replace(recipe, time=None, train=settings), mini_run)
        assert found.expected is None


def test_another_machine_is_an_estimate_that_fits_it(mini_run: Path, recipe: Recipe) -> None:
    large = replace(recipe, size="large", time="2h", price_per_hour=0.5)
    found = forecast(large, mini_run, hardware="t4")
    assert found.speed == "estimate"
    assert found.plan.precision == "fp16"
    assert found.memory_gb < 16
    assert found.plan.micro_rows < found.plan.batch_rows
    assert found.cost == pytest.approx(found.hours * 0.5)
    assert forecast(large, mini_run, hardware="h100").plan.micro_rows > found.plan.micro_rows


def test_what_does_not_fit_and_what_is_too_little_is_said_before(
    mini_run: Path, recipe: Recipe
) -> None:
    huge = replace(MINIATURE, batch_tokens=65_536, micro_batch_tokens=65_536, max_steps=1)
    found = forecast(replace(recipe, size="large", time=None, train=huge), mini_run, hardware="t4")
    assert any("of memory are needed and 16 are there" in line for line in found.warnings)
    assert any("tokens are few" in line for line in found.warnings)


def test_a_card_that_nobody_knows_is_refused(mini_run: Path, recipe: Recipe) -> None:
    with pytest.raises(UsageError, match="no figures for a 'abacus'"):
        forecast(recipe, mini_run, hardware="abacus")


def test_the_command_for_people_and_for_programs(tmp_path: Path, text_file: Path) -> None:
    words = ["plan", "runs/new", "--text", text_file, "--time", "5m", "--hardware", "a100"]
    plain = filiberto(*words, cwd=tmp_path)
    assert plain.returncode == 0, plain.stderr
    rows = ("text", "model", "training", "schedule", "speed", "time", "memory", "expected")
    assert [line.split()[0] for line in plain.stdout.splitlines()[:8]] == list(rows)
    told = json.loads(filiberto(*words, "--json", cwd=tmp_path).stdout)
    assert told["plan"]["device"] == "cuda"
    assert told["hardware"] == "one A100"
    assert not (tmp_path / "runs").exists()
