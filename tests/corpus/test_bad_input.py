import random
import subprocess
import sys
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
        (7, "json_too_deep"),
        (10, "json_truncated"),
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
    with pytest.raises(BadDataError, match=r"a\.txt\.gz .*format_mismatch"):
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


LINE = "una frase come tante, che resta"


@pytest.mark.parametrize(
    ("dirty", "kept"),
    [
        (b"\xef\xbb\xbf" + LINE.encode(), LINE),  # a mark at the beginning of a line
        (LINE.encode() + b"\r", LINE),
        (LINE.replace(" ", "\x00 ", 1).encode(), LINE),
        (LINE.replace(" ", "\u200b" * 10_000 + " ", 1).encode(), LINE),
        (LINE.replace(", ", ",\u2028", 1).encode(), LINE),  # no line end to us, but white space
        (b"a" * 1_000_000, "a" * 1_000_000),
    ],
)
def test_what_is_mended_or_left_as_it_is(run: Path, tmp_path: Path, dirty: bytes, kept: str):
    raw = b"\n".join([b"prima riga del file", dirty, b"ultima riga, senza fine"])
    build(run, write(tmp_path / "a.txt", raw), documents="line")
    assert texts(run) == ["prima riga del file", kept, "ultima riga, senza fine"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("\ufffd\ufffd testo\ufffd", "mojibake"),
        ("a" + "\u0301" * 100_000, "combining_flood"),
    ],
)
def test_text_that_is_none_is_quarantined_with_a_preview(
    run: Path, tmp_path: Path, line: str, reason: str
):
    write(tmp_path / "a.txt", [*LINES, line, *["altre", "due"]])
    build(run, tmp_path / "a.txt", documents="line", max_bad_share=0.5)
    (bad,) = quarantined(run)
    assert (bad["record"], bad["reason"]) == (6, reason)
    assert len(bad["preview"]) <= 80
    assert line not in texts(run)


def test_where_a_json_line_is_wrong_is_told_to_the_byte(run: Path, tmp_path: Path):
    raw = '{"text": "perché"}\n{"text": "è", }\n{"text": "a", "text": "b"}\n{"text": "fin'
    build(run, write(tmp_path / "a.jsonl", raw), max_bad_share=1.0)
    places = [(bad["record"], bad["reason"], bad["offset"]) for bad in quarantined(run)]
    second, third = len(raw.split("\n")[0].encode()) + 1, raw.encode().index(b'{"text": "a"')
    assert places == [
        (1, "json_invalid", second + len('{"text": "è", '.encode())),
        (2, "json_duplicate_key", third),
        (3, "json_truncated", raw.encode().index(b'"fin')),
    ]


def test_a_damaged_file_can_be_skipped_from_where_it_breaks(run: Path, tmp_path: Path):
    good = write(tmp_path / "in/a.txt", [f"riga {i} del file sano" for i in range(300)])
    lines = [f"riga {i} {random.Random(i).random()}" for i in range(200_000)]
    broken = write(tmp_path / "in/b.txt.gz", lines)
    broken.write_bytes(broken.read_bytes()[:-1000])
    with pytest.raises(BadDataError, match=r"b\.txt\.gz .*gzip_truncated"):
        build(run, tmp_path / "in")
    kept = build(run, tmp_path / "in", on_bad_file="skip", skip_rules=("digits",)).facts
    assert kept["sources"]["a.txt"]["quarantined"] == {}
    assert kept["sources"]["b.txt.gz"]["quarantined"] == {"file_damaged": 1}
    assert kept["sources"]["b.txt.gz"]["read"] > 1000
    assert good.exists()
    assert str(tmp_path) not in (run / "corpus/quarantine.jsonl").read_text(encoding="utf-8")


def test_a_file_that_unpacks_to_no_text_ever_written_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(blocks, "_BOMB_BYTES", 1 << 20)
    bomb = write(tmp_path / "a.txt.gz", b"a" * (4 << 20))
    with pytest.raises(BadDataError, match=r"a\.txt\.gz is a bomb: \d+ bytes unpack to more than"):
        build(run, bomb)


def test_marks_from_a_page_are_inert(run: Path, tmp_path: Path):
    lines = ["<img src=x onerror=alert(1)> una frase", "{{7*7}} una frase", "\x1b[31mrosso, dice"]
    write(tmp_path / "<script>.txt", lines + lines)
    build(run, tmp_path / "<script>.txt", documents="line")
    page = (run / "corpus/report.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "<script>" not in page
    assert "&lt;img src=x" in page
    assert "{{7*7}}" in page
    assert "\x1b" not in page


# VmHWM and not ru_maxrss, in which a process inherits the memory of the one that started it.
PEAK = """
import re, sys
from pathlib import Path
from filiberto import corpus
from filiberto.config import CorpusConfig
settings = CorpusConfig(documents="line", max_bad_share=0.5)
made = corpus.build(Path(sys.argv[1]), text=[sys.argv[2]], settings=settings)
total = made.facts["total"]
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(total["read"], total["kept"], int(peak) * 1024)
"""


def peak(run: Path, file: Path) -> tuple[int, int, int]:
    command = [sys.executable, "-c", PEAK, str(run), str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    read, kept, num_bytes = map(int, done.stdout.splitlines()[-1].split())
    return read, kept, num_bytes


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells its peak there")
def test_a_line_of_200_megabytes_costs_neither_memory_nor_its_neighbour(run: Path, tmp_path: Path):
    file = tmp_path / "a.txt"
    with file.open("wb") as out:
        out.write(b"prima riga del file\n" + b"x" * 200_000_000 + b"\nultima riga del file\n")
    read, kept, num_bytes = peak(run, file)
    assert (read, kept) == (3, 2)
    assert num_bytes < 1e9 + 250 * read


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells its peak there")
def test_two_million_tiny_lines_and_a_million_empty_ones_stay_within_the_bound(
    run: Path, tmp_path: Path
):
    file = tmp_path / "a.txt"
    tiny = "".join(f"n{i:x}\n" for i in range(2_000_000))
    file.write_text(tiny + "\n" * 1_000_000, encoding="utf-8")
    read, _, num_bytes = peak(run, file)
    assert read == 3_000_000
    assert num_bytes < 1e9 + 250 * read
