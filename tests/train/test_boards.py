"""Trackers beside a training: what they get, once each, and what they cannot do to it."""

import dataclasses
import json
import shutil
import sqlite3
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from filiberto import cli, train
from filiberto.config import Tracker
from filiberto.errors import UsageError
from filiberto.train import boards, loop
from filiberto.train.checkpoint import State
from filiberto.train.distributed import Ranks
from filiberto.train.records import METRICS, TIMINGS, read_lines
from tests.conftest import filiberto
from tests.train.conftest import SHORT, job_of
from tests.train.test_train import stop_at
from tests.train.trackers import came, put_packages

BOTH: tuple[Tracker, ...] = ("wandb", "trackio")
FLAGS = (
    *("--size", "tiny", "--train.row-length", "64", "--train.batch-tokens", "512"),
    *("--train.peak-lr", "3e-3", "--train.log-steps", "2", "--train.max-steps", "8"),
    *("--train.device", "cpu"),
)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path with packages that stand in for the trackers."""
    folder = tmp_path / "packages"
    put_packages(folder)
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in BOTH:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in BOTH:
        sys.modules.pop(name, None)


def build(run: Path, *trackers: Tracker, **more: Any) -> None:
    train.build(run, settings=SHORT, size="tiny", trackers=trackers, **more)


def killed_at(step: int, run: Path, *trackers: Tracker) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            build(run, *trackers)


def written(run: Path) -> dict[int, dict[str, float]]:
    """What the run folder has of each step."""
    steps: dict[int, dict[str, float]] = {}
    for line in (*read_lines(run / METRICS), *read_lines(run / TIMINGS)):
        steps.setdefault(line.pop("step"), {}).update(line)
    return dict(sorted(steps.items()))


def test_trackers_get_every_value_under_its_name_and_step(run: Path, packages: Path) -> None:
    build(run, *BOTH)
    for name in BOTH:
        assert {told["step"]: told["values"] for told in came(packages, name)} == written(run)
        (begun,) = came(packages, name, "init")
        assert (begun["project"], begun["name"]) == ("filiberto", "run")
        assert begun["config"] == json.loads((run / "plan.json").read_text())
        assert len(came(packages, name, "finish")) == 1
    last = written(run)[SHORT.max_steps]
    assert {"loss", "validation_loss", "validation_bits_per_byte", "mfu"} <= set(last)


@pytest.mark.parametrize("name", BOTH)
def test_a_step_that_is_taken_again_is_told_once_and_the_run_is_the_same(
    run: Path, packages: Path, name: Tracker
) -> None:
    killed_at(3, run, name)  # before its first line, and its first checkpoint but one
    killed_at(7, run, name)  # step 6 is told, and its checkpoint is that of step 4
    build(run, name)
    build(run, name, more="1s")
    told = came(packages, name)
    assert [one["step"] for one in told] == sorted(written(run))
    assert len({one["id"] for one in told}) == 1
    assert told[-1]["step"] > SHORT.max_steps
    configs = [one["config"]["max_steps"] for one in came(packages, name, "init")]
    assert configs[:3] == [SHORT.max_steps] * 3
    assert configs[3] > SHORT.max_steps


def test_what_a_kill_leaves_of_an_offline_run_is_written_again(
    run: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at(5, run, "wandb")  # which ends well
    with monkeypatch.context() as patch:
        patch.setattr(boards._WandB, "close", lambda _: None)
        killed_at(9, run, "wandb")  # which does not
    build(run, "wandb")
    parts = sorted((run / "wandb").glob("offline-run-*"))
    steps = [[int(step) for step in (part / "steps").read_text().split()] for part in parts]
    assert len(parts) == 2
    assert steps[0] + steps[1] == sorted(written(run))


def test_online_the_server_says_which_steps_it_has(
    run: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at(5, run, "wandb")
    offline = len(came(packages, "wandb"))
    (packages / "wandb" / "log.jsonl").unlink()  # never uploaded
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    killed_at(7, run, "wandb")
    build(run, "wandb")
    assert offline > 0
    assert [told["step"] for told in came(packages, "wandb")] == sorted(written(run))


def test_a_tracker_may_come_late_and_stay_away_for_a_while(run: Path, packages: Path) -> None:
    killed_at(5, run)
    killed_at(7, run, "trackio")
    build(run)
    build(run, "trackio", more="1s")
    assert [told["step"] for told in came(packages, "trackio")] == sorted(written(run))


def test_a_copy_of_the_checkpoints_goes_on_in_the_same_run(
    run: Path, packages: Path, tmp_path: Path
) -> None:
    killed_at(7, run, "wandb")
    other = tmp_path / "other"
    for name in ("tokens", "tokenizer", "checkpoints"):
        shutil.copytree(run / name, other / name)
    build(other, "wandb")
    told = came(packages, "wandb")
    assert [one["step"] for one in told] == [2, 3, 4, 6, 8, 9, 10, 12]
    assert len({one["id"] for one in told}) == 1


def test_a_training_that_begins_again_is_another_run(run: Path, packages: Path) -> None:
    for _ in range(2):
        build(run, *BOTH, force=True)
    for name in BOTH:
        assert len({told["id"] for told in came(packages, name)}) == 2
    assert [told["resume"] for told in came(packages, "trackio", "init")] == ["never", "never"]


@pytest.mark.parametrize("moment", ["init", "log", "finish"])
def test_a_tracker_that_fails_is_told_of_once_and_stops_nothing(
    run: Path,
    packages: Path,
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TRACKER_FAILS_AT", moment)
    build(run, "trackio")
    assert (run / "model" / "manifest.json").is_file()
    told = [line for line in capsys.readouterr().out.splitlines() if "trackio" in line]
    assert told == ["trackio: OSError: no route to the server; the training goes on without it"]


def test_a_tracker_that_hangs_holds_nothing_up(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = threading.Event()
    monkeypatch.setattr(boards, "require", lambda trackers: None)
    monkeypatch.setattr(boards, "_END_SECONDS", 0.0)
    monkeypatch.setitem(boards._TRACKERS, "wandb", lambda *_: server.wait() and Mock())
    build(run, "wandb")
    server.set()
    for thread in threading.enumerate():
        if thread.name == "wandb":
            thread.join()
    assert (run / "model" / "manifest.json").is_file()
    assert "wandb: it does not come to an end; the training goes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (None, "wandb: offline; upload it later: wandb sync {run}/wandb/offline-run-*"),
        ("k" * 40, "wandb: https://tracker.test/filiberto/"),
    ],
)
def test_without_a_login_wandb_is_offline_and_says_what_uploads_it(
    run: Path,
    packages: Path,
    key: str | None,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if key:
        monkeypatch.setenv("WANDB_API_KEY", key)
    build(run, "wandb")
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("wandb")]
    assert len(told) == 1
    assert told[0].startswith(line.format(run=run.resolve()))


def test_without_a_flag_no_tracker_is_imported(run: Path, packages: Path) -> None:
    build(run)
    assert not set(BOTH) & set(sys.modules)
    assert not any(came(packages, name, "init") for name in BOTH)
    assert not list((run / "checkpoints").glob("*.json"))
    assert not (run / "wandb").exists()


def test_only_the_process_that_writes_tells_trackers(run: Path, packages: Path) -> None:
    second = dataclasses.replace(job_of(run, SHORT), ranks=Ranks(1, 2))
    state = State(step=0, fingerprint="mine")
    with loop._records(second, run, state, BOTH) as records:
        assert records is None
    assert not any(came(packages, name, "init") for name in BOTH)


@pytest.mark.parametrize("name", BOTH)
def test_a_tracker_that_is_not_installed_is_refused_before_anything_begins(
    tmp_path: Path, name: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=f"--{name} needs the package {name}") as caught:
        build(tmp_path / "run", name)
    assert caught.value.hint is not None
    assert f'pip install "filiberto[{name}]"' in caught.value.hint
    assert not (tmp_path / "run").exists()


def test_a_folder_that_wandb_has_left_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wandb").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    with pytest.raises(UsageError, match="not installed"):
        boards.require(["wandb"])


def test_the_flags_are_kept_for_a_resume_and_can_be_taken_back(run: Path, packages: Path) -> None:
    commands = (
        ["train", str(run), *FLAGS, "--trackio"],
        ["resume", str(run)],
        ["train", str(run), "--no-trackio"],
    )
    begun = []
    for command in commands:
        shutil.rmtree(run / "model", ignore_errors=True)
        assert cli.run_command(command) == 0
        begun.append(len(came(packages, "trackio", "init")))
    assert begun == [1, 2, 2]
    assert [told["step"] for told in came(packages, "trackio")] == sorted(written(run))


@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")
def test_the_real_wandb_offline(run: Path, tmp_path: Path) -> None:
    environment = {"WANDB_MODE": "offline", "HOME": str(tmp_path)}
    done = filiberto("train", run, *FLAGS, "--wandb", env=environment)
    assert done.returncode == 0, done.stderr
    assert "goes on without it" not in done.stdout
    assert f"wandb sync {run.resolve()}/wandb/offline-run-*" in done.stdout
    (file,) = (run / "wandb").glob("offline-run-*/*.wandb")
    kept = file.read_bytes()
    assert all(name.encode() in kept for values in written(run).values() for name in values)
    assert json.loads((run / "checkpoints" / "wandb.json").read_text())["step"] == 8


@pytest.mark.skipif(find_spec("trackio") is None, reason="trackio is not installed")
def test_the_real_trackio(run: Path, tmp_path: Path) -> None:
    environment = {"TRACKIO_DIR": str(tmp_path / "trackio"), "HOME": str(tmp_path)}
    for more in ((), ("--more", "1s")):
        done = filiberto("train", run, *FLAGS, "--trackio", *more, env=environment)
        assert done.returncode == 0, done.stderr
        assert "goes on without it" not in done.stdout
    (file,) = (tmp_path / "trackio").glob("*.db")
    rows = sqlite3.connect(file).execute("SELECT run_id, step, metrics FROM metrics").fetchall()
    assert {step: json.loads(values) for _, step, values in rows} == written(run)
    assert len(rows) == len(written(run))
    assert len({run_id for run_id, _, _ in rows}) == 1
