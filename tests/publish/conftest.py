"""A finished run that knows where it was made, a Hub on this machine, and the command."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from filiberto import cli
from filiberto.evaluate.kept import digest_of
from filiberto.publish.page import RUNTIME
from tests.conftest import filiberto
from tests.hub_server import Hub, running

CANARY = "/home/anna/segreti"
RECIPE = f"""\
text = ["{CANARY}/testi/it", "~/altri/*.txt"]
language = "it"
size = "tiny"
price_per_hour = 2.5
backup = "hub:anna/copia"

[train]
row_length = 64
batch_tokens = 512
max_steps = 40

[evaluate]
treebank = "{CANARY}/UD_Italian-ParTUT"
"""

# The client of the Hub warns of its own calls.
QUIET_CLIENT = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

Published = tuple[Hub, Path, str]
Publish = Callable[..., tuple[int, str]]


@pytest.fixture(scope="session")
def finished(mini_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a recipe and what was exported; tests must not change it."""
    run = Path(shutil.copytree(mini_run, tmp_path_factory.mktemp("segreti") / "it"))
    (run / "recipe.toml").write_text(RECIPE)
    (run / "export" / "onnx").mkdir(parents=True)
    for name in ("model.onnx", "model_quantized.onnx", "modeling.py"):
        (run / "export" / "onnx" / name).write_text("{}")
    facts = {"model": digest_of(run / "model")}
    (run / "export" / "export.json").write_text(json.dumps(facts))
    return run


@pytest.fixture(scope="session")
def published(finished: Path) -> Iterator[Published]:
    """A Hub to which a process of its own has published the run, the run, and what it said."""
    with running(Hub()) as hub:
        asked = ("publish", finished, "--to", "me/it", "--license", "mit")
        done = filiberto(*asked, env=environment(hub, finished.parent))
        assert done.returncode == 0, done.stderr
        yield hub, finished, done.stdout + done.stderr


def environment(hub: Hub, folder: Path) -> dict[str, str]:
    """Of a process that knows the Hub of the test."""
    home = {"HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1"}
    return {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, **home}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty Hub that this process knows; nobody waits between two attempts."""
    with running(Hub()) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
        monkeypatch.setenv("HF_TOKEN", server.token)
        yield server


@pytest.fixture
def publish(capsys: pytest.CaptureFixture[str]) -> Publish:
    """The command in this process: its exit code, and all that it says."""

    def command(run: Path, *flags: str, to: str = "me/it") -> tuple[int, str]:
        code = cli.run_command(["publish", str(run), "--to", to, *flags])
        return code, "".join(capsys.readouterr())

    return command


@pytest.fixture
def with_page(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, tuple[str, ...]]:
    """A run whose export has all that the page takes, and the flags for a Space of it."""
    run = Path(shutil.copytree(finished, tmp_path / "it"))
    monkeypatch.setattr("filiberto.publish.onnx.export", lambda run: pytest.fail("made again"))
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copyfile(run / "model" / name, run / "export" / name)
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    for name in (name for names in RUNTIME.values() for name in names):
        (runtime / name).write_text(name)
    return run, ("--space", "--runtime", str(runtime), "--license", "mit")
