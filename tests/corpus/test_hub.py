"""Text from the Hub, end to end against a small Hub on this machine (`tests/hub_server.py`)."""

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filiberto import corpus
from filiberto.config import CorpusConfig, Recipe
from filiberto.corpus import decoding, hub_fetch, reading, sources
from filiberto.corpus import hub as source
from filiberto.corpus.hub_choice import HUB_FILE, Asked
from filiberto.errors import (
    BadDataError,
    OtherRunError,
    StateError,
    TryAgainError,
    UsageError,
    UserError,
)
from filiberto.runfolder.manifest import Manifest
from tests.conftest import filiberto, italian_lines
from tests.hub_server import COMMIT, Hub, running

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


def build(run: Path, *, force: bool = False, text: tuple[str, ...] = (), **asked: Any) -> Manifest:
    wanted = Asked(**{"dataset": "fineweb", "language": "it", "max_text_bytes": 60_000} | asked)
    return corpus.build(run, text=text, hub=wanted, settings=SMALL, force=force)


def texts(run: Path) -> set[str]:
    sides = [reading.documents(run / "corpus", split=s) for s in ("train", "validation")]
    return {text for side in sides for batch in side for _, text in batch}


def chosen(run: Path) -> list[str]:
    choice = json.loads((run / HUB_FILE).read_text())["choice"]
    return [file["path"] for file in choice["files"]]


def everything_in(folder: Path) -> bytes:
    return b"\n".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_language_alone_takes_as_many_files_of_its_default_as_are_asked_for(
    hub: Hub, home: Path, run: Path
):
    done = build(run)
    assert len(chosen(run)) == 3
    held = {line for path in chosen(run) for line in lines_of(path)}
    assert texts(run) <= held
    # The last file is read up to the text asked for, to a document, by a footer that counts a
    # little more than text (4 bytes of length a row).
    num_bytes = done.facts["train"]["bytes"] + done.facts["validation"]["bytes"]
    # The last document goes beyond, and neighbours of validation text are left out.
    assert 50_000 < num_bytes <= 60_000
    assert set(done.facts["sources"]) == {f"{FINEWEB}/{path}" for path in chosen(run)}


def lines_of(path: str) -> list[str]:
    return pq.read_table(io.BytesIO(PARTS[path]))["text"].to_pylist()


def test_the_files_are_drawn_by_the_seed_from_all_pages_of_the_listing(
    hub: Hub, home: Path, tmp_path: Path
):
    drawn = []
    for number, seed in enumerate((0, 0, 1, 2)):
        run = tmp_path / f"run{number}"
        run.mkdir()
        build(run, seed=seed)
        drawn.append(chosen(run))
    assert drawn[0] == drawn[1]
    assert len({tuple(paths) for paths in drawn}) == 3
    assert len({path for paths in drawn for path in paths}) > 4


def test_nothing_is_asked_when_the_run_has_its_choice(hub: Hub, home: Path, run: Path):
    build(run)
    hub.requests.clear()
    build(run)
    shutil.rmtree(home)
    build(run)
    assert hub.requests == []


def test_lost_copies_are_fetched_again_by_the_commit_on_record(hub: Hub, home: Path, run: Path):
    before = build(run)
    shutil.rmtree(home)
    hub.commit = "d" * 40
    hub.requests.clear()
    assert build(run, force=True).content == before.content
    assert all(COMMIT in path for _, path, _, _ in hub.requests if "/resolve/" in path)


def test_a_finished_corpus_is_not_replaced_by_another_choice_unasked(
    hub: Hub, home: Path, run: Path
):
    build(run)
    record = (run / HUB_FILE).read_bytes()
    hub.requests.clear()
    with pytest.raises(OtherRunError, match=r"`max_text_bytes` 60000 there, 10000 now\n.*--force"):
        build(run, max_text_bytes=10_000)
    assert hub.requests == []
    assert (run / HUB_FILE).read_bytes() == record
    build(run, max_text_bytes=10_000, force=True)
    assert len(chosen(run)) == 1


def test_a_corpus_of_other_text_is_not_replaced_either(
    hub: Hub, home: Path, run: Path, text_file: Path
):
    corpus.build(run, text=[str(text_file)])
    with pytest.raises(OtherRunError, match="made from text that is not from the Hub"):
        build(run)


def test_a_dropped_connection_is_taken_up_where_it_broke(hub: Hub, home: Path, run: Path):
    hub.drops = {path: [1_000, 500] for path in PARTS}
    build(run)
    for path in chosen(run):
        assert hub.ranges(path) == [None, "bytes=1000-", "bytes=1500-"]
    whole = build(run, force=True).content
    hub.drops = {}
    shutil.rmtree(home)
    assert build(run, force=True).content == whole


def test_after_a_failure_for_good_the_same_command_goes_on(hub: Hub, home: Path, run: Path):
    first = min(PARTS, key=lambda path: source._draw(0, path))
    hub.drops = {first: [1_000] + [0] * 6}
    with pytest.raises(TryAgainError, match=r"127\.0\.0\.1 cannot be reached(.|\n)*is kept"):
        build(run)
    assert not (run / "corpus").exists()
    assert chosen(run) == []
    hub.requests.clear()
    build(run)
    assert hub.ranges(first) == ["bytes=1000-"]


def test_a_server_without_ranges_is_asked_for_all_of_it(hub: Hub, home: Path, run: Path):
    hub.without_range = True
    hub.drops = {path: [1_000] for path in PARTS}
    build(run)
    assert texts(run) <= set(LINES)


def test_a_passing_refusal_is_tried_again_and_a_lasting_one_told(hub: Hub, home: Path, run: Path):
    hub.status = 503
    with pytest.raises(TryAgainError, match=r"127\.0\.0\.1 answers 503 for HuggingFaceFW"):
        build(run)
    hub.status = 418
    with pytest.raises(UsageError, match=r"127\.0\.0\.1 answers 418"):
        build(run)


def test_bytes_that_are_not_those_promised_are_refused_by_name_and_thrown_away(
    hub: Hub, home: Path, run: Path
):
    hub.damaged = set(PARTS)
    with pytest.raises(BadDataError, match=r"data/ita_Latn/train/\d\.parquet came damaged"):
        build(run)
    assert not list(home.rglob("*.parquet*.part"))
    hub.damaged = set()
    build(run)


def test_a_small_file_is_verified_too(hub: Hub, home: Path, run: Path):
    hub.damaged = {"it/a.txt"}
    with pytest.raises(BadDataError, match=r"it/a\.txt came damaged"):
        build(run, dataset="my/plain", config="it")


def test_a_hash_that_leads_out_of_our_folder_is_refused():
    for git_hash, sha256 in (("../../x", None), ("a" * 40, "../x")):
        entry = SimpleNamespace(
            path="0.parquet",
            size=1,
            blob_id=git_hash,
            lfs=sha256 and SimpleNamespace(sha256=sha256),
        )
        with pytest.raises(BadDataError, match=r"0\.parquet the hash '[./]+x', which is none"):
            hub_fetch.described(entry)


def test_no_connection_at_all_is_told_with_what_to_do(
    home: Path, run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(TryAgainError, match=r"127\.0\.0\.1 cannot be reached(.|\n)*same command"):
        build(run)
    assert list(run.iterdir()) == []


def test_an_unknown_set_is_refused_by_name(hub: Hub, home: Path, run: Path):
    with pytest.raises(UsageError, match=r"127\.0\.0\.1 has no data set my/typo, or it is private"):
        build(run, dataset="my/typo")


def test_unknown_configs_splits_and_columns_are_refused_with_what_there_is(
    hub: Hub, home: Path, run: Path
):
    for asked, message in [
        ({"config": "ita_Lat"}, "no config 'ita_Lat'; it has ita_Latn"),
        ({"split": "dev"}, "no split 'dev' there; it has train, test"),
        ({"text_field": "corpo"}, r"no column `corpo`; seen: id, text\n.*--text-field NAME"),
        ({"dataset": "my/plain", "config": "en"}, r"my/plain has no folder 'en', .*: it, te\n"),
    ]:
        with pytest.raises(UsageError, match=message):
            build(run, **asked)


def test_a_split_that_is_asked_for_is_taken(hub: Hub, home: Path, run: Path):
    build(run, split="test")
    assert chosen(run) == ["data/ita_Latn/test/0.parquet"]


def test_plain_text_and_separated_values_of_a_folder_are_taken_without_a_card(
    hub: Hub, home: Path, run: Path
):
    build(run, dataset="my/plain", config="it")
    assert texts(run) == {"uno", "due", "tre"}
    inputs = json.loads((run / "corpus/manifest.json").read_text())["inputs"]
    assert inputs["my/plain/it/a.txt"].endswith(", document: line")


def test_own_text_and_that_of_the_hub_go_together(hub: Hub, home: Path, run: Path, tmp_path: Path):
    (tmp_path / "mio.txt").write_text("cinque\nsei\n")
    done = build(run, dataset="my/plain", text=(str(tmp_path / "mio.txt"),))
    assert texts(run) == {"uno", "due", "tre", "quattro", "cinque", "sei"}
    assert list(done.facts["sources"]) == [
        "mio.txt",
        "my/plain/it/a.txt",
        "my/plain/it/b.csv",
        "my/plain/te/c.txt",
    ]


def test_a_gated_set_needs_the_token_which_goes_to_the_hub_alone_and_into_no_file(
    hub: Hub, home: Path, run: Path, monkeypatch: pytest.MonkeyPatch
):
    hub.gated = {FINEWEB}
    with pytest.raises(UsageError, match=rf"{FINEWEB} is gated(.|\n)*export HF_TOKEN="):
        build(run)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(UsageError, match="is gated") as caught:
        build(run)
    assert "hf_wrong" not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.requests.clear()
    build(run)
    assert {token for _, path, _, token in hub.requests if "/cdn/" not in path} == {
        f"Bearer {hub.token}"
    }
    assert {token for _, path, _, token in hub.requests if "/cdn/" in path} == {None}
    assert hub.token.encode() not in everything_in(run) + everything_in(home)


def test_no_path_of_this_machine_reaches_the_run(hub: Hub, home: Path, run: Path, tmp_path: Path):
    build(run, dataset="my/plain")
    assert str(tmp_path).encode() not in everything_in(run)


def test_a_file_that_the_hubs_own_cache_has_is_not_fetched(hub: Hub, home: Path, run: Path):
    for path in PARTS:
        huggingface_hub.hf_hub_download(
            FINEWEB, path, repo_type="dataset", revision=COMMIT, cache_dir=home / "hub"
        )
    hub.requests.clear()
    build(run)
    assert [path for _, path, _, _ in hub.requests if "/cdn/" in path] == []


def test_a_damaged_record_is_refused_by_name(home: Path, run: Path):
    (run / HUB_FILE).write_text("{}")
    with pytest.raises(StateError, match=r"hub\.json is damaged"):
        build(run)


@pytest.mark.parametrize(
    ("recipe", "dataset"),
    [
        (Recipe(), None),
        (Recipe(text=("a.txt",), language="it"), None),
        (Recipe(language="it"), "fineweb"),
        (Recipe(hub="wikipedia", language="it"), "wikipedia"),
        (Recipe(hub="a/b", text=("a.txt",)), "a/b"),
        (Recipe(hub="hf://datasets/a/b"), "a/b"),
        (Recipe(hub="https://example.org/datasets/a/b/"), "a/b"),
    ],
)
def test_what_a_recipe_asks_of_the_hub(recipe: Recipe, dataset: str | None):
    asked = source.asked_by(recipe)
    assert (asked and asked.dataset) == dataset


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(hub="fineweb"), r"--hub fineweb needs a language\n.*--language te"),
        (Recipe(hub="mine"), r"--hub 'mine' names no data set\n.*OWNER/NAME"),
    ],
)
def test_what_names_no_set_is_refused(recipe: Recipe, message: str):
    with pytest.raises(UserError, match=message):
        source.asked_by(recipe)


@pytest.mark.parametrize(
    ("num_bytes", "count"), [(1, 1), (3, 1), (4, 2), (6, 2), (7, 4), (10, 4), (11, 5), (99, 5)]
)
def test_records_are_read_until_they_hold_the_text_asked_for(
    tmp_path: Path, num_bytes: int, count: int
):
    (tmp_path / "a.txt").write_bytes(b"uno\ndue\n\notto\nnove\n")
    (found,) = sources.find([str(tmp_path)], phrasebook_bytes=1)
    limited = replace(found, max_text_bytes=num_bytes)
    read = decoding.decoded(limited, settings=SMALL, seed=0, advance=lambda _: None)
    assert sum(len(part.texts) for part in read) == count


def environment(hub: Hub, home: Path, **more: str) -> dict[str, str]:
    """For the real command, which reads it before anything is imported."""
    return {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_TOKEN": "", **more}


def test_the_command_by_any_name_of_the_language(hub: Hub, home: Path, tmp_path: Path):
    flags = ("--language", "Italian", "--max-text", "60kB", "--corpus.validation-min-bytes", "1000")
    env = environment(hub, home, HF_TOKEN=hub.token)
    done = filiberto("corpus", "runs/it", *flags, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    asking, found = done.stdout.splitlines()[:2]
    assert asking == f"hub: asking for {FINEWEB}"
    assert found == (
        f"hub: {FINEWEB}, ita_Latn, train, commit c0ffeec: files: 8, "
        f"{sum(map(len, PARTS.values())) / 1000:.1f}k bytes; about 60.0k bytes of text are taken "
        "(--max-text)"
    )
    assert 'language = "it"' in (tmp_path / "runs/it/recipe.toml").read_text()
    assert hub.token not in done.stdout + done.stderr
    hub.status = 500
    hub.requests.clear()
    again = filiberto("corpus", "runs/it", cwd=tmp_path, env=env)
    assert again.returncode == 0, again.stderr
    assert hub.requests == []


def test_a_command_that_fails_says_so_in_a_few_lines(hub: Hub, home: Path, tmp_path: Path):
    hub.gated = {FINEWEB}
    env = environment(hub, home)
    done = filiberto("corpus", "runs/it", "--language", "it", cwd=tmp_path, env=env)
    assert done.returncode == 2
    assert done.stderr.startswith(f"filiberto corpus: {FINEWEB} is gated")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2
    left = {path.name for path in (tmp_path / "runs/it").iterdir()}
    assert left == {"RUN.lock", "recipe.toml"}
