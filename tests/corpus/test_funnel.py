from pathlib import Path

import pytest

from filiberto import corpus
from filiberto.config import CorpusConfig, Recipe
from filiberto.corpus import funnel
from tests.corpus.conftest import LINES, build, write


def test_the_funnel_is_shown(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "a.txt", [*LINES, "uno", ""])
    recipe = Recipe(
        text=(str(tmp_path / "a.txt"),), corpus=CorpusConfig(documents="line", skip_rules=("leak",))
    )
    corpus.run(recipe, run, force=False)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        ["records", "MB", "%"],
        ["read", "8", "100.0"],
        ["-", "empty", "1", "12.5"],
        ["-", "duplicate", "1", "0.0", "12.5"],
        ["kept", "6", "0.0", "75.0"],
        ["train", "5", "0.0", "62.5"],
        ["validation", "1", "0.0", "12.5"],
    ]


def test_of_many_sources_the_largest_are_shown(run: Path, tmp_path: Path):
    for i in range(12):
        write(tmp_path / f"in/{i:02d}.txt", [f"uno {i} {j}" for j in range(i + 1)])
    lines = funnel.render(build(run, tmp_path / "in").facts)
    assert [line.split()[1] for line in lines if "from" in line] == [
        "11.txt",
        "10.txt",
        "09.txt",
        "08.txt",
        "07.txt",
        "7",
    ]
