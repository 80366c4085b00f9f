import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filiberto.arguments import COMMANDS
from filiberto.errors import OtherRunError, StateError, UnfinishedStageError
from filiberto.runfolder import manifest
from filiberto.runfolder.manifest import Manifest

SETTINGS: dict[str, Any] = {"vocab_size": 4096, "split": "script", "texts": ("a", "b")}
INPUTS = {"corpus": "c0ffee"}


def finish(run: Path, folder: str = "tokens", **changes: Any) -> Manifest:
    """Finish a small stage, by default `tokens` of the settings and inputs above."""
    (run / folder / "deep").mkdir(parents=True, exist_ok=True)
    (run / folder / "one.tokens").write_bytes(b"one")
    (run / folder / "deep" / "two.tokens").write_bytes(b"two")
    stage: dict[str, Any] = {
        "stage": "tokens",
        "settings": SETTINGS,
        "inputs": INPUTS,
        "facts": {"tokens": 5},
        "seconds": 1.23456,
    }
    return manifest.finish(run / folder, **{**stage, **changes})


def asked(run: Path, folder: str = "tokens", **changes: Any) -> Manifest | None:
    """What is finished as the settings and inputs above ask."""
    stage: dict[str, Any] = {"settings": SETTINGS, "inputs": INPUTS, "force": False}
    return manifest.finished_as_asked(run, folder, **{**stage, **changes})


def test_a_finished_stage_is_read_back(tmp_path: Path) -> None:
    made = finish(tmp_path)
    assert manifest.read(tmp_path / "tokens") == made
    assert made.settings["texts"] == ["a", "b"]
    assert made.seconds == 1.235
    assert made.facts == {"tokens": 5}


def test_every_file_is_named_with_its_hash_but_the_manifest(tmp_path: Path) -> None:
    finish(tmp_path)
    made = finish(tmp_path)
    one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert made.files.keys() == {"one.tokens", "deep/two.tokens"}
    assert made.files["one.tokens"] == one


def test_nothing_of_the_machine_is_in_a_manifest(tmp_path: Path) -> None:
    finish(tmp_path)
    assert str(tmp_path) not in (tmp_path / "tokens" / manifest.MANIFEST).read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "corpus"},
        {"settings": {**SETTINGS, "vocab_size": 4097}},
        {"settings": {**SETTINGS, "texts": ("b", "a")}},
        {"settings": {**SETTINGS, "more": None}},
        {"inputs": {"corpus": "c0ffef"}},
        {"inputs": {"text": "c0ffee"}},
        {"inputs": {}},
    ],
)
def test_the_fingerprint_changes_with_stage_settings_and_inputs(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    assert finish(tmp_path / "a").fingerprint != finish(tmp_path / "b", **change).fingerprint


def test_the_fingerprint_is_the_same_whatever_the_time_the_facts_and_the_order(
    tmp_path: Path,
) -> None:
    turned = dict(reversed(SETTINGS.items()))
    one = finish(tmp_path / "a")
    other = finish(tmp_path / "b", seconds=99.0, facts={"loss": 1.5}, settings=turned)
    assert one.fingerprint == other.fingerprint


def test_the_content_changes_with_the_files_and_with_nothing_else(tmp_path: Path) -> None:
    one = finish(tmp_path / "a")
    same = finish(tmp_path / "b", seconds=99.0, settings={}, facts={})
    (tmp_path / "b" / "tokens" / "three").write_bytes(b"three")
    more = finish(tmp_path / "b")
    assert one.content == same.content
    assert one.content != more.content


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_fact_that_is_no_number_finishes_nothing(tmp_path: Path, number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        finish(tmp_path, facts={"loss": number})
    assert manifest.read(tmp_path / "tokens") is None


def test_a_folder_without_manifest_is_unfinished(tmp_path: Path) -> None:
    assert manifest.read(tmp_path / "tokens") is None
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "train-00000.tokens").write_bytes(b"half")
    with pytest.raises(UnfinishedStageError, match="tokens is unfinished") as caught:
        manifest.require(tmp_path, "tokens")
    assert caught.value.hint == f"run it first: filiberto tokens {tmp_path}"


def test_an_unfinished_model_asks_for_training(tmp_path: Path) -> None:
    with pytest.raises(UnfinishedStageError, match="model is unfinished") as caught:
        manifest.require(tmp_path, "model")
    assert caught.value.hint == f"run it first: filiberto train {tmp_path}"


@pytest.mark.parametrize("folder", ["corpus", "tokenizer", "tokens", "model", "report"])
def test_the_hint_of_every_folder_is_a_command_that_there_is(tmp_path: Path, folder: str) -> None:
    with pytest.raises(UnfinishedStageError) as missing:
        manifest.require(tmp_path, folder)
    (tmp_path / folder).mkdir()
    (tmp_path / folder / manifest.MANIFEST).write_text("{")
    with pytest.raises(StateError) as damaged:
        manifest.require(tmp_path, folder)
    for error in (missing.value, damaged.value):
        command = re.search(r"filiberto (\w+)", error.hint or "")
        assert command is not None
        assert command[1] in COMMANDS


def test_a_finished_stage_is_given(tmp_path: Path) -> None:
    made = finish(tmp_path)
    assert manifest.require(tmp_path, "tokens") == made


def test_a_file_that_is_gone_is_damage(tmp_path: Path) -> None:
    finish(tmp_path)
    (tmp_path / "tokens" / "deep" / "two.tokens").unlink()
    with pytest.raises(StateError, match=r"tokens lacks deep/two\.tokens"):
        manifest.require(tmp_path, "tokens")


def test_what_other_rules_made_is_refused_by_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(tmp_path)
    monkeypatch.setitem(manifest._FORMATS, "tokens", 99)
    assert manifest.read(tmp_path / "tokens") is not None
    with pytest.raises(OtherRunError, match="made from other rules: those of filiberto 0"):
        asked(tmp_path)


def test_what_is_finished_as_asked_is_given(tmp_path: Path) -> None:
    made = finish(tmp_path)
    assert asked(tmp_path) == made
    assert asked(tmp_path, settings={**SETTINGS, "texts": ["a", "b"]}) == made


def test_what_is_not_finished_is_to_be_made(tmp_path: Path) -> None:
    assert asked(tmp_path) is None


def test_a_model_is_asked_for_as_the_stage_train(tmp_path: Path) -> None:
    made = finish(tmp_path, "model", stage="train")
    assert asked(tmp_path, "model") == made


def test_other_settings_are_refused_with_key_and_both_values(tmp_path: Path) -> None:
    finish(tmp_path)
    other = {**SETTINGS, "vocab_size": 8192, "split": "gpt2"}
    with pytest.raises(OtherRunError) as caught:
        asked(tmp_path, settings=other)
    assert "`vocab_size` 4096 there, 8192 now" in caught.value.message
    assert "`split` 'script' there, 'gpt2' now" in caught.value.message
    assert "texts" not in caught.value.message
    assert caught.value.hint is not None
    assert f"filiberto tokens {tmp_path} --force" in caught.value.hint


@pytest.mark.parametrize("value", ["1h", None])
def test_a_setting_that_only_one_of_them_has_is_named(tmp_path: Path, value: object) -> None:
    finish(tmp_path)
    with pytest.raises(OtherRunError, match="`time`"):
        asked(tmp_path, settings={**SETTINGS, "time": value})


def test_other_inputs_are_refused_by_name(tmp_path: Path) -> None:
    finish(tmp_path, inputs={"a.txt": "1", "b.txt": "2"})
    with pytest.raises(OtherRunError, match=r"other inputs: b\.txt, c\.txt\n"):
        asked(tmp_path, inputs={"a.txt": "1", "b.txt": "3", "c.txt": "4"})


def test_force_asks_for_a_new_one_whatever_is_there(tmp_path: Path) -> None:
    finish(tmp_path)
    assert asked(tmp_path, force=True) is None
    assert asked(tmp_path, settings={}, force=True) is None
    (tmp_path / "tokens" / manifest.MANIFEST).write_text("{")
    assert asked(tmp_path, force=True) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "3", "[]", '"text"', "{}", '{"fingerprint": "x"}', '{"a": 1}', "\ufffd"],
)
def test_a_manifest_that_we_did_not_write_is_damaged(tmp_path: Path, text: str) -> None:
    finish(tmp_path)
    (tmp_path / "tokens" / manifest.MANIFEST).write_text(text)
    with pytest.raises(StateError, match=r"manifest\.json is damaged") as caught:
        manifest.read(tmp_path / "tokens")
    assert caught.value.hint == f"build it again: filiberto tokens {tmp_path} --force"


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    finish(tmp_path)
    (tmp_path / "tokens" / manifest.MANIFEST).write_bytes(b'{"stage": "\xff"}')
    with pytest.raises(StateError, match="damaged"):
        manifest.read(tmp_path / "tokens")


def test_a_manifest_cut_short_anywhere_is_damage(tmp_path: Path) -> None:
    finish(tmp_path)
    path = tmp_path / "tokens" / manifest.MANIFEST
    whole = path.read_bytes()
    assert whole.endswith(b"}\n")
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(StateError, match="damaged"):
            manifest.read(tmp_path / "tokens")


@pytest.mark.parametrize(("key", "value"), [("settings", {}), ("inputs", {}), ("stage", "corpus")])
def test_an_edited_manifest_does_not_match_its_fingerprint(
    tmp_path: Path, key: str, value: object
) -> None:
    finish(tmp_path)
    path = tmp_path / "tokens" / manifest.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(StateError, match="does not match its own fingerprint"):
        manifest.read(tmp_path / "tokens")


@given(
    settings=st.dictionaries(
        st.text(max_size=5),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=5)
        | st.lists(st.integers(), max_size=3).map(tuple),
        max_size=4,
    )
)
def test_a_stage_of_any_settings_is_finished_as_asked(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]
) -> None:
    run = tmp_path_factory.mktemp("run")
    made = finish(run, settings=settings)
    assert asked(run, settings=settings) == made
