"""What is found out once is not found out again, and what follows from something else is."""

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from filiberto import evaluate
from filiberto.config import EvaluateConfig
from filiberto.errors import StateError
from filiberto.evaluate import comparison, kept
from filiberto.evaluate.model import Reader

FOLLOWS = {"model": ["ab12", "cd34"], "max_bytes": 2_000, "pairs": None}


class Finder:
    """Finds something else every time."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, Any]:
        self.times += 1
        return {"found": self.times, "word": "così"}


def test_what_is_known_is_not_found_out_again(tmp_path: Path) -> None:
    find = Finder()
    backwards = dict(reversed(FOLLOWS.items()))
    found = [kept.kept(tmp_path, follows, find) for follows in (FOLLOWS, backwards, FOLLOWS)]
    assert found == [{"found": 1, "word": "così"}] * 3
    assert find.times == 1


@pytest.mark.parametrize(
    "other",
    [{"model": ["ab12", "ef56"]}, {"max_bytes": 2_001}, {"pairs": "9f"}, {"more": None}],
)
def test_what_follows_from_something_else_is_found_out(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    find = Finder()
    for follows in (FOLLOWS, {**FOLLOWS, **other}, FOLLOWS):
        kept.kept(tmp_path, follows, find)
    assert find.times == 2
    assert kept.kept(tmp_path, FOLLOWS, find)["found"] == 1


def test_another_version_finds_out_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = Finder()
    kept.kept(tmp_path, FOLLOWS, find)
    monkeypatch.setattr(kept, "__version__", "0.0.7")
    assert kept.kept(tmp_path, FOLLOWS, find)["found"] == 2


def test_what_failed_is_tried_again_and_leftovers_are_swept(tmp_path: Path) -> None:
    def fails() -> dict[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.kept(tmp_path, FOLLOWS, fails)
    (tmp_path / kept.FOLDER).mkdir(exist_ok=True)
    (tmp_path / kept.FOLDER / ".tmp-killed").write_text("{")
    assert kept.kept(tmp_path, FOLLOWS, Finder())["found"] == 1
    assert [path.suffix for path in (tmp_path / kept.FOLDER).iterdir()] == [".json"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    kept.kept(tmp_path, FOLLOWS, Finder())
    (path,) = (tmp_path / kept.FOLDER).iterdir()
    path.write_text('{"found": 1')
    with pytest.raises(StateError, match=rf"{path.name} is damaged"):
        kept.kept(tmp_path, FOLLOWS, Finder())


def test_a_model_is_known_by_its_configuration_tokenizer_and_weights(tmp_path: Path) -> None:
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
    for name in names:
        (tmp_path / name).write_text(name)
    digests = {weights: [kept.digest_of(tmp_path, weights=weights)] for weights in (True, False)}
    for name in ("README.md", *names):
        (tmp_path / name).write_text("changed")
        for weights, known in digests.items():
            known.append(kept.digest_of(tmp_path, weights=weights))
    changes = {
        weights: [one != other for one, other in pairwise(known)]
        for weights, known in digests.items()
    }
    assert changes[True] == [False, True, True, True, True]
    assert changes[False] == [False, True, True, True, False]


def test_only_a_model_that_was_added_is_measured(
    mini_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = tmp_path / "model", tmp_path / "other"
    for name in ("corpus", "tokenizer", "model"):
        shutil.copytree(mini_run / name, run / name)
    shutil.copytree(mini_run / "model", other)
    with (other / "config.json").open("a") as file:
        file.write("\n")  # another file, though it says the same
    measured: list[Path] = []
    opens = comparison._open

    def counts(place: Path) -> Reader:
        measured.append(place)
        return opens(place)

    monkeypatch.setattr(comparison, "_open", counts)

    def facts(**more: Any) -> dict[str, Any]:
        measured.clear()
        settings = EvaluateConfig(max_bytes=2_000, likelihood_words=20, **more)
        return evaluate.build(run, settings=settings).facts

    alone = facts()
    assert measured == [run / "model"]
    assert alone["name"] == "model"  # the run's own folder is called so
    beside = facts(against=(str(other),))
    assert measured == [other]
    (row,) = beside.pop("against")
    assert beside == alone
    assert row["bits_per_byte"] == alone["bits_per_byte"]
    assert facts() == alone
    assert measured == []
    facts(against=(str(other),), word_share=0.5)
    assert measured == [run / "model", other]
    # Nothing is known of the training text of a model that no run made, and nothing kept apart.
    assert "by_frequency" in alone
    assert "by_frequency" not in facts(model=str(other))
    assert measured == [other]
