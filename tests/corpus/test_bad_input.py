import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filiberto.corpus import blocks
from filiberto.errors import (
    BadDataError,
    UsageError,
)
from tests.corpus.conftest import LINES, build, documents, quarantined, texts, write


def test_a_bad_byte_costs_one_line_and_no_neighbour(run: Path, tmp_path: Path):
    raw = b"uno\ndue\xff\x07\ntre\n\xed\xa0\x80\n" + "perché\n".encode()
    manifest = build(run, write(tmp_path / "a.txt", raw), max_bad_share=0.5)
    assert documents(run) == {"a.txt:0": "uno", "a.txt:2": "tre", "a.txt:4": "perché"}
    assert manifest.facts["total"]["quarantined"] == {"utf8_invalid": 2}
    assert quarantined(run)[0] == {
        "source": "a.txt",
        "record": 1,
        "offset": 7,
        "reason": "utf8_invalid",
        "preview": "due\\xff\\x07",
    }


def test_each_way_a_json_line_can_be_wrong_has_its_reason(run: Path, tmp_path: Path):
    lines = [
        '{"text": "bene"}',
        '{"text": "virgola",}',
        '{"testo": "altro"}',
        '{"text": 123}',
        '{"text": null}',
        "[1]",
        '{"text": "\\ud800"}',
        "[" * 100_000,
        '\ufeff{"text": "anche bene"}',
        "",
        '{"text": "tron',
    ]
    build(run, write(tmp_path / "a.jsonl", lines), max_bad_share=1.0)
    assert texts(run) == ["bene", "anche bene"]
    assert [(line["record"], line["reason"]) for line in quarantined(run)] == [
        (1, "json_invalid"),
        (2, "missing_field"),
        (3, "field_type"),
        (4, "field_type"),
        (5, "field_type"),
        (6, "lone_surrogate"),
        (7, "json_invalid"),
        (10, "json_invalid"),
    ]
    assert quarantined(run)[1]["offset"] == len('{"text": "bene"}\n{"text": "virgola",}\n')


def test_a_null_in_parquet_is_quarantined(run: Path, tmp_path: Path):
    pq.write_table(pa.table({"text": ["uno", None, "due"]}), tmp_path / "a.parquet")
    build(run, tmp_path / "a.parquet", max_bad_share=0.5)
    assert texts(run) == ["uno", "due"]
    assert quarantined(run)[0]["reason"] == "field_type"


@pytest.mark.parametrize("chunk", [16, 64, 1 << 20])
def test_a_line_that_is_too_long_costs_no_neighbour(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
):
    monkeypatch.setattr(blocks, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(blocks, "MAX_RECORD_BYTES", 2000)
    raw = b"uno\n" + b"x" * 2000 + b"\n" + b"y" * 20_000 + b"\n" + b"due\n\xff\n"
    build(run, write(tmp_path / "a.txt", raw), max_bad_share=1.0)
    assert [text[0] for text in texts(run)] == ["u", "d"]
    assert [(q["record"], q["offset"], q["reason"]) for q in quarantined(run)] == [
        (1, 4, "line_too_long"),
        (2, 2005, "line_too_long"),
        (4, 22_010, "utf8_invalid"),
    ]
    assert quarantined(run)[1]["preview"] == "y" * 80


def test_more_malformed_records_than_allowed_stop_with_counts_and_an_example(
    run: Path, tmp_path: Path
):
    file = write(tmp_path / "a.txt", b"uno\ndue\xff\ntre\n")
    with pytest.raises(BadDataError, match=r"1 of 3 records.*a\.txt, record 1, byte 7.*due\\xff"):
        build(run, file)
    assert list(run.iterdir()) == []


def test_latin_1_and_utf_16_are_recognised(run: Path, tmp_path: Path):
    latin = write(tmp_path / "latin.txt", "perché no\ncittà e virtù\n".encode("latin-1"))
    with pytest.raises(BadDataError, match=r"latin\.txt looks like latin-1"):
        build(run, latin)
    for encoding in ("utf-16", "utf-16-le"):
        wide = write(tmp_path / "wide.txt", "perché no\n".encode(encoding))
        with pytest.raises(BadDataError, match=r"wide\.txt looks like UTF-16"):
            build(run, wide)


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.parquet"])
@pytest.mark.parametrize("keep", [0.5, 0.95])
def test_a_file_that_was_cut_short_fails_by_name(run: Path, tmp_path: Path, name: str, keep: float):
    file = tmp_path / name
    lines = [f"riga {random.Random(i).random()}" for i in range(500)]
    if name.endswith("parquet"):
        pq.write_table(pa.table({"text": lines}), file)
    else:
        write(file, lines)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(BadDataError, match=f"{name} .* is damaged or cut short"):
        build(run, file)
    assert list(run.iterdir()) == []


def test_a_flipped_gzip_checksum_and_a_wrong_suffix_fail_by_name(run: Path, tmp_path: Path):
    file = write(tmp_path / "a.txt.gz", LINES)
    raw = bytearray(file.read_bytes())
    raw[-6] ^= 1
    file.write_bytes(raw)
    with pytest.raises(BadDataError, match=r"a\.txt\.gz .*CRC check failed"):
        build(run, file)
    file.write_bytes(b"solo testo\n")
    with pytest.raises(BadDataError, match=r"a\.txt\.gz .*Not a gzipped file"):
        build(run, file)


def test_a_field_or_column_that_is_nowhere_names_those_there_are(run: Path, tmp_path: Path):
    lines = write(tmp_path / "a.jsonl", ['{"corpo": "x", "id": 1}', '{"corpo": "y"}'])
    with pytest.raises(UsageError, match=r"a\.jsonl has no field `text`; seen: corpo, id"):
        build(run, lines)
    pq.write_table(pa.table({"corpo": ["x"], "id": [1]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match=r"a\.parquet has no column `text`; seen: corpo, id"):
        build(run, tmp_path / "a.parquet")
    with pytest.raises(UsageError, match=r"a\.parquet: column `id` holds int64, not text"):
        build(run, tmp_path / "a.parquet", text_field="id")


def test_one_json_array_is_recognised(run: Path, tmp_path: Path):
    with pytest.raises(BadDataError, match=r"a\.jsonl looks like one JSON array"):
        build(run, write(tmp_path / "a.jsonl", '[{"text": "uno"},\n {"text": "due"}]\n'))


def test_an_empty_corpus_stops_with_the_numbers(run: Path, tmp_path: Path):
    write(tmp_path / "in/a.txt", "\n \n\t\n")
    write(tmp_path / "in/b.txt", "")
    with pytest.raises(BadDataError, match="no text is left: 3 records were read, 3 empty"):
        build(run, tmp_path / "in")
