"""Fetching: broken connections, hashes, tokens and caches, against a server of our own."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest

from filiberto.corpus import hub as source
from filiberto.corpus import hub_fetch
from filiberto.errors import (
    BadDataError,
    TryAgainError,
    UsageError,
)
from tests.corpus.hub.conftest import FINEWEB, LINES, PARTS, build, chosen, everything_in, texts
from tests.hub_server import COMMIT, Hub


def test_lost_copies_are_fetched_again_by_the_commit_on_record(hub: Hub, home: Path, run: Path):
    before = build(run)
    shutil.rmtree(home)
    hub.commit = "d" * 40
    hub.requests.clear()
    assert build(run, force=True).content == before.content
    assert all(COMMIT in path for _, path, _, _ in hub.requests if "/resolve/" in path)


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
