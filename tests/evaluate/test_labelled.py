"""Readers of labelled text."""

from pathlib import Path

import pytest

from filiberto.errors import BadDataError, UsageError
from filiberto.evaluate.labelled import iob2, read_file, read_folder

TREE = """\
# sent_id = 1
# text = Vado alla casa.
1\tVado\tandare\tVERB\t_\tMood=Ind|Number=Sing\t0\troot\t_\t_
2-3\talla\t_\t_\t_\t_\t_\t_\t_\t_
2\ta\ta\tADP\t_\t_\t4\tcase\t_\t_
3\tla\til\tDET\t_\tGender=Fem\t4\tdet\t_\t_
3.1\tnulla\t_\t_\t_\t_\t_\t_\t_\t_
4\tcasa\tcasa\tNOUN\t_\tGender=Fem\t1\tobl\t_\tSpaceAfter=No
5\t.\t.\tPUNCT\t_\t_\t1\tpunct\t_\t_
"""


def test_a_tree_has_its_words_without_contractions_and_empty_nodes(tmp_path: Path) -> None:
    path = tmp_path / "x.conllu"
    path.write_text(TREE + "\n" + TREE.replace("# text", "# other"), encoding="utf-8")
    first, second = read_file(path, "conllu")
    assert first.words == ("Vado", "a", "la", "casa", ".")
    assert first.text == "Vado alla casa."
    assert second.text == "Vado a la casa ."
    assert first.labels["upos"] == ("VERB", "ADP", "DET", "NOUN", "PUNCT")
    assert first.labels["head"] == ("0", "4", "4", "1", "1")


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("4\tcasa", "9\tcasa", r"line 8: '9\\tcasa"),
        ("\t4\tdet", "\tx\tdet", r"line 6: .* the number of its head"),
        ("\t4\tdet", "\t77\tdet", r"line 6: '3\\tla.* one of its sentence's 5 words as head"),
        ("\tSpaceAfter=No", "", r"line 8: .* ten columns"),
        ("\t4\tdet", "\t\u00b2\tdet", r"line 6: .* the number of its head"),
        ("2-3", "2-", r"line 4: '2-\\talla.*the first and the last word of a multiword token"),
        ("2-3", "2-1", r"line 4: '2-1\\talla.*the first and the last word"),
        ("2-3", "3-4", r"line 4: '3-4\\talla.*word 2"),
        ("2-3", "2-9", r"line 9: .*all words of the multiword token that ends at 9"),
        ("3\tla", "3-4\tx" + "\t_" * 8 + "\n3\tla", r"line 6: '3-4\\tx.*the first and the last"),
    ],
)
def test_what_is_no_tree_is_refused_by_its_line(
    tmp_path: Path, old: str, new: str, where: str
) -> None:
    path = tmp_path / "x.conllu"
    path.write_text(TREE.replace(old, new), encoding="utf-8")
    with pytest.raises(BadDataError, match=where):
        read_file(path, "conllu")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("O ORG ORG LOC O", "O B-ORG I-ORG B-LOC O"),
        ("B-PER I-PER B-PER O I-LOC", "B-PER I-PER B-PER O B-LOC"),
        ("I-PER I-ORG", "B-PER B-ORG"),
        ("B-PER E-PER S-PER S-PER O", "B-PER I-PER B-PER B-PER O"),
        ("B-PER I-PER L-PER U-LOC", "B-PER I-PER I-PER B-LOC"),
    ],
)
def test_bare_types_and_old_iob_become_iob2(labels: str, expected: str) -> None:
    assert iob2(labels.split()) == expected.split()


def test_entities_are_read_with_tabs_or_spaces(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("-DOCSTART- O\n\nil\tO\nRegno\tLOC\nUnito\tLOC\n\nMaria B-PER\n", "utf-8")
    first, second = read_file(path, "iob")
    assert first.labels["chunk"] == ("O", "B-LOC", "I-LOC")
    assert second.words == ("Maria",)
    path.write_text("il\tO\nRegno\n", "utf-8")
    with pytest.raises(BadDataError, match="line 2: 'Regno'"):
        read_file(path, "iob")


@pytest.mark.parametrize("label", ["B", "I", "-", "_"])
def test_a_label_without_a_type_is_refused(tmp_path: Path, label: str) -> None:
    path = tmp_path / "x.tsv"
    path.write_text(f"il\tO\nRegno\t{label}\n", "utf-8")
    with pytest.raises(BadDataError, match=r"line 2: .* a label with its type last"):
        read_file(path, "iob")


def test_a_comment_is_no_word_but_a_hash_is(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("# text = #Roma\n#\tO\nRoma\tB-LOC\n\n# O\nRoma B-LOC\n", "utf-8")
    for found in read_file(path, "iob"):
        assert found.words == ("#", "Roma")


def test_without_dev_a_tenth_of_train_is_set_apart_always_the_same(tmp_path: Path) -> None:
    lines = [f"frase numero {n}\t{n % 2}" for n in range(200)]
    (tmp_path / "a-train.tsv").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "a-test.tsv").write_text("prova\t1\n", encoding="utf-8")
    found = read_folder(tmp_path, "classes")
    assert 10 <= len(found.parts["dev"]) <= 30
    assert len(found.parts["dev"]) + len(found.parts["train"]) == 200
    assert read_folder(tmp_path, "classes").parts == found.parts
    for part in ("train", "test"):
        for path in tmp_path.glob(f"*{part}*"):
            path.write_text("sentence\tlabel\n" + path.read_text())
    assert read_folder(tmp_path, "classes").parts == found.parts
    (tmp_path / "a-dev.tsv").write_text("questa\t0\n", encoding="utf-8")
    assert len(read_folder(tmp_path, "classes").parts["train"]) == 200


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "x-train.conllu").write_text(TREE, encoding="utf-8")
    with pytest.raises(UsageError, match="has no test sentences"):
        read_folder(tmp_path, "conllu")
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        read_folder(tmp_path / "nowhere", "conllu")


def test_a_name_that_names_two_parts_is_refused(tmp_path: Path) -> None:
    for part in ("train", "dev"):
        (tmp_path / f"contest-{part}.conllu").write_text(TREE, encoding="utf-8")
    with pytest.raises(UsageError, match=r"contest-.*has both .* and test in it"):
        read_folder(tmp_path, "conllu")


def test_too_few_sentences_to_set_some_apart_are_refused(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / f"x-{part}.conllu").write_text(TREE, encoding="utf-8")
    with pytest.raises(UsageError, match="too few sentences"):
        read_folder(tmp_path, "conllu")


def test_the_same_files_as_other_parts_are_other_data(tmp_path: Path) -> None:
    for part in ("train", "test", "dev"):
        (tmp_path / f"x-{part}.conllu").write_text(TREE + "\n" + TREE, encoding="utf-8")
    before = read_folder(tmp_path, "conllu").digest
    (tmp_path / "x-test.conllu").write_text(TREE, encoding="utf-8")
    (tmp_path / "x-test2.conllu").write_text("\n" + TREE, encoding="utf-8")
    (tmp_path / "x-dev.conllu").rename(tmp_path / "x-train2.conllu")
    (tmp_path / "x-train.conllu").rename(tmp_path / "x-dev.conllu")
    assert read_folder(tmp_path, "conllu").digest != before
