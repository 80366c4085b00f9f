import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
# What an example that takes no words leaves behind, in the folder that it is run in. `bert.py`,
# which reads a model, has a test file of its own.
LEAVES = {
    "article.py": ["runs/article/by-hand", "runs/article/model"],
    "road.py": ["runs/cells/model"],
}

# All in one process, for importing transformers takes longer than an example does.
ONE_BY_ONE = """
import os, runpy, sys
for example, folder in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    os.chdir(folder)
    runpy.run_path(example, run_name="__main__")
"""


@pytest.mark.slow
def test_examples_run_from_empty_folders(tmp_path: Path) -> None:
    words = []
    for example in EXAMPLES:
        if example.name in LEAVES:
            folder = tmp_path / example.stem
            folder.mkdir()
            words += [str(example), str(folder)]
    done = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name, models in LEAVES.items():
        for model in models:
            assert (tmp_path / Path(name).stem / model / "model.safetensors").is_file()


def test_every_example_is_tried_by_some_test() -> None:
    assert {example.name for example in EXAMPLES} == {*LEAVES, "bert.py"}
