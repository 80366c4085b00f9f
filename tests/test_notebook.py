"""The notebook and the SkyPilot file do at miniature size what they do at full."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from filiberto import cli
from tests.test_docs import commands_in, flags_of

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "notebooks" / "your_language.ipynb"
TASK = ROOT / "examples" / "skypilot.yaml"
MINIATURE = """\
--size tiny --tokenizer.vocab-size 600 --train.row-length 64 --train.batch-tokens 512 \
--train.max-steps 12 --evaluate.max-bytes 5000 --evaluate.likelihood-words 20 \
--corpus.skip-rules near_duplicate leak wrong_language"""


def code_cells() -> list[nbformat.NotebookNode]:
    found = nbformat.read(NOTEBOOK, as_version=4)
    return [cell for cell in found.cells if cell.cell_type == "code"]


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is found as on a machine where it is installed."""
    bin_folder = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")


def test_the_notebook_is_stored_without_what_it_printed() -> None:
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells())


def test_commands_and_flags_of_the_notebook_exist() -> None:
    found = []
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        lines = re.sub(r"^(\s*)!", r"\1    ", cell.source, flags=re.MULTILINE)
        found += commands_in(lines.replace("`!", "`").replace("{", "").replace("}", ""))
    names = ["doctor", "languages", "plan", "run", "resume", "look", "look"]
    assert [command for command, *_ in found] == [
        *names,
        *("train", "evaluate", "prompts", "tune", "publish"),
    ]
    for command, *words in found:
        assert command in cli._ALL
        flags = {word for word in words if word.startswith("--")}
        assert not flags or flags <= flags_of(command)


@pytest.mark.slow
@pytest.mark.usefixtures("path")
def test_the_notebook_runs_from_an_empty_folder(tmp_path: Path, text_file: Path) -> None:
    found = nbformat.read(NOTEBOOK, as_version=4)
    for cell in found.cells:
        tags = cell.metadata.get("tags", [])
        if "parameters" in tags:
            mine = {
                "PACKAGE": "",
                "LANGUAGE": "Haitian Creole",
                "TEXT": f"--text {text_file}",
                "END": MINIATURE,
                "BACKUP": str(tmp_path / "my drive"),
                "RUN": "runs/mine",
            }
            assert re.findall(r"^(\w+) = ", cell.source, flags=re.MULTILINE) == list(mine)
            cell.source = "\n".join(f"{name} = {value!r}" for name, value in mine.items())
        elif "install" in tags:
            cell.source = ""
    NotebookClient(found, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    told = {
        cell.source: "".join(o.get("text", "") for o in cell.outputs)
        for cell in found.cells
        if cell.cell_type == "code"
    }
    refused = re.compile(r"^filiberto \w+: ", flags=re.MULTILINE)
    assert not [text for text in told.values() if refused.search(text)]
    assert (tmp_path / "my drive" / "model" / "model.safetensors").is_file()
    guesses = next(text for source, text in told.items() if "fill(sentence)" in source)
    assert guesses.count("%") == 5
    published = next(text for source, text in told.items() if "publish" in source)
    assert "--dry-run: nothing was sent" in published
    # A bar that moves would fill the notebook with its signs.
    assert "\x1b[2K" not in "".join(told.values())


@pytest.mark.slow
def test_the_rented_machine_goes_on_where_the_one_before_vanished(
    tmp_path: Path, text_file: Path, path: None
) -> None:
    task = yaml.safe_load(TASK.read_text(encoding="utf-8"))
    assert set(task["envs"]) == {"NAME", "TEXT", "END"}
    (mount,) = task["file_mounts"]
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    script = task["run"].replace(f"{mount}/", f"{bucket}/")
    assert mount not in script.replace(str(bucket), "")
    end = f"{MINIATURE} --train.checkpoint-steps 6"
    mine = {"NAME": "it", "TEXT": f"--language it --text {text_file}", "END": end}

    def machine(name: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / name
        folder.mkdir()
        return subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env={**os.environ, **mine},
            capture_output=True,
            text=True,
            check=False,
        )

    first = machine("first")
    assert first.returncode == 0, first.stderr
    weights = (bucket / "it" / "model" / "model.safetensors").read_bytes()
    # As it was when the first machine vanished, half way.
    for made in ("model", "report", "checkpoints/step-00000012"):
        shutil.rmtree(bucket / "it" / made)
    second = machine("second")
    assert second.returncode == 0, second.stderr
    assert "going on after step 6 of 12" in second.stdout
    assert (bucket / "it" / "model" / "model.safetensors").read_bytes() == weights


def test_the_commands_of_the_rented_machine_exist() -> None:
    task = yaml.safe_load(TASK.read_text(encoding="utf-8"))
    lines = "\n".join(f"    {line}" for line in task["run"].splitlines())
    found = commands_in(lines)
    assert [command for command, *_ in found] == ["resume", "run"]
    for command, *words in found:
        words += task["envs"]["TEXT"].split() + task["envs"]["END"].split()
        flags = {word for word in words if word.startswith("--")}
        assert flags <= flags_of("run") | flags_of(command)
