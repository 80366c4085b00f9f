"""The command line, run in this process, in an empty folder."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from filiberto import cli
from filiberto.arguments import COMMANDS
from filiberto.config import RECIPE_FILE
from filiberto.runfolder import lock
from tests.conftest import italian_lines


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


ALL_COMMANDS = [*COMMANDS, "fill", "prompts", "look", "publish", "languages", "recipes"]

Command = Callable[..., Outcome]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Outcome:
        try:
            code = cli.run_command(list(arguments))
        except SystemExit as error:  # tyro's own way out, for --help and unknown flags
            code = int(error.code or 0)
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def text(tmp_path: Path) -> str:
    (tmp_path / "frasi.txt").write_text("\n".join(italian_lines(50)), encoding="utf-8")
    return "frasi.txt"


def everything_in(folder: Path) -> dict[str, bytes]:
    """The bytes of all files but the lock, which says since when its owner has it."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != lock.LOCK
    }


def recipe_in(run: str) -> dict:
    return tomllib.loads((Path(run) / RECIPE_FILE).read_text(encoding="utf-8"))
