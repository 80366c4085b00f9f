import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.conftest import build, write

BUILD_ON_RAY = """
import json, sys
from pathlib import Path
import ray
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
from filiberto import corpus
from filiberto.config import CorpusConfig
run, text = sys.argv[1:]
made = corpus.build(Path(run), text=[text], settings=CorpusConfig(engine="ray"), language="it")
print(json.dumps(made.files))
"""
FAILING = """
import sys
from pathlib import Path
from filiberto import corpus
from filiberto.config import CorpusConfig
from filiberto.errors import UserError
try:
    corpus.build(Path(sys.argv[1]), text=[sys.argv[2]], settings=CorpusConfig(engine="ray"))
except UserError as error:
    print(type(error).__name__, error)
"""


def python(code: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout


def stories(folder: Path) -> Path:
    for name in "abcd":
        lines = [
            f"La storia {name}{i} comincia in un paese di {i * 7 + ord(name)} anime vicino al mare."
            for i in range(400)
        ]
        write(folder / f"{name}.txt", [*lines, "", lines[3]])
    return folder


@pytest.mark.slow
def test_a_ray_cluster_of_two_workers_gives_the_same_bytes(run: Path, tmp_path: Path):
    pytest.importorskip("ray")
    text = stories(tmp_path / "in")
    (tmp_path / "other").mkdir()
    printed = python(BUILD_ON_RAY, tmp_path / "other", text)
    here = build(run, text, language="it")
    assert printed.splitlines()[-1] == json.dumps(here.files)


@pytest.mark.slow
def test_on_ray_too_a_damaged_file_fails_by_name(run: Path, tmp_path: Path):
    pytest.importorskip("ray")
    broken = write(tmp_path / "rotto.txt.gz", ["una frase che non finisce"] * 100)
    broken.write_bytes(broken.read_bytes()[:-9])
    printed = python(FAILING, run, broken)
    (line,) = [line for line in printed.splitlines() if line.startswith("BadDataError")]
    assert "rotto.txt.gz" in line
