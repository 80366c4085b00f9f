"""What the tests of this stage share: text in, a corpus built, and what came of it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from filiberto import corpus
from filiberto.config import CorpusConfig
from filiberto.corpus import reading
from filiberto.runfolder.manifest import Manifest

LINES = ["uno", "due", "tre", "quattro", "cinque", "sei"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def build(
    run: Path,
    *text: Path,
    force: bool = False,
    seed: int = 0,
    language: str = "",
    **settings: Any,
) -> Manifest:
    return corpus.build(
        run,
        text=[str(path) for path in text],
        settings=CorpusConfig(**settings),
        language=language,
        seed=seed,
        force=force,
    )


def write(path: Path, data: bytes | str | list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in data) if isinstance(data, list) else data
    raw = text.encode() if isinstance(text, str) else text
    if path.suffix == ".gz":
        raw = gzip.compress(raw)
    if path.suffix == ".zst":
        raw = pa.compress(raw, codec="zstd", asbytes=True)
    path.write_bytes(raw)
    return path


def documents(run: Path) -> dict[str, str]:
    """Text by id, of both sides."""
    sides = [reading.documents(run / "corpus", split=s) for s in ("train", "validation")]
    return dict(sorted(pair for side in sides for batch in side for pair in batch))


def texts(run: Path) -> list[str]:
    """Texts of both sides, in the order of the corpus."""
    found = documents(run)
    return [found[key] for key in sorted(found, key=lambda i: (i.split(":")[0], number(i)))]


def number(identity: str) -> int:
    return int(identity.rsplit(":", 1)[1])


def quarantined(run: Path) -> list[dict[str, Any]]:
    lines = (run / "corpus/quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
