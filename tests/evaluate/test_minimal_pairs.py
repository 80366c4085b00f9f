from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filiberto import road
from filiberto.config import EvaluateConfig, Recipe
from filiberto.errors import UsageError
from filiberto.evaluate.minimal_pairs import by_phenomenon, judge, wilson
from filiberto.evaluate.model import Reader, load_reader
from filiberto.evaluate.pair_files import MinimalPair, digest, read_pairs
from tests.test_initial import MAKERS

MULTIBLIMP = (
    "\tsen\twrong_sen\tphenomenon\tprefix\n"
    '0\tLe ragazze leggono.\tLe ragazze legge.\tSV-#\t"Le\t"\n'
    '1\t"Disse ""va bene""."\t"Dissi ""va bene""."\tSV-P\t\n'
)
GULORDAVA = (
    "pattern\tconstr_id\tform\tclass\tprefix\tlen_prefix\tsent\n"
    "L__NOUN_VERB\t3\tcanta\tcorrect\tLa voce dei\t3\tLa voce dei corre bene . <eos>\n"
    "L__NOUN_VERB\t3\tcantano\twrong\tLa voce dei\t3\tLa voce dei corre bene . <eos>\n"
    "R__ADJ\t4\tlenti\twrong\tun cane e\t3\tun cane e bello <eos>\n"
    "R__ADJ\t4\tlento\tcorrect\tun cane e\t3\tun cane e bello <eos>\n"
)


@pytest.fixture(scope="module")
def reader(mini_run: Path) -> Reader:
    return load_reader(mini_run)


def quiet(amount: float, note: str = "", *, total: float | None = None) -> None:
    pass


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "pairs.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_sentence_as_in_training_beats_one_with_its_words_astray(reader: Reader) -> None:
    good = "Anna legge il libro oggi, e alle 3 torna a casa numero 7."
    astray = "Anna libro legge casa oggi, a alle 3 numero il e torna 7."
    pairs = [MinimalPair(good, astray, "order"), MinimalPair(astray, good, "back")]
    done: list[float] = []
    assert judge(reader, pairs, advance=done.append) == [True, False]
    assert sum(done) == pytest.approx(2)


def test_a_tie_is_not_right(reader: Reader, tmp_path: Path) -> None:
    same = MinimalPair("Anna legge", "Anna legge", "none")
    assert judge(reader, [same], advance=quiet) == [False]
    # A vocabulary without letters of their script makes one text of two.
    MAKERS["xlm-roberta"](tmp_path)
    blind = load_reader(tmp_path)
    assert judge(blind, [MinimalPair("Anna 漢", "Anna 字", "script")], advance=quiet) == [False]


def test_every_pair_counts_in_its_phenomenon_and_over_all() -> None:
    pairs = [MinimalPair("a", "b", name) for name in ("number", "gender", "number", "number")]
    rows = by_phenomenon(pairs, [True, False, True, False])
    counts = [(row["phenomenon"], row["right"], row["count"]) for row in rows]
    assert counts == [("number", 2, 3), ("gender", 0, 1), ("all", 2, 4)]
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in rows)
    assert by_phenomenon([], []) == []


def test_no_phenomenon_takes_the_name_of_them_all(tmp_path: Path) -> None:
    path = tmp_path / "all.tsv"
    path.write_text("Vado\tVai\n")
    assert [pair.phenomenon for pair in read_pairs(path)] == ["all.tsv"]
    path.write_text("Vado\tVai\tnumber\nVado\tVai\tall\n")
    with pytest.raises(UsageError, match="line 2: the phenomenon is 'all'"):
        read_pairs(path)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        (9, 10, 0.5958, 0.9821),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_the_interval_is_wilsons(right: int, count: int, low: float, high: float) -> None:
    # The last is the worked example of Newcombe 1998 (Statistics in Medicine 17, table I).
    assert wilson(right, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("right", "count"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share_has_no_interval(right: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"{right} right of {count}"):
        wilson(right, count)


def test_the_hash_knows_order_and_side() -> None:
    one, other = MinimalPair("a", "b", "x"), MinimalPair("b", "a", "x")
    assert len({digest(pairs) for pairs in ([one, other], [other, one], [one], [])}) == 4


TEXT = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT).filter(lambda pair: pair[0] != pair[1]), min_size=1))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    from unicodedata import normalize

    lines = ["good\tbad\tphenomenon", *("\t".join(row) for row in rows)]
    path = written(tmp_path_factory.mktemp("pairs"), "\r\n".join(lines))
    composed = [MinimalPair(*(normalize("NFC", cell) for cell in row)) for row in rows]
    if any(pair.good == pair.bad for pair in composed):
        with pytest.raises(UsageError, match="both sentences are"):
            read_pairs(path)
    else:
        assert read_pairs(path) == composed


def test_a_quotation_mark_is_one_in_the_plain_layout(tmp_path: Path) -> None:
    path = written(tmp_path, '"Va, disse\t"Vado, disse\n\n«Va»\t«Vado»\n')
    assert [pair.good for pair in read_pairs(path)] == ['"Va, disse', "«Va»"]
    assert {pair.phenomenon for pair in read_pairs(path)} == {"pairs"}


@pytest.mark.parametrize("start", ["", "\ufeff", "good\tbad\n", "Good\tBad\tPhenomenon\r\n"])
def test_a_header_and_a_byte_order_mark_are_no_pair(tmp_path: Path, start: str) -> None:
    (pair,) = read_pairs(written(tmp_path, f"{start}Anna va\tAnna vado"))
    assert (pair.good, pair.bad) == ("Anna va", "Anna vado")


def test_multiblimp_is_read_by_its_columns(tmp_path: Path) -> None:
    content = MULTIBLIMP.replace('"Le\t"', "Le ragazze")
    assert read_pairs(written(tmp_path, content)) == [
        MinimalPair("Le ragazze leggono.", "Le ragazze legge.", "SV-#"),
        MinimalPair('Disse "va bene".', 'Dissi "va bene".', "SV-P"),
    ]
    assert read_pairs(written(tmp_path, MULTIBLIMP)) == read_pairs(written(tmp_path, content))


def test_gulordavas_forms_are_put_into_their_sentences(tmp_path: Path) -> None:
    assert read_pairs(written(tmp_path, GULORDAVA)) == [
        MinimalPair("La voce dei canta bene .", "La voce dei cantano bene .", "L__NOUN_VERB"),
        MinimalPair("un cane e lento", "un cane e lenti", "R__ADJ"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no minimal pair"),
        ("good\tbad\n", "holds no minimal pair"),
        ("a\tb\nsolo una frase\n", r"pairs\.tsv, line 2: has 1 column"),
        ("a\tb\tc\td\n", "line 1: has 4 columns"),
        ("a\tb\n\tc\n", "line 2: the good sentence is empty"),
        ("a\t \n", "line 1: the bad sentence is empty"),
        ("a\tb\nAnna va\tAnna va\n", "line 2: both sentences are 'Anna va'"),
        ("perche\u0301\tperché\n", "both sentences are 'perché'"),
        (b"a\tb\nperch\xe9\tc\n", "line 2: the byte e9 is not UTF-8"),
        ("sen\twrong_sen\na\n", "line 2: has 1 column, the first line 2"),
        ('sen\twrong_sen\n"a\tb\n', "unexpected end of data"),
        ("sen\tx\r\twrong_sen\na\tb\tc\n", "line 1: new-line character seen"),
        (GULORDAVA.replace("wrong\tLa", "right\tLa"), "line 3: `class` is 'right'"),
        (GULORDAVA.replace("wrong\tLa voce", "wrong\tLe voci"), "no partner of line 2, 'canta'"),
        (GULORDAVA.replace("wrong", "correct"), "line 3: is no partner of line 2, 'canta'"),
        (GULORDAVA.rpartition("R__ADJ")[0], "line 4: 'lenti' has no partner"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        read_pairs(written(tmp_path, content))


def test_a_file_that_is_not_there_is_named_before_anything_is_made(tmp_path: Path) -> None:
    settings = EvaluateConfig(pairs=(str(tmp_path / "nowhere.tsv"),))
    recipe = Recipe(text=("frasi.txt",), evaluate=settings)
    with pytest.raises(UsageError, match=r"nowhere\.tsv: no such file of minimal pairs"):
        road.run(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
