"""Files that were cut, flipped, swapped, or come from elsewhere (F12, F13, F20, F21)."""

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from filiberto import train
from filiberto.errors import DivergedError, StateError, UserError
from filiberto.runfolder import manifest, store
from filiberto.tokens.shards import open_shard, write_shard
from filiberto.tokens.stream import open_stream
from filiberto.train import loop
from filiberto.train.checkpoint import load_newest
from filiberto.train.step import Pending
from tests.conftest import with_tokens_of
from tests.faults.conftest import Tally
from tests.train.conftest import SHORT, job_of


@pytest.fixture
def run(tmp_path: Path, mini_run: Path) -> Path:
    return with_tokens_of(mini_run, tmp_path / "run")


def read_all(folder: Path) -> np.ndarray:
    """Every token of both splits, as a training would come to read it."""
    streams = [open_stream(folder, split=split) for split in ("train", "validation")]
    return np.concatenate([stream.read(0, len(stream)) for stream in streams])


def test_no_damage_to_a_shard_goes_unseen(run: Path, tally: Tally) -> None:
    folder, draw = run / "tokens", random.Random(0)
    expected = read_all(folder)
    trials = 0
    for path in sorted(folder.glob("*.tokens")):
        whole = path.read_bytes()
        damages: list[bytes] = [whole[:size] for size in draw.sample(range(len(whole)), 60)]
        damages += [whole + b"\0", whole + whole, b"", whole[::-1]]
        for place in (*range(0, 400, 5), *draw.sample(range(len(whole)), 140)):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << draw.randrange(8)
            damages.append(bytes(flipped))
        for data in damages:
            path.write_bytes(data)
            with pytest.raises(StateError, match=path.name):
                read_all(folder)
            trials += 1
        path.write_bytes(whole)
    assert np.array_equal(read_all(folder), expected)
    assert trials >= 500
    tally.add("F12", trials=trials)


def test_whole_shards_that_changed_places_or_owners_are_refused(run: Path, tally: Tally) -> None:
    folder = run / "tokens"
    (first,) = folder.glob("train-*.tokens")
    header = open_shard(first).header
    ids = open_shard(first).read(0, len(open_shard(first))).copy()
    facts = {key: header[key] for key in ("tokenizer", "special_ids")}

    def other(path: Path, which: np.ndarray) -> None:
        write_shard(path, which, vocab_size=header["vocab_size"], facts=facts)

    whole = first.read_bytes()
    other(folder / "train-00001.tokens", ids[:100])  # one more
    with pytest.raises(StateError, match=r"train-00001\.tokens is not the shard"):
        read_all(folder)
    (folder / "train-00001.tokens").unlink()
    other(first, ids[::-1])  # another corpus, same tokenizer, same length
    with pytest.raises(StateError, match=r"train-00000\.tokens is not the shard"):
        read_all(folder)
    first.write_bytes(next(folder.glob("validation-*")).read_bytes())
    with pytest.raises(StateError, match=r"train-00000\.tokens is not the shard"):
        read_all(folder)
    first.write_bytes(whole)
    read_all(folder)
    tally.add("F12", swapped=3)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.binary(max_size=400))
def test_no_bytes_crash_the_reader_of_shards(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("shard") / "train-00000.tokens"
    for content in (data, len(data).to_bytes(8, "little") + data):
        path.write_bytes(content)
        with pytest.raises(StateError, match=r"is no token shard|its header promises"):
            open_shard(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["format", "version", "files", "step", "sha256", "settings", "dtype"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(value=json_values)
def test_no_json_crashes_the_readers_of_manifests(
    tmp_path_factory: pytest.TempPathFactory, value: Any
) -> None:
    place = tmp_path_factory.mktemp("manifests")
    text = json.dumps(value).encode()
    (place / "tokens").mkdir()
    (place / "tokens" / "manifest.json").write_bytes(text)
    with pytest.raises(StateError):
        manifest.read(place / "tokens")
    (place / "step-00000001").mkdir()
    (place / "step-00000001" / "MANIFEST.json").write_bytes(text)
    assert store.problem_of(place / "step-00000001") is not None
    shard = place / "train-00000.tokens"
    shard.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(StateError):
        open_shard(shard)


def test_a_damaged_checkpoint_of_a_training_is_never_taken(run: Path, tally: Tally) -> None:
    train.build(run, settings=SHORT, size="tiny")
    newest, older = store.by_step(run / "checkpoints")
    key = json.loads((newest / "state.json").read_text())["fingerprint"]
    draw, trials = random.Random(0), 0
    job = job_of(run, SHORT)
    for path in sorted(newest.iterdir()):
        whole = path.read_bytes()
        for number in range(12):
            data = bytearray(whole)
            if number < 8:
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            damaged = [
                data,
                data[: len(data) // 2],
                b"",
                data + b"\0",
                (older / path.name).read_bytes(),
            ]
            path.write_bytes(damaged[max(0, number - 7)])
            state = load_newest(
                run / "checkpoints", model=job.model, optimizers=job.optimizers, fingerprint=key
            )
            assert state is not None
            assert state.step == int(older.name[5:]), (path.name, number)
            trials += 1
        path.write_bytes(whole)
    assert trials >= 48
    tally.add("F13", trials=trials)


def changed(run: Path, **header: Any) -> None:
    """The tokens written again, with something else said in their headers."""
    for path in (run / "tokens").glob("*.tokens"):
        shard = open_shard(path)
        ids = shard.read(0, len(shard)).copy()
        facts = {key: shard.header[key] for key in ("tokenizer", "special_ids")} | header
        size = facts.pop("vocab_size", shard.header["vocab_size"])
        write_shard(path, ids, vocab_size=size, facts=facts)
    path = run / "tokens" / "manifest.json"
    about = json.loads(path.read_text())
    del about["facts"]["headers"]
    path.write_text(json.dumps(about))


def other_tokenizer(run: Path) -> None:
    path = run / "tokenizer" / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["model"]["merges"].pop()
    path.write_text(json.dumps(data), encoding="utf-8")


SPECIAL = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: changed(run, vocab_size=601), "disagree on `vocab_size`: 601, 600"),
        (lambda run: changed(run, vocab_size=599), "disagree on `vocab_size`: 599, 600"),
        (lambda run: changed(run, special_ids=SPECIAL | {"<mask>": 3}), "on `special_ids`"),
        (lambda run: changed(run, special_ids=SPECIAL | {"<pad>": 5}), "on `special_ids`"),
        (lambda run: changed(run, special_ids=SPECIAL | {"<mask>": 600}), "on `special_ids`"),
        (lambda run: changed(run, tokenizer="0" * 64), "with another tokenizer"),
        (other_tokenizer, "with another tokenizer"),
        (lambda run: (run / "tokenizer" / "tokenizer.json").write_text("{}"), "tokenizer"),
    ],
)
def test_what_does_not_agree_is_refused_with_the_reason(
    run: Path, change: Callable[[Path], object], message: str, tally: Tally
) -> None:
    change(run)
    with pytest.raises(UserError, match=message):
        train.build(run, settings=SHORT, size="tiny")
    assert not (run / "checkpoints").exists()
    tally.add("F20", trials=1)


def poisoned(monkeypatch: pytest.MonkeyPatch, where: str, steps: set[int]) -> None:
    """Let arithmetic go wrong just before some steps."""
    take = loop.train_step

    def wrong(job: Any, number: int, batches: Any, **more: Any) -> Pending:
        if number not in steps or "stopping" not in more:
            return take(job, number, batches, **more)
        loss = job.loss

        def lost(batch: Any) -> torch.Tensor:
            value = loss(batch)
            if where == "loss":
                return value * float("nan")
            value.register_hook(lambda slope: slope * float("inf"))
            return value

        return take(dataclasses.replace(job, loss=lost), number, batches, **more)

    monkeypatch.setattr(loop, "train_step", wrong)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_step_without_a_number_changes_nothing_and_three_end_the_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, tally: Tally
) -> None:
    with monkeypatch.context() as patch:
        poisoned(patch, where, {5})
        train.build(run, settings=SHORT, size="tiny")  # one is passed over
    again = with_tokens_of(run, tmp_path / "again")
    poisoned(monkeypatch, where, {5, 6, 7})
    with pytest.raises(DivergedError, match=r"steps 5 to 7; .*diverged.json names their rows"):
        train.build(again, settings=SHORT, size="tiny")
    told = json.loads((again / "diverged.json").read_text())
    assert [step["step"] for step in told["steps"]] == [5, 6, 7]
    assert told["steps"][0]["rows"] == [40, 48]
    stream = open_stream(again / "tokens", split="train")
    assert all(0 <= place < len(stream) for place in told["steps"][0]["row_starts"])
    assert store.by_step(again / "checkpoints")[0].name == "step-00000004"
    tally.add("F21", trials=1)
