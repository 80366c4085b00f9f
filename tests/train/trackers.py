"""Packages that stand in for wandb and trackio: the same calls, and a file that says what came."""

import json
from pathlib import Path
from typing import Any

_BOTH = """\
import json, os
from pathlib import Path

LOG = Path(__file__).with_name("log.jsonl")

def told(what, **values):
    if os.environ.get("TRACKER_FAILS_AT") == what:
        raise OSError("no route\\nto the server")
    with LOG.open("a") as file:
        file.write(json.dumps({"what": what, **values}) + "\\n")

class Run:
    def __init__(self, id, offline=False):
        self.id, self.offline = id, offline
        self.url = None if offline else "https://tracker.test/filiberto/" + str(id)

    def log(self, values, step=None, commit=None):
        told("log", id=self.id, step=step, values=values)
        if self.offline:
            with (Path(self.dir).parent / "steps").open("a") as file:
                print(step, file=file)

    def finish(self):
        told("finish", id=self.id)
"""

_WANDB = """
class Settings:
    def __init__(self, **settings):
        self.silent = settings["silent"]

def setup(settings):
    assert settings.silent

def login(*, prompt=True, verify=True):
    assert not prompt and not verify
    return "WANDB_API_KEY" in os.environ

def init(*, project, name, id, resume, config, allow_val_change, dir, mode, settings):
    assert resume == "allow" and allow_val_change
    told("init", id=id, project=project, name=name, config=config)
    run = Run(id, offline=(mode or os.environ.get("WANDB_MODE")) == "offline")
    lines = [json.loads(line) for line in LOG.read_text().splitlines()]
    parts = sum(line["what"] == "init" for line in lines)
    run.dir = Path(dir, "wandb", f"{'offline-' * run.offline}run-{parts}-{id}", "files")
    run.dir.mkdir(parents=True)
    # Offline it knows of no step before, online its server does.
    run.step = 0
    if not run.offline:
        run.step = max((line["step"] + 1 for line in lines if line["what"] == "log"), default=0)
    return run
"""

_TRACKIO = """
def init(project, name, *, resume, config, embed, auto_log_gpu, auto_log_cpu):
    assert not (embed or auto_log_gpu or auto_log_cpu)
    told("init", project=project, name=name, config=config, resume=resume)
    return Run("of-its-own")
"""


def put_packages(folder: Path) -> None:
    """Write the two packages into a folder for `sys.path`."""
    for name, code in (("wandb", _WANDB), ("trackio", _TRACKIO)):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(_BOTH + code)


def came(folder: Path, name: str, what: str = "log") -> list[dict[str, Any]]:
    """What a package of the folder was told."""
    path = folder / name / "log.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [told for line in lines if (told := json.loads(line))["what"] == what]
