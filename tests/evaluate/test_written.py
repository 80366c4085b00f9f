"""Trees as they stand in running text."""

from pathlib import Path

import pytest

from filiberto.errors import BadDataError
from filiberto.evaluate.written import read_written
from tests.evaluate.test_labelled import TREE


def test_contractions_are_whole_and_spaces_as_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "x.conllu"
    path.write_text(TREE, encoding="utf-8")
    (found,) = read_written(path)
    assert found.words == ("Vado", "alla", "casa", ".")
    assert found.labels == {"chunk": ("B-VERB", "B-ADP+DET", "B-NOUN", "B-PUNCT")}
    assert found.spaces == (True, True, False, True)


def test_the_space_after_a_contraction_is_that_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.conllu"
    whole = "2-3\talla" + "\t_" * 8
    joined = whole[:-1] + "SpaceAfter=No"
    path.write_text(TREE.replace(whole, joined), encoding="utf-8")
    (found,) = read_written(path)
    assert found.spaces == (True, False, False, True)


def test_a_file_that_says_nothing_of_spaces_gets_them_by_custom(tmp_path: Path) -> None:
    path = tmp_path / "x.conllu"
    path.write_text(TREE.replace("SpaceAfter=No", "_"), encoding="utf-8")
    (found,) = read_written(path)
    assert found.spaces == (True, True, False, True)
    # One that says where there is none is believed where it says nothing.
    other = TREE.replace("casa\tcasa", "l'\tcasa").replace("SpaceAfter=No", "_")
    path.write_text(TREE + "\n" + other, encoding="utf-8")
    _, second = read_written(path)
    assert second.spaces == (True,) * 4


@pytest.mark.parametrize("range_", ["2-", "2-2", "2-9", "3-4", "2-x"])
def test_a_contraction_of_no_words_is_refused(tmp_path: Path, range_: str) -> None:
    path = tmp_path / "x.conllu"
    path.write_text(TREE.replace("2-3", range_), encoding="utf-8")
    with pytest.raises(BadDataError, match=r"x\.conllu, line \d"):
        read_written(path)
