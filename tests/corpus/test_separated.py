import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filiberto import corpus
from filiberto.config import CorpusConfig
from filiberto.corpus import decoding, reading, separated, sources
from filiberto.corpus.decoding import Reason
from filiberto.errors import UsageError


def read(path: Path, **settings: Any) -> tuple[list[str], dict[int, decoding.Bad]]:
    """Texts of all records, and what is wrong with some."""
    (source,) = sources.find([str(path)], phrasebook_bytes=1)
    texts: list[str] = []
    bad: dict[int, decoding.Bad] = {}
    asked = CorpusConfig(**settings)
    for part in decoding.decoded(source, settings=asked, seed=0, advance=lambda _: None):
        bad |= {len(texts) + i: why for i, why in part.bad.items()}
        texts += part.texts.to_pylist()
    return texts, bad


def file(tmp_path: Path, data: bytes | str, name: str = "a.csv") -> Path:
    path = tmp_path / name
    raw = data.encode() if isinstance(data, str) else data
    if name.endswith(".gz"):
        raw = gzip.compress(raw)
    if name.endswith(".zst"):
        raw = pa.compress(raw, codec="zstd", asbytes=True)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.zst"])
def test_the_column_asked_for_is_read(tmp_path: Path, name: str):
    data = 'n,corpo\n1,uno\n2,"due, e ""tre"""\r\n\n4,"quattro\ne\r\ncinque"\n'
    texts, bad = read(file(tmp_path, data, name), text_field="corpo")
    assert texts == ["uno", 'due, e "tre"', "", "quattro\ne\ncinque"]
    assert bad == {}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_that_gives_the_column(tmp_path: Path, separator: str):
    rows = [["id", "text"], ["1", "a, b; c"], ["2", "d"]]
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator).writerows(rows)
    assert read(file(tmp_path, buffer.getvalue()))[0] == ["a, b; c", "d"]


def test_a_tsv_whose_writer_never_quotes_is_read_as_it_stands(tmp_path: Path):
    data = 'id\ttext\n1\t"Ciao" disse\n2\t"aperta\n3\t"tra virgolette"\n4\tuno, due\n'
    texts, bad = read(file(tmp_path, data, "a.tsv"))
    assert texts == ['"Ciao" disse', '"aperta', "tra virgolette", "uno, due"]
    assert bad == {}


def test_a_missing_column_is_refused_with_those_there_are(tmp_path: Path):
    with pytest.raises(UsageError, match=r"no column `text`; seen: id, frase\n.*text-field id"):
        read(file(tmp_path, "id;frase\n1;ciao\n"))


def test_a_stray_quote_costs_its_own_line_alone(tmp_path: Path):
    good = "".join(f"{i},riga {i}\n" for i in range(50))
    data = f'id,text\n{good}50,"aperta\n{good}51,"chiusa" male\n{good}52,"in fondo'
    texts, bad = read(file(tmp_path, data))
    assert len(texts) == 153
    assert [texts[i] for i in range(150) if i % 51 < 50] == [f"riga {i}" for i in range(50)] * 2 + [
        f"riga {i}" for i in range(48)
    ]
    assert {i: why.reason for i, why in bad.items()} == dict.fromkeys(
        [50, 101, 152], Reason.CSV_INVALID
    )
    assert bad[50].preview == '50,"aperta'
    assert data.encode()[bad[50].offset or 0 :].startswith(b'50,"aperta')


@pytest.mark.parametrize("row", ["1", "1,due,tre", "1,", '1,"a","b"'])
def test_a_row_of_another_width_is_malformed_but_an_empty_cell_is_not(tmp_path: Path, row: str):
    texts, bad = read(file(tmp_path, f"id,text\n0,prima\n{row}\n2,dopo\n"))
    assert texts[0] == "prima"
    assert texts[-1] == "dopo"
    assert list(bad) == ([] if row == "1," else [1])


def test_a_byte_that_is_no_utf8_costs_its_row(tmp_path: Path):
    data = b'id,text\n1,uno\n2,du\xff\n3,"tre\nqu\xffattro"\n5,cinque\n'
    texts, bad = read(file(tmp_path, data))
    assert texts[0] == "uno"
    assert texts[-1] == "cinque"
    reasons = [why.reason for why in bad.values()]
    assert reasons == [Reason.UTF8_INVALID, Reason.CSV_INVALID, Reason.UTF8_INVALID]


def test_a_quote_that_is_never_closed_ends_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(separated, "MAX_ROW_CHARACTERS", 1_000)
    good = "".join(f"{i},riga\n" for i in range(200))
    texts, bad = read(file(tmp_path, f'id,text\n0,"aperta\n{good}'))
    assert texts[1:] == ["riga"] * 200
    assert list(bad) == [0]


def test_an_empty_file_has_no_records(tmp_path: Path):
    assert read(file(tmp_path, "")) == ([], {})


@given(
    st.lists(
        st.tuples(*(st.text(st.characters(exclude_characters="\r\0", codec="utf-8")),) * 2),
        max_size=20,
    )
)
def test_what_a_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
):
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "text"), *rows])
    texts, bad = read(file(tmp_path_factory.mktemp("csv"), buffer.getvalue()))
    assert bad == {}
    assert texts == [text for _, text in rows]


def test_a_corpus_is_built_of_separated_values(tmp_path: Path):
    file(tmp_path, "id,text\n1,uno\n2,due\n3\n" + "4,ancora\n" * 300)
    run = tmp_path / "run"
    run.mkdir()
    done = corpus.build(run, text=[str(tmp_path / "a.csv")])
    assert done.facts["total"]["quarantined"] == {"csv_invalid": 1}
    sides = [reading.documents(run / "corpus", split=s) for s in ("train", "validation")]
    assert {t for side in sides for b in side for _, t in b} == {"uno", "due", "ancora"}
