"""Other models, by path and from a Hub on this machine."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from filiberto.errors import UnfinishedStageError, UsageError
from filiberto.evaluate.elsewhere import folder_of, name_of, names_of
from tests.conftest import filiberto
from tests.hub_server import Hub, running


@pytest.fixture
def hub(mini_run: Path) -> Iterator[Hub]:
    files = {path.name: path.read_bytes() for path in (mini_run / "model").iterdir()}
    traps = {
        "pytorch_model.bin": b"trap",
        "modeling_small.py": b"trap",
        "training_args.bin": b"trap",
    }
    with running(Hub(models={"me/small": files | traps})) as found:
        yield found


def test_a_model_of_the_hub_is_measured_beside_and_only_what_is_safe_is_fetched(
    hub: Hub, mini_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(mini_run, run)
    env = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HOME": str(tmp_path / "home")}
    done = filiberto("evaluate", run, "--against", "me/small", env=env)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((run / "report" / "metrics.json").read_text())
    (other,) = metrics["against"]
    assert other["name"] == "me/small"
    assert other["bits_per_byte"] == metrics["bits_per_byte"]  # it is the same model
    assert f"against me/small: {other['bits_per_byte']:.3f} bits per byte" in done.stdout
    asked = {path for _, path, *_ in hub.requests}
    assert any("model.safetensors" in path for path in asked)
    assert len([path for _, path, *_ in hub.requests if "/revision/" in path]) == 1
    assert not [path for path in asked if path.endswith((".bin", ".py"))]
    assert hub.token not in "".join(p.read_text() for p in (run / "report").iterdir())
    again = filiberto("evaluate", run, "--against", "nobody/nothing", env=env)
    assert again.returncode == 2
    assert "127.0.0.1 has no model nobody/nothing, or it is private" in again.stderr


def test_a_model_without_a_run_is_measured_on_text_that_is_named(
    mini_run: Path, text_file: Path, tmp_path: Path
) -> None:
    model, out = tmp_path / "bert-of-others", tmp_path / "reports" / "others"
    shutil.copytree(mini_run / "model", model)
    out.parent.mkdir()
    recipe = tmp_path / "alike.toml"  # lines that are all alike must stay
    recipe.write_text('[corpus]\nskip_rules = ["near_duplicate"]\n')
    asked = ("--text", text_file, "--language", "it", "--recipe", recipe)
    done = filiberto("evaluate", model, "--out", out, *asked, "--against", mini_run)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((out / "report" / "metrics.json").read_text())
    assert metrics["name"] == "bert-of-others"
    assert metrics["bits_per_byte"] == metrics["against"][0]["bits_per_byte"]  # the same weights
    assert not {"validation_loss", "before", "by_frequency"} & set(metrics)
    # No training has set text apart: all of it counts, up to the bytes asked for.
    funnel = json.loads((out / "corpus" / "report.json").read_text())
    kept = [funnel["funnel"][split]["documents"] for split in ("train", "validation")]
    assert min(kept) > 0
    assert metrics["evaluated_documents"] == sum(kept)
    page = (out / "report" / "report.html").read_text()
    assert "bert-of-others" in page
    assert "to train on" not in page
    assert "likeness in training" not in page
    assert str(tmp_path) not in page
    # The folder remembers which model it is about.
    again = filiberto("evaluate", out)
    assert again.returncode == 0, again.stderr
    assert done.stdout.endswith(again.stdout[-400:])


def test_text_of_a_run_is_not_changed_by_a_report(
    mini_run: Path, text_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(mini_run, run)
    other = filiberto("evaluate", run, "--text", text_file)
    assert other.returncode == 2
    assert "--out reports/NAME" in other.stderr
    without = filiberto("evaluate", run / "model", "--out", tmp_path / "x")
    assert without.returncode == 2
    assert "--text FILES" in without.stderr
    missing = filiberto("evaluate", tmp_path / "none", "--out", tmp_path / "x", "--text", text_file)
    assert missing.returncode == 2
    assert "no such folder" in missing.stderr
    assert not (tmp_path / "x" / "corpus").exists()


def test_a_report_that_is_refused_leaves_the_run_as_it_was(
    mini_run: Path, hub: Hub, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(mini_run, run)
    recipe = run / "recipe.toml"
    recipe.write_text('language = "it"\n[evaluate]\nmax_bytes = 5000\n')
    before = recipe.read_bytes()
    env = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "home")}
    for flags, code, told in (
        (("--language", "te"), 2, "is a run of the language it, not te"),
        (("--treebank", "nowhere"), 2, "nowhere: no such folder"),
        (("--against", "me/none"), 75, "me/none: there is no such folder, and 127.0.0.1"),
        (("--benchmarks",), 75, "cannot be reached"),
    ):
        done = filiberto("evaluate", run, *flags, env=env)
        assert done.returncode == code, done.stderr
        assert told in done.stderr
        assert recipe.read_bytes() == before
    for folder in ("none", "empty"):
        if folder == "empty":
            (tmp_path / folder).mkdir()
        assert filiberto("evaluate", tmp_path / folder).returncode == 2
        assert not (tmp_path / folder / "recipe.toml").exists()


def test_paths_and_names_are_told_apart(mini_run: Path, tmp_path: Path) -> None:
    assert folder_of(str(mini_run)) == mini_run / "model"
    assert folder_of(str(mini_run / "model")) == mini_run / "model"
    assert name_of(str(mini_run)) == name_of(str(mini_run / "model")) == "mini"
    assert name_of("FacebookAI/xlm-roberta-base") == "FacebookAI/xlm-roberta-base"
    with pytest.raises(UnfinishedStageError, match="holds no trained model"):
        folder_of(str(tmp_path))


def test_models_of_one_name_are_told_apart_by_more_of_their_paths(tmp_path: Path) -> None:
    places = ["new/it", "old/it", "old/te", "older/old/it/model"]
    for place in places:
        (tmp_path / place).mkdir(parents=True)
    paths = [str(tmp_path / place) for place in places]
    assert names_of([*paths, "me/it"]) == ["it", "old/it", "te", "older/old/it", "me/it"]
    assert names_of([*paths[:2], "old/it"]) == ["it", "old/it", "old/it of the Hub"]
    with pytest.raises(UsageError, match="is named twice"):
        names_of([paths[0], "me/it", paths[0]])
    (tmp_path / "latest").symlink_to(paths[0])  # a link is called as it was written
    assert names_of([paths[0], str(tmp_path / "latest")]) == ["it", "latest"]
    assert names_of([str(tmp_path / "old/te/../it")]) == ["it"]
    for path in paths:
        assert name_of(path) in ("it", "te")


def test_no_such_folder_is_said_of_what_looks_like_a_path() -> None:
    for name in ("./runs/none", "/none", "runs/none/model"):
        with pytest.raises(UsageError, match="no such folder"):
            folder_of(name)
