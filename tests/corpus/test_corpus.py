import contextlib
import gzip
import json
import os
import pty
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from filiberto import corpus
from filiberto.config import CorpusConfig, Recipe
from filiberto.corpus import blocks, engine, funnel, reading, store
from filiberto.errors import (
    BadDataError,
    OtherRunError,
    TryAgainError,
    UnfinishedStageError,
    UsageError,
)
from filiberto.runfolder.manifest import Manifest

LINES = ["uno", "due", "tre", "quattro", "cinque", "sei"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def build(run: Path, *text: Path, force: bool = False, seed: int = 0, **settings: Any) -> Manifest:
    return corpus.build(
        run,
        text=[str(path) for path in text],
        settings=CorpusConfig(**settings),
        seed=seed,
        force=force,
    )


def write(path: Path, data: bytes | str | list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in data) if isinstance(data, list) else data
    raw = text.encode() if isinstance(text, str) else text
    if path.suffix == ".gz":
        raw = gzip.compress(raw)
    if path.suffix == ".zst":
        raw = pa.compress(raw, codec="zstd", asbytes=True)
    path.write_bytes(raw)
    return path


def documents(run: Path) -> dict[str, str]:
    """Text by id, of both sides."""
    sides = [reading.documents(run / "corpus", split=s) for s in ("train", "validation")]
    return dict(sorted(pair for side in sides for batch in side for pair in batch))


def texts(run: Path) -> list[str]:
    """Texts of both sides, in the order of the corpus."""
    found = documents(run)
    return [found[key] for key in sorted(found, key=lambda i: (i.split(":")[0], number(i)))]


def number(identity: str) -> int:
    return int(identity.rsplit(":", 1)[1])


def quarantined(run: Path) -> list[dict[str, Any]]:
    lines = (run / "corpus/quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


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
    lines = ["<mask> </s> <pad>", "<script>alert(1)</script>", "{{7*7}}"]
    build(run, write(tmp_path / "a.txt", lines))
    assert texts(run) == lines


def test_duplicates_go_and_the_first_survives(run: Path, tmp_path: Path):
    write(tmp_path / "in/b.txt", ["ciao", "nuovo", "ciao"])
    write(tmp_path / "in/a.txt", ["prima", " ciao ", "", "  "])
    manifest = build(run, tmp_path / "in")
    assert documents(run) == {"a.txt:0": "prima", "a.txt:1": "ciao", "b.txt:1": "nuovo"}
    assert manifest.facts["total"]["dropped"] == {"empty": 2, "duplicate": 2}
    assert manifest.facts["sources"]["b.txt"]["dropped"]["duplicate"] == 2


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
        (1, 4, "too_long"),
        (2, 2005, "too_long"),
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
    with pytest.raises(BadDataError, match="no text is left: 3 records were read, 3 of them empty"):
        build(run, tmp_path / "in")


def test_no_match_stops_before_anything_is_written(run: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="no text file matches"):
        build(run, tmp_path / "*.txt")
    assert list(run.iterdir()) == []


def big_folder(tmp_path: Path) -> Path:
    for i in range(7):
        lines = [f"riga {j % 40 if j % 10 == 0 else j} del file {i}" for j in range(i * 90)]
        write(tmp_path / f"in/{i}.txt", lines)
    write(tmp_path / "in/7.txt", b"bene\n\xff\n")
    return tmp_path / "in"


def test_the_order_in_which_the_engine_gives_rows_changes_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = big_folder(tmp_path)
    monkeypatch.setattr(store, "WINDOW_BYTES", 10_000)
    monkeypatch.setattr(store, "FILE_BYTES", 15_000)
    in_order = engine.clean_batches
    files = []
    for shuffle in range(4):

        def shuffled(*args: Any, shuffle: int = shuffle, **kwargs: Any) -> Iterator[Any]:
            table = pa.Table.from_batches(in_order(*args, **kwargs))
            rows = list(range(len(table)))
            random.Random(shuffle).shuffle(rows)
            table = table.take(rows).combine_chunks()
            yield from table.to_batches(max_chunksize=100 * shuffle + 11)

        monkeypatch.setattr(engine, "clean_batches", shuffled)
        (tmp_path / f"run{shuffle}").mkdir()
        files.append(build(tmp_path / f"run{shuffle}", folder).files)
    assert files[1:] == files[:1] * 3
    assert len([name for name in files[0] if name.startswith("train")]) > 1


def test_the_same_build_twice_gives_the_same_bytes(tmp_path: Path):
    folder = big_folder(tmp_path)
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        files.append(build(tmp_path / name, folder, max_bad_share=0.1).files)
    assert files[0] == files[1]


def test_an_unchanged_corpus_is_not_built_again(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = write(tmp_path / "a.txt", LINES)
    first = build(run, file)
    os.utime(file, (0, 0))
    monkeypatch.delattr(store, "write")
    assert build(run, file) == first


def test_other_settings_or_text_never_replace_a_corpus_unasked(run: Path, tmp_path: Path):
    file = write(tmp_path / "a.txt", LINES)
    build(run, file)
    with pytest.raises(OtherRunError, match="`documents` 'auto' there, 'file' now"):
        build(run, file, documents="file")
    with pytest.raises(OtherRunError, match="`seed` 0 there, 1 now"):
        build(run, file, seed=1)
    write(file, [*LINES, "sette"])
    with pytest.raises(OtherRunError, match=r"inputs: a\.txt"):
        build(run, file)
    assert build(run, file, force=True).facts["total"]["kept"] == 7
    assert texts(run)[-1] == "sette"


def test_a_failed_rebuild_leaves_the_old_corpus(run: Path, tmp_path: Path):
    build(run, write(tmp_path / "a.txt", LINES))
    with pytest.raises(BadDataError, match="no text is left"):
        build(run, write(tmp_path / "b.txt", "\n"), force=True)
    assert texts(run) == LINES


RECORDS = st.lists(st.sampled_from([b"uno", b"due", b"tre", b"", b"  ", b"\xff", b"a\tb"]))


@given(st.lists(RECORDS, min_size=1, max_size=3))
@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_record_is_kept_dropped_or_quarantined(tmp_path: Path, files: list[list[bytes]]):
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    (folder / "run").mkdir()
    files[0].append(b"sempre")
    for i, lines in enumerate(files):
        write(folder / f"in/{i}.txt", b"".join(line + b"\n" for line in lines))
    facts = build(folder / "run", folder / "in", documents="line", max_bad_share=1.0).facts
    for account, lines in zip(facts["sources"].values(), files, strict=True):
        assert account["read"] == len(lines)
        assert account["dropped"]["empty"] == sum(not line.strip() for line in lines)
        assert sum(account["quarantined"].values()) == lines.count(b"\xff")
    total = facts["total"]
    distinct = {line for lines in files for line in lines if line.strip() and line != b"\xff"}
    assert total["kept"] == len(distinct) == len(documents(folder / "run"))
    assert total["read"] == total["kept"] + sum(total["dropped"].values()) + sum(
        total["quarantined"].values()
    )
    assert total["kept"] == facts["train"]["documents"] + facts["validation"]["documents"]


def test_the_funnel_is_shown(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "a.txt", [*LINES, "uno", ""])
    recipe = Recipe(text=(str(tmp_path / "a.txt"),), corpus=CorpusConfig(documents="line"))
    corpus.run(recipe, run, force=False)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        ["records", "MB", "%"],
        ["read", "8", "100.0"],
        ["-", "empty", "1", "12.5"],
        ["-", "duplicate", "1", "0.0", "12.5"],
        ["kept", "6", "0.0", "75.0"],
        ["train", "5", "0.0", "62.5"],
        ["validation", "1", "0.0", "12.5"],
    ]


def test_of_many_sources_the_largest_are_shown(run: Path, tmp_path: Path):
    for i in range(12):
        write(tmp_path / f"in/{i:02d}.txt", [f"{i} {j}" for j in range(i + 1)])
    lines = funnel.render(build(run, tmp_path / "in").facts)
    assert [line.split()[1] for line in lines if "from" in line] == [
        "11.txt",
        "10.txt",
        "09.txt",
        "08.txt",
        "07.txt",
        "7",
    ]


def test_documents_come_in_order_and_in_small_batches(run: Path, tmp_path: Path):
    lines = [f"riga numero {i}" for i in range(3000)]
    build(run, write(tmp_path / "a.txt", lines))
    batches = list(reading.documents(run / "corpus", split="train", batch_bytes=1000))
    assert all(sum(len(text) for _, text in batch) < 1020 for batch in batches)
    numbers = [number(identity) for batch in batches for identity, _ in batch]
    assert numbers == sorted(numbers)
    assert all(text == lines[number(i)] for batch in batches for i, text in batch)


def test_a_sample_is_all_text_or_a_uniform_part(run: Path, tmp_path: Path):
    build(run, write(tmp_path / "a.txt", [f"riga numero {i:05d}" for i in range(4000)]))

    def sample(max_bytes: int, seed: int = 0) -> list[str]:
        drawn = reading.sample(run / "corpus", max_bytes=max_bytes, seed=seed)
        return [text for batch in drawn for text in batch]

    train = reading.documents(run / "corpus", split="train")
    assert sample(10**9) == [text for batch in train for _, text in batch]
    part = sample(20_000)
    assert 18_000 < sum(map(len, part)) < 20_017  # 1176 of 3600 texts: sd about 28 texts of 17
    assert part == sample(20_000)
    assert part != sample(20_000, seed=1)
    mean = sum(int(text[-5:]) for text in part) / len(part)
    assert 1850 < mean < 2150  # sd of the mean: 1155 / sqrt(1176) = 34


def test_a_sample_needs_a_finished_corpus(run: Path):
    with pytest.raises(UnfinishedStageError, match="corpus is unfinished"):
        list(reading.sample(run / "corpus", max_bytes=1, seed=0))


def test_an_engine_that_stops_early_is_noticed(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "neighbours", lambda sources, min_bytes: [range(1)])
    folder = big_folder(tmp_path)
    with pytest.raises(TryAgainError, match="stopped after 1 of 8 sources"):
        build(run, folder)
    assert list(run.iterdir()) == []


def test_a_disk_that_is_full_ends_the_reading(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.Spool, "add", full)
    with pytest.raises(OSError, match="No space left"):
        build(run, big_folder(tmp_path))
    assert list(run.iterdir()) == []


def test_the_phrasebook_is_built_like_any_text(run: Path):
    settings = CorpusConfig(phrasebook_bytes=30_000)
    manifest = corpus.build(run, text=["builtin:phrasebook"], settings=settings, seed=3)
    assert list(manifest.inputs) == ["phrasebook"]
    assert manifest.facts["total"]["kept_bytes"] > 20_000
    assert all(identity.startswith("phrasebook:") for identity in documents(run))


def test_importing_the_stage_is_cheap_and_building_it_needs_no_torch(run: Path, tmp_path: Path):
    write(tmp_path / "a.txt", LINES)
    code = f"""
import sys
from pathlib import Path
from filiberto import corpus
assert not {{"daft", "pyarrow", "numpy", "torch"}} & set(sys.modules), "the import is heavy"
corpus.build(Path({str(run)!r}), text=[{str(tmp_path / "a.txt")!r}])
assert "daft" in sys.modules and "torch" not in sys.modules
import os
assert os.environ["DO_NOT_TRACK"] == "1"
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_on_a_terminal_the_engine_says_nothing_of_its_own(run: Path, tmp_path: Path):
    lines = write(tmp_path / "a.txt", LINES)
    ours, theirs = pty.openpty()
    code = f"""
from pathlib import Path
from filiberto import corpus
corpus.build(Path({str(run)!r}), text=[{str(lines)!r}])
"""
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs) as process:
        os.close(theirs)
        shown = "".join(terminal_output(ours))
    os.close(ours)
    assert process.returncode == 0
    assert "corpus: reading" in shown
    assert "daft" not in shown.lower()


def terminal_output(terminal: int) -> Iterator[str]:
    """What a process writes to a terminal until it ends, which Linux tells by an error."""
    with contextlib.suppress(OSError):
        while data := os.read(terminal, 4096):
            yield data.decode(errors="replace")
