"""Trees as they stand in running text."""

from pathlib import Path

from filiberto.evaluate.labelled import Sentence
from filiberto.evaluate.written import read_written
from tests.evaluate.test_labelled import TREE

WHOLE = "2-3\talla" + "\t_" * 8


def read(folder: Path, *texts: str) -> list[list[Sentence]]:
    paths = [folder / f"{number}.conllu" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return read_written(paths)


def test_multiword_tokens_are_whole_and_spaces_as_the_file_says(tmp_path: Path) -> None:
    ((found,),) = read(tmp_path, TREE)
    assert found.words == ("Vado", "alla", "casa", ".")
    assert found.labels == {"chunk": ("B-VERB", "B-ADP+DET", "B-NOUN", "B-PUNCT")}
    assert found.spaces == (True, True, False, True)


def test_a_form_may_have_a_space_inside_and_an_empty_node_may_be_first(tmp_path: Path) -> None:
    empty = "0.1" + "\t_" * 9 + "\n"
    text = TREE.replace("1\tVado", empty + "1\tVado").replace("casa\tcasa", "casa  mia\t_")
    ((found,),) = read(tmp_path, text)
    assert found.words == ("Vado", "alla", "casa mia", ".")


def test_the_space_after_a_multiword_token_is_that_of_the_whole(tmp_path: Path) -> None:
    silent = TREE.replace("SpaceAfter=No", "_")
    ((found,),) = read(tmp_path, silent.replace(WHOLE, WHOLE[:-1] + "SpaceAfter=No"))
    assert found.spaces == (True, False, True, True)
    # On a part of one it says nothing of what is written.
    ((found,),) = read(tmp_path, silent.replace("\tcase\t_\t_", "\tcase\t_\tSpaceAfter=No"))
    assert found.spaces == (True, True, False, True)


def test_a_treebank_that_says_nothing_of_spaces_gets_them_by_custom(tmp_path: Path) -> None:
    silent = TREE.replace("SpaceAfter=No", "_")
    ((found,),) = read(tmp_path, silent)
    assert found.spaces == (True, True, False, True)
    # Where one of its files says so, the others are believed.
    _, (found,) = read(tmp_path, TREE, silent)
    assert found.spaces == (True, True, True, True)
