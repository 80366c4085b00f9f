"""A small Hub on this machine (`tests/hub_server.py`), and builds from it."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filiberto import corpus
from filiberto.config import CorpusConfig
from filiberto.corpus import hub_fetch, reading
from filiberto.corpus.hub_choice import HUB_FILE, Asked
from filiberto.runfolder.manifest import Manifest
from tests.conftest import italian_lines
from tests.hub_server import Hub, running

FINEWEB = "HuggingFaceFW/fineweb-2"
CARD = """\
---
configs:
- config_name: ita_Latn
  data_files:
  - split: train
    path: data/ita_Latn/train/*
  - split: test
    path: data/ita_Latn/test/*
---
"""
LINES = italian_lines(2_400)


def parquet(lines: list[str], name: str = "text") -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": range(len(lines)), name: lines}), buffer)
    return buffer.getvalue()


PARTS = {
    f"data/ita_Latn/train/{i}.parquet": parquet(LINES[300 * i : 300 * i + 300]) for i in range(8)
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    data = {"README.md": CARD.encode(), **PARTS, "data/ita_Latn/test/0.parquet": PARTS[min(PARTS)]}
    plain = {"it/a.txt": b"uno\ndue\n", "it/b.csv": b"id,text\n1,tre\n", "te/c.txt": b"quattro\n"}
    with running(Hub(datasets={FINEWEB: data, "my/plain": plain})) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub) -> Path:
    """HF_HOME, in a process that knows the Hub of the test and no token."""
    for name, value in {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_CACHE": str(tmp_path / "hf" / "hub"),
        "HF_TOKEN_PATH": str(tmp_path / "hf" / "token"),
    }.items():
        monkeypatch.setattr(huggingface_hub.constants, name, value)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(hub_fetch, "_WAIT_SECONDS", 0.0)
    return tmp_path / "hf"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


SMALL = CorpusConfig(validation_share=0.1, validation_min_bytes=1_000)


def build(
    run: Path,
    *,
    force: bool = False,
    text: tuple[str, ...] = (),
    settings: CorpusConfig = SMALL,
    **asked: Any,
) -> Manifest:
    wanted = Asked(**{"dataset": "fineweb", "language": "it", "max_text_bytes": 60_000} | asked)
    return corpus.build(run, text=text, hub=wanted, settings=settings, force=force)


def texts(run: Path) -> set[str]:
    sides = [reading.documents(run / "corpus", split=s) for s in ("train", "validation")]
    return {text for side in sides for batch in side for _, text in batch}


def chosen(run: Path) -> list[str]:
    choice = json.loads((run / HUB_FILE).read_text())["choice"]
    return [file["path"] for file in choice["files"]]


def everything_in(folder: Path) -> bytes:
    return b"\n".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def lines_of(path: str) -> list[str]:
    return pq.read_table(io.BytesIO(PARTS[path]))["text"].to_pylist()


def environment(hub: Hub, home: Path, **more: str) -> dict[str, str]:
    """For the real command, which reads it before anything is imported."""
    return {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_TOKEN": "", **more}
