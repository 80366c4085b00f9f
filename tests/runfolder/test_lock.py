import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from filiberto.errors import OtherRunError, TryAgainError
from filiberto.runfolder import lock

# Owns the folder, says so, and holds it until its standard input ends.
OWNER = """
import sys
from pathlib import Path
from filiberto.errors import TryAgainError
from filiberto.runfolder import lock

try:
    with lock.own(Path(sys.argv[1])):
        print("mine", flush=True)
        sys.stdin.read()
except TryAgainError:
    print("refused", flush=True)
"""


def start(run: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OWNER, str(run)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextmanager
def another_owner(run: Path) -> Iterator[subprocess.Popen[str]]:
    with start(run) as process:
        assert answer(process) == "mine"
        try:
            yield process
        finally:
            process.kill()


def everything_in(folder: Path) -> dict[str, bytes | None]:
    return {
        str(entry.relative_to(folder)): entry.read_bytes() if entry.is_file() else None
        for entry in folder.rglob("*")
    }


def test_a_folder_in_use_is_refused_with_the_pid_of_its_owner(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with another_owner(run) as process:
        with (
            pytest.raises(TryAgainError, match=f"process {process.pid} on ") as caught,
            lock.own(run),
        ):
            pytest.fail("both own it")
        assert str(run) in caught.value.message
        assert caught.value.exit_code == 75
        assert process.poll() is None


def test_a_refused_owner_leaves_what_the_owner_is_writing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with another_owner(run):
        (run / ".tmp-model-1").write_bytes(b"half")
        with pytest.raises(TryAgainError), lock.own(run):
            pytest.fail("both own it")
        assert (run / ".tmp-model-1").read_bytes() == b"half"


def test_a_killed_owner_leaves_no_stale_lock(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with another_owner(run) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    assert str(process.pid) in (run / lock.LOCK).read_text()
    with lock.own(run):
        assert re.search(rf'"pid": {os.getpid()}\b', (run / lock.LOCK).read_text())


def test_of_owners_that_start_together_exactly_one_gets_the_folder(tmp_path: Path) -> None:
    for trial in range(20):
        processes = [start(tmp_path / f"run-{trial}") for _ in range(3)]
        answers = sorted(answer(process) for process in processes)
        for process in processes:
            process.communicate(timeout=10)
        assert answers == ["mine", "refused", "refused"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 3}', "null"])
def test_an_owner_that_cannot_be_read_is_another_process(tmp_path: Path, text: str) -> None:
    run = tmp_path / "run"
    with another_owner(run):
        (run / lock.LOCK).write_text(text)
        with pytest.raises(TryAgainError, match="in use by another process"), lock.own(run):
            pytest.fail("both own it")


def test_a_folder_is_free_again_when_the_block_ends_or_fails(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(ValueError, match="broken"), lock.own(run):
        raise ValueError("broken")
    with lock.own(run):
        pass
    with lock.own(run):
        pass


def test_the_new_owner_sweeps_what_the_last_one_left(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("seed = 3")
    (tmp_path / ".tmp-model-1").mkdir()
    (tmp_path / ".tmp-model-1" / "weights").write_bytes(b"half")
    with lock.own(tmp_path):
        assert everything_in(tmp_path).keys() == {"recipe.toml", lock.LOCK}


@pytest.mark.parametrize("other", ["thesis.txt", ".hidden", "corpus/train.parquet", "recipe.yaml"])
def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path, other: str) -> None:
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / other).write_text("years of work")
    (tmp_path / ".tmp-mine").write_text("not filiberto's")
    before = everything_in(tmp_path)
    with pytest.raises(OtherRunError, match="is no run of filiberto") as caught, lock.own(tmp_path):
        pytest.fail("owned")
    assert str(tmp_path) in caught.value.message
    assert everything_in(tmp_path) == before


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OtherRunError, match="run"), lock.own(tmp_path / "run"):
        pytest.fail("owned")
    assert (tmp_path / "run").read_text() == "a file"


@pytest.mark.parametrize("held", [(), (lock.LOCK,), (lock.LOCK, ".tmp-recipe.toml-1")])
def test_an_empty_folder_or_the_rest_of_a_killed_start_is_fine(
    tmp_path: Path, held: tuple[str, ...]
) -> None:
    for name in held:
        (tmp_path / name).write_text("")
    with lock.own(tmp_path):
        assert everything_in(tmp_path).keys() == {lock.LOCK}


def test_a_run_folder_is_fine_whatever_else_it_holds(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("seed = 3")
    (tmp_path / "notes.md").write_text("my notes")
    with lock.own(tmp_path):
        assert (tmp_path / "notes.md").read_text() == "my notes"


def test_a_copy_of_a_finished_stage_is_a_run_folder(tmp_path: Path) -> None:
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "manifest.json").write_text("{}")
    with lock.own(tmp_path):
        assert (tmp_path / lock.LOCK).is_file()


def test_a_folder_that_is_not_there_is_made_with_its_parents(tmp_path: Path) -> None:
    with lock.own(tmp_path / "runs" / "it"):
        assert (tmp_path / "runs" / "it").is_dir()
