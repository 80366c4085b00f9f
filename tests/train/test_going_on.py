"""A training that gets more time, or less, and the model folder while it goes on."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import tomli_w
from transformers import AutoModelForMaskedLM, pipeline

from filiberto import train
from filiberto.errors import OtherRunError, TryAgainError, UnfinishedStageError
from filiberto.recipe import recipe_to_dict
from filiberto.runfolder import manifest
from filiberto.train import loop
from filiberto.train.records import read_lines
from tests.conftest import filiberto, miniature_recipe
from tests.train.conftest import SHORT

END = SHORT.max_steps


@pytest.fixture
def finished(tmp_path: Path, mini_run: Path, text_file: Path) -> Path:
    """A run of our own to change, with its report and its recipe."""
    run = Path(shutil.copytree(mini_run, tmp_path / "run"))
    recipe = recipe_to_dict(miniature_recipe(text_file))
    (run / "recipe.toml").write_text(tomli_w.dumps(recipe))
    return run


def steps_of(run: Path) -> list[int]:
    return [line["step"] for line in read_lines(run / "metrics.jsonl") if "loss" in line]


def test_more_time_for_a_finished_training(run: Path) -> None:
    before = train.build(run, settings=SHORT, size="tiny")
    done = train.build(run, settings=SHORT, size="tiny", more="1s")
    assert done.facts["plan"]["max_steps"] > END
    assert done.facts["tokens"] > before.facts["tokens"]
    assert done.content != before.content
    assert steps_of(run) == sorted(set(steps_of(run)))
    assert steps_of(run)[-1] > END
    # What was asked for at first is what is there: nothing is trained again.
    again = train.build(run, settings=SHORT, size="tiny")
    assert again.content == done.content


def test_more_time_that_is_interrupted_is_not_forgotten_and_not_given_twice(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train.build(run, settings=SHORT, size="tiny")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            train.build(run, settings=SHORT, size="tiny", more="2s")
    assert manifest.read(run / "model") is None
    planned = json.loads((run / "plan.json").read_text())
    assert planned["revised_at"] == END
    done = train.build(run, settings=SHORT, size="tiny")
    assert done.facts["plan"]["max_steps"] > END
    assert done.facts["plan"]["time_seconds"] == planned["time_seconds"]


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_more_time_is_for_a_training_that_is_there(run: Path) -> None:
    with pytest.raises(UnfinishedStageError, match="holds no training to go on with"):
        train.build(run, settings=SHORT, size="tiny", more="1s")
    train.build(run, settings=SHORT, size="tiny")
    other = dataclasses.replace(SHORT, mask_rate=0.2)
    with pytest.raises(OtherRunError, match="other settings"):
        train.build(run, settings=other, size="tiny", more="1s")


def test_at_every_checkpoint_there_is_a_model_to_use(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(loop, "stop_requested", lambda: _AfterSixSteps())
        with pytest.raises(TryAgainError, match="stopped after step 6 of 12"):
            train.build(run, settings=SHORT, size="tiny")
    assert manifest.read(run / "model") is None
    fill = pipeline("fill-mask", model=str(run / "model"))
    assert len(fill("Anna <mask> il libro.")) == 5
    assert "6 steps" in (run / "model" / "README.md").read_text()
    done = train.build(run, settings=SHORT, size="tiny")
    assert done.facts["plan"]["max_steps"] == END
    AutoModelForMaskedLM.from_pretrained(run / "model")


class _AfterSixSteps:
    """Asks to stop at the sixth time that somebody wants to know."""

    def __init__(self) -> None:
        self.asked = 0

    def __enter__(self) -> "_AfterSixSteps":
        return self

    def __exit__(self, *rest: object) -> None:
        return None

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked >= 6


def test_the_commands_take_a_run_to_its_end(finished: Path) -> None:
    more = filiberto("train", finished, "--more", "1s")
    assert more.returncode == 0, more.stderr
    assert manifest.read(finished / "report") is None
    resumed = filiberto("resume", finished)
    assert resumed.returncode == 0, resumed.stderr
    assert "model is finished" in resumed.stdout
    assert manifest.read(finished / "report") is not None
    done = filiberto("finish", finished, "--within", "20s")
    assert done.returncode == 0, done.stderr


def test_a_machine_that_only_trains_goes_on_too(finished: Path) -> None:
    for name in ("corpus", "report", "model"):
        shutil.rmtree(finished / name)
    done = filiberto("finish", finished, "--within", "5s")
    assert done.returncode == 0, done.stderr
    assert "no report" in done.stdout
    assert (finished / "model" / "config.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resume", "EMPTY"], "nothing has begun there"),
        (["finish", "RUN", "--within", "soon"], "is no duration"),
        (["finish", "RUN", "10m"], "and nothing more"),
        (["train", "RUN", "--more", "1h", "--force"], "keep one"),
    ],
)
def test_what_cannot_go_on_is_told(
    tmp_path: Path, mini_run: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"RUN": str(mini_run), "EMPTY": str(tmp_path / "empty")}
    done = filiberto(*(places.get(word, word) for word in arguments))
    assert done.returncode == 2
    assert message in done.stderr
