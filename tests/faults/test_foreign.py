"""A folder from anywhere: nothing in it is ever executed (P19)."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import with_site_code

# In every process: what would let code out of a file is written down, whoever does it.
WATCH = """\
import os, sys

def watch(event, arguments):
    unpickled = event == "pickle.find_class"
    imported = event == "import" and "evil" in str(arguments[0])
    started = event in ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")
    if unpickled or imported or started:
        file = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{event} {arguments}\\n".encode())
        os.close(file)

sys.addaudithook(watch)
"""

COMMANDS = {
    "fill": ("fill", "foreign", "Anna <mask> il libro."),
    "go on from it": ("tokenizer", "run", "--init-from", "foreign"),
}


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, (f"open({str(self.mark)!r}, 'w')",)


@pytest.fixture
def place(tmp_path: Path, mini_run: Path) -> Path:
    """A model's folder whose every other file is after its reader."""
    folder = tmp_path / "foreign"
    shutil.copytree(mini_run / "model", folder)
    (folder / "manifest.json").unlink()
    bomb = pickle.dumps(Bomb(tmp_path / "mark"))
    names = ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "scheduler.pkl", "rng.pth")
    for name in names:
        (folder / name).write_bytes(bomb)
    (folder / "modeling_evil.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')\n")
    (folder / "tokenization_evil.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')\n")
    evil = {name: f"modeling_evil.{name}" for name in ("AutoConfig", "AutoModelForMaskedLM")}
    merge(folder / "config.json", auto_map=evil)
    merge(
        folder / "tokenizer_config.json",
        auto_map={"AutoTokenizer": ["tokenization_evil.Evil", "tokenization_evil.Evil"]},
    )
    run = tmp_path / "run"
    run.mkdir()
    shutil.copytree(mini_run / "corpus", run / "corpus")
    (tmp_path / "site").mkdir()
    return tmp_path


def merge(path: Path, **more: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


def filiberto(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **with_site_code(place / "site", WATCH), "WATCH_LOG": str(place / "log")}
    return subprocess.run(
        [sys.executable, "-m", "filiberto", *arguments],
        cwd=place,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_nothing_ran(place: Path) -> None:
    assert not (place / "mark").exists()
    assert not (place / "log").exists(), (place / "log").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_full_of_traps_is_read_and_none_goes_off(place: Path, command: str) -> None:
    done = filiberto(place, *COMMANDS[command])
    assert done.returncode == 0, done.stderr
    assert_nothing_ran(place)


@pytest.mark.parametrize("command", COMMANDS)
def test_without_safetensors_it_is_refused_and_not_unpickled(place: Path, command: str) -> None:
    (place / "foreign" / "model.safetensors").unlink()
    done = filiberto(place, *COMMANDS[command])
    assert done.returncode == 74
    assert "model.safetensors" in done.stderr
    assert_nothing_ran(place)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_model_that_brings_its_own_code_is_refused_at_once(place: Path, command: str) -> None:
    merge(place / "foreign" / "config.json", model_type="evil")
    done = filiberto(place, *COMMANDS[command])
    assert done.returncode == 74
    assert "a model of type 'evil'" in done.stderr
    assert_nothing_ran(place)


def test_the_watch_sees_what_it_is_for(place: Path) -> None:
    code = "import pickle, sys; pickle.load(open('foreign/optimizer.pt', 'rb'))"
    env = {**os.environ, **with_site_code(place / "site", WATCH), "WATCH_LOG": str(place / "log")}
    subprocess.run([sys.executable, "-c", code], cwd=place, env=env, check=True)
    assert "pickle.find_class" in (place / "log").read_text()
    assert (place / "mark").exists()
