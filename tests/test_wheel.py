"""The wheel holds all that the package reads, and runs where there is no checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "filiberto"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (found,) = out.glob("*.whl")
    return found


def test_it_holds_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        there = {name for name in archive.namelist() if name.startswith("filiberto/")}
    files = (path for path in SOURCE.rglob("*") if path.is_file())
    expected = {
        f"filiberto/{path.relative_to(SOURCE).as_posix()}"
        for path in files
        if "__pycache__" not in path.parts
    }
    assert there == expected
    kinds = {Path(name).suffix for name in there}
    assert {".py", ".toml", ".tsv", ".jinja", ".css", ".js", ".bib"} <= kinds


def test_it_walks_the_road_without_the_checkout(
    wheel: Path, text_file: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    env = {**os.environ, "PYTHONPATH": str(site)}

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("-c", "import filiberto; print(filiberto.__file__)").startswith(str(site))
    filiberto = ("-m", "filiberto")
    assert "filiberto-it" in run(*filiberto, "recipes")
    assert "UD_Telugu-MTG" in run(*filiberto, "languages", "te")
    small = ("--size", "tiny", "--train.max-steps", "5", "--tokenizer.vocab-size", "600")
    alike = ("--corpus.skip-rules", "near_duplicate", "leak", "--evaluate.max-bytes", "5000")
    told = run(
        *filiberto, "run", "it", "--text", str(text_file), "--language", "it", *small, *alike
    )
    assert "The model is it/model" in told
    assert (tmp_path / "it" / "report" / "report.html").is_file()
    assert "%" in run(*filiberto, "fill", "it", "Anna <mask> il libro")
