import re

import pytest

from filiberto.corpus import hub_files
from filiberto.errors import UsageError

CONFIGS = [{"config_name": name} for name in ("ita_Latn", "tel_Telu", "sample")]


def chosen(asked: str | None, *configs: dict, likely: tuple[str, ...] = ()) -> str:
    found = hub_files.choose_config(configs or CONFIGS, asked, dataset="a/b", likely=likely)
    assert found is not None
    return found["config_name"]


def test_a_config_is_the_one_asked_for():
    assert chosen("tel_Telu") == "tel_Telu"


def test_an_unknown_config_is_refused_with_those_there_are_and_the_nearest():
    message = (
        r"a/b has no config 'ita_Lat'; it has ita_Latn, tel_Telu, sample\n.*--hub-config ita_Latn"
    )
    with pytest.raises(UsageError, match=message):
        chosen("ita_Lat")


def test_without_a_name_it_is_the_default_the_only_one_or_that_of_the_language():
    assert chosen(None, {"config_name": "a"}) == "a"
    assert chosen(None, {"config_name": "a"}, {"config_name": "default"}) == "default"
    assert chosen(None, {"config_name": "a"}, {"config_name": "b", "default": True}) == "b"
    assert chosen(None, likely=("it", "ita_Latn")) == "ita_Latn"
    with pytest.raises(UsageError, match=r"a/b has 3 configs: ita_Latn, tel_Telu, sample\n.*NAME"):
        chosen(None)
    assert hub_files.choose_config([], None, dataset="a/b", likely=()) is None


@pytest.mark.parametrize(
    ("data_files", "train"),
    [
        ("a/*.parquet", ["a/*.parquet"]),
        (["a.csv", "b.csv"], ["a.csv", "b.csv"]),
        ([{"split": "train", "path": "a/*"}, {"split": "test", "path": "b/*"}], ["a/*"]),
        ([{"split": "train", "path": ["a/*", "c/*"]}], ["a/*", "c/*"]),
        ([{"path": "a/*"}], ["a/*"]),
        (None, None),
    ],
)
def test_patterns_are_read_in_every_form_a_card_has(data_files: object, train: list[str] | None):
    assert hub_files.patterns_of({"data_files": data_files}, "train", dataset="a/b") == train


def test_a_data_dir_stands_before_the_patterns():
    config = {"data_dir": "it", "data_files": "*.parquet"}
    assert hub_files.patterns_of(config, "train", dataset="a/b") == ["it/*.parquet"]


def test_an_unknown_split_of_a_config_is_refused_with_those_there_are():
    config = {"data_files": [{"split": "test", "path": "b/*"}]}
    with pytest.raises(UsageError, match="a/b has no split 'train' there; it has test"):
        hub_files.patterns_of(config, "train", dataset="a/b")


@pytest.mark.parametrize(
    ("patterns", "folder"),
    [
        (["data/ita/train/*"], "data/ita/train"),
        (["data/ita/*/x.csv", "data/tel/*/x.csv"], "data"),
        (["**/train-*"], ""),
        (["a.csv"], ""),
        (["data/train-*-of-*", "data/x/*"], "data"),
    ],
)
def test_only_the_folder_that_can_match_is_listed(patterns: list[str], folder: str):
    assert hub_files.fixed_folder(patterns) == folder


PATHS = ["README.md", "data/a.parquet", "data/deep/b.parquet", "x.jsonl.gz", "x.pdf"]


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("data/*", ["data/a.parquet"]),
        ("data/**/*.parquet", ["data/a.parquet", "data/deep/b.parquet"]),
        ("**", ["data/a.parquet", "data/deep/b.parquet", "x.jsonl.gz"]),
        ("./x.*", ["x.jsonl.gz"]),
    ],
)
def test_a_pattern_gives_the_files_that_we_read(pattern: str, matched: list[str]):
    assert hub_files.matching(PATHS, [pattern], dataset="a/b") == matched


def test_files_of_other_kinds_are_refused_by_kind():
    with pytest.raises(UsageError, match=r"a/b has no file there that we read; it has \.pdf"):
        hub_files.matching(PATHS, ["*.pdf"], dataset="a/b")


@pytest.mark.parametrize(
    ("paths", "split", "found"),
    [
        (["data/train-00000.parquet", "data/test-00000.parquet"], "train", [0]),
        (["data/train-00000.parquet", "data/test-00000.parquet"], "test", [1]),
        (["train/a.csv", "dev/a.csv"], "validation", [1]),
        (["a.csv", "b.csv"], "train", [0, 1]),
        (["it_train.txt", "training_notes_val.txt"], "train", [0, 1]),
        (["b.txt", "restrain.txt"], "train", [0, 1]),
        (["extra/a.txt", "train/a.txt"], "extra", [0]),
    ],
)
def test_without_a_card_names_of_folders_and_files_tell_the_split(
    paths: list[str], split: str, found: list[int]
):
    assert hub_files.conventional(paths, split, dataset="a/b") == [paths[i] for i in found]


def test_a_split_that_no_name_bears_is_refused_with_those_there_are():
    for paths, there in ((["train/a.csv", "test/a.csv"], "train, test"), (["a.csv"], "train")):
        message = re.escape(f"a/b has no split 'dev' there; it has {there}")
        with pytest.raises(UsageError, match=message):
            hub_files.conventional(paths, "dev", dataset="a/b")
