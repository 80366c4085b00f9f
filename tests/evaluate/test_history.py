"""What a run folder tells of how a model came about."""

from pathlib import Path

import pytest

from filiberto.config import TrainConfig
from filiberto.errors import StateError
from filiberto.evaluate.history import History, bare, of
from tests.evaluate.rich_report import make_run


def test_a_run_tells_language_beginning_text_and_time(tmp_path: Path) -> None:
    found = of(make_run(tmp_path))
    assert (found.language, found.code, found.began_from) == ("Italian", "it", "it-base")
    assert found.sources[0] == ("europarl.txt.zst", 15_000_000)
    assert found.seconds == pytest.approx(2_388, abs=5)
    assert found.settings == TrainConfig()


def test_what_it_began_with_is_told_by_the_training_and_not_by_todays_default(
    tmp_path: Path, mini_run: Path
) -> None:
    assert of(mini_run).embeddings == "cooccurrence"
    assert of(make_run(tmp_path)).embeddings is None  # it began from a model


def test_what_is_not_there_is_not_known(tmp_path: Path) -> None:
    assert of(None) == History()
    empty = of(tmp_path)
    assert (empty.seconds, empty.sources, empty.language, empty.plan) == (None, [], "", None)


@pytest.mark.parametrize(
    "name", ["plan.json", "corpus/report.json", "tokenizer/sheet.json", "metrics.jsonl"]
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path)
    (run / name).write_text("[1\n")
    with pytest.raises(StateError, match=Path(name).name):
        of(run)


def test_settings_of_another_version_are_not_judged(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("[train]\npeak_rl = 1\n")
    assert of(tmp_path).settings is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/srv/models/it", "it"),
        ("no such file: /srv/it/model", "no such file: model"),
        ("~/models/it", "it"),
        (r"C:\models\it", "it"),
        ("owner/name", "owner/name"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("e/o, 1/2, sources/a.txt", "e/o, 1/2, sources/a.txt"),
        ("</s> / <mask>", "</s> / <mask>"),
    ],
)
def test_of_an_absolute_path_the_last_part_is_shown(text: str, shown: str) -> None:
    assert bare(text) == shown
