import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filiberto.corpus import blocks
from tests.corpus.conftest import LINES, build, documents, texts, write


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.txt.zst", "A.TXT"])
def test_a_text_file_is_read_line_by_line(run: Path, tmp_path: Path, name: str):
    manifest = build(run, write(tmp_path / name, LINES))
    assert documents(run) == {f"{name}:{i}": line for i, line in enumerate(LINES)}
    assert manifest.facts["total"]["kept"] == 6
    assert manifest.facts["train"]["documents"] + manifest.facts["validation"]["documents"] == 6


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_json_lines_give_the_field_asked_for(run: Path, tmp_path: Path, name: str):
    lines = [json.dumps({"id": 1, "corpo": line}) for line in LINES]
    build(run, write(tmp_path / name, lines), text_field="corpo")
    assert texts(run) == LINES


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_parquet_gives_the_column_asked_for(run: Path, tmp_path: Path, kind: pa.DataType):
    column = pa.array(LINES).cast(kind)
    pq.write_table(pa.table({"n": range(6), "corpo": column}), tmp_path / "a.parquet")
    build(run, tmp_path / "a.parquet", text_field="corpo")
    assert texts(run) == LINES


def test_concatenated_gzip_members_and_zstd_frames_are_read_to_the_end(run: Path, tmp_path: Path):
    write(tmp_path / "a.txt.gz", "")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"uno\n") + gzip.compress(b"due\n"))
    frames = [pa.compress(x, codec="zstd", asbytes=True) for x in (b"tre\n", b"quattro\n")]
    (tmp_path / "b.txt.zst").write_bytes(b"".join(frames))
    build(run, tmp_path / "a.txt.gz", tmp_path / "b.txt.zst")
    assert texts(run) == ["uno", "due", "tre", "quattro"]


def test_paragraphs_are_what_blank_lines_part(run: Path, tmp_path: Path):
    text = "\n \nuno\ndue\n\n\n  tre\r\n \t\r\nquattro\n\n"
    build(run, write(tmp_path / "a.txt", text), documents="paragraph")
    assert texts(run) == ["uno due", "tre", "quattro"]


def test_a_file_can_be_a_document(run: Path, tmp_path: Path):
    write(tmp_path / "in/a.txt", "uno\n\ndue\n")
    write(tmp_path / "in/b.txt", "tre")
    manifest = build(run, tmp_path / "in", documents="file")
    assert texts(run) == ["uno due", "tre"]
    assert manifest.facts["validation"]["documents"] == 1


@pytest.mark.parametrize("unit", ["line", "paragraph", "file"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 4096])
def test_the_edges_of_chunks_change_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str, chunk: int
):
    monkeypatch.setattr(blocks, "CHUNK_BYTES", chunk)
    raw = "\ufeffperché\nèé\r\n\n \n\nतीन\u2028x\n\n\n\nfine".encode()
    manifest = build(run, write(tmp_path / "a.txt", raw), documents=unit)
    expected = {
        "line": ["perché", "èé", "तीन x", "fine"],
        "paragraph": ["perché èé", "तीन x", "fine"],
        "file": ["perché èé तीन x fine"],
    }[unit]
    assert texts(run) == expected
    assert manifest.facts["total"]["read"] == {"line": 10, "paragraph": 3, "file": 1}[unit]


def test_only_a_newline_ends_a_line(run: Path, tmp_path: Path):
    raw = "a\u2028b\u0085c\x0bd\x0ce\rf\r\nultima senza fine"
    build(run, write(tmp_path / "a.txt", raw))
    assert texts(run) == ["a b c d e f", "ultima senza fine"]


def test_literal_special_tokens_are_ordinary_text(run: Path, tmp_path: Path):
    lines = ["<mask> </s> <pad>", "<script>alert(1)</script>", "{{7*7}}", "una frase"]
    build(run, write(tmp_path / "a.txt", lines), skip_rules=("too_short",))
    assert texts(run) == lines
