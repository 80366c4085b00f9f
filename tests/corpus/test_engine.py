import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.conftest import build, write

# One cluster for all that is asked of one: it takes half a minute to come up.
ON_RAY = """
import json, sys
from pathlib import Path
import ray
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
from filiberto import corpus
from filiberto.config import CorpusConfig
from filiberto.errors import UserError
run, text, damaged = sys.argv[1:]
settings = CorpusConfig(engine="ray")
made = corpus.build(Path(run), text=[text], settings=settings, language="it")
try:
    corpus.build(Path(run) / "damaged", text=[damaged], settings=settings)
except UserError as error:
    print(json.dumps([made.files, type(error).__name__, str(error)]))
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
def test_a_ray_cluster_of_two_workers_gives_the_same_bytes_and_names_a_damaged_file(
    run: Path, tmp_path: Path
):
    pytest.importorskip("ray")
    text = stories(tmp_path / "in")
    damaged = write(tmp_path / "rotto.txt.gz", ["una frase che non finisce"] * 100)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    (tmp_path / "other" / "damaged").mkdir(parents=True)
    printed = python(ON_RAY, tmp_path / "other", text, damaged)
    files, error, message = json.loads(printed.splitlines()[-1])
    assert files == build(run, text, language="it").files
    assert error == "BadDataError"
    assert "rotto.txt.gz" in message
