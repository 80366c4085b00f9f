"""Help, exit codes, and how errors read."""

import re
from pathlib import Path

import pytest

from filiberto import __version__
from filiberto.arguments import COMMANDS
from filiberto.errors import UsageError
from tests.cli.conftest import ALL_COMMANDS, Command
from tests.conftest import filiberto


def test_debug_raises_what_is_told_otherwise(command: Command) -> None:
    with pytest.raises(UsageError, match="no such command"):
        command("trian", "--debug")


def test_only_debug_shows_a_traceback(tmp_path: Path) -> None:
    plain = filiberto("tokens", "it", cwd=tmp_path)
    debug = filiberto("tokens", "it", "--debug", cwd=tmp_path)
    assert plain.returncode == 2
    assert plain.stdout == ""
    assert plain.stderr == (
        "filiberto tokens: it/corpus is unfinished\n  hint: run it first: filiberto corpus it\n"
    )
    assert debug.returncode != 0
    assert "Traceback (most recent call last)" in debug.stderr
    assert "UnfinishedStageError" in debug.stderr


def test_the_exit_code_is_that_of_the_error(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = filiberto("corpus", ".", "--text", "thesis.txt", cwd=tmp_path)
    assert refused.returncode == 73
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_help_lists_every_command(command: Command, arguments: tuple[str, ...]) -> None:
    outcome = command(*arguments)
    assert outcome.code == 0
    assert outcome.err == ""
    for name in ALL_COMMANDS:
        assert f"filiberto {name}" in outcome.out


def test_help_fits_a_terminal_of_a_hundred_columns(command: Command) -> None:
    assert max(map(len, command("--help").out.splitlines())) <= 100


@pytest.mark.parametrize("name", [*COMMANDS, "fill", "prompts", "look", "publish", "languages"])
def test_every_command_has_help(command: Command, name: str) -> None:
    outcome = command(name, "--help")
    assert outcome.code == 0
    assert f"usage: filiberto {name}" in outcome.out
    assert not Path("runs").exists()


@pytest.mark.parametrize("flag", ["--help", "--help-all"])
def test_help_tells_the_default_of_a_setting_with_a_short_flag(
    command: Command, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # or it stands in columns
    told = " ".join(command("run", flag).out.split())
    for name, value in (("train.architecture", "modernbert"), ("corpus.text-field", "text")):
        assert f"Short for --{name} (default: {value})." in told


@pytest.mark.parametrize(
    "name",
    [
        *COMMANDS,
        "fill",
        "prompts",
        "look",
        "publish",
        "export",
        "serve",
        "tune",
        "resume",
        "finish",
    ],
)
def test_help_names_a_flag_once_and_no_default_that_is_none(command: Command, name: str) -> None:
    told = command(name, "--help").out
    assert "None" not in told
    flags = re.findall(r"^[│ ] (--[\w.-]+)", told, flags=re.MULTILINE)
    assert flags
    settings = [flag.rpartition(".")[2].lstrip("-") for flag in flags]
    assert len(settings) == len(set(settings))


def test_the_version_is_printed(command: Command) -> None:
    assert command("--version") == (0, f"{__version__}\n", "")


def test_the_shipped_recipes_are_listed_and_the_prompts_are_not(command: Command) -> None:
    outcome = command("recipes")
    assert outcome.code == 0
    for name in ("demo", "filiberto-it"):
        assert f"\n{name} " in f"\n{outcome.out}"
    assert "prompts" not in outcome.out


def test_ctrl_c_is_no_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("filiberto.tokens.run", interrupted)
    outcome = command("tokens", "it")
    assert outcome.code == 75
    assert "stopped" in outcome.err


def test_a_bug_keeps_its_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("filiberto.tokens.run", broken)
    with pytest.raises(ZeroDivisionError):
        command("tokens", "it")


def test_a_full_disk_is_no_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "it/corpus/train-00000.parquet")

    monkeypatch.setattr("filiberto.corpus.run", full)
    outcome = command("corpus", "it", "--text", "frasi.txt")
    assert outcome.code == 74
    assert "No space left on device" in outcome.err
