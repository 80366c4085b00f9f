import contextlib
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
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from filiberto import corpus
from filiberto.config import CorpusConfig
from filiberto.corpus import engine, output, store
from filiberto.errors import (
    BadDataError,
    OtherRunError,
    TryAgainError,
    UsageError,
)
from tests.corpus.conftest import LINES, build, documents, texts, write


def test_duplicates_go_and_the_first_survives(run: Path, tmp_path: Path):
    write(tmp_path / "in/b.txt", ["ciao", "nuovo", "ciao"])
    write(tmp_path / "in/a.txt", ["prima", " ciao ", "", "  "])
    manifest = build(run, tmp_path / "in")
    assert documents(run) == {"a.txt:0": "prima", "a.txt:1": "ciao", "b.txt:1": "nuovo"}
    assert manifest.facts["total"]["dropped"] == {"empty": 2, "duplicate": 2}
    assert manifest.facts["sources"]["b.txt"]["dropped"]["duplicate"] == 2


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
    monkeypatch.setattr(output, "WINDOW_BYTES", 10_000)
    monkeypatch.setattr(output, "FILE_BYTES", 15_000)
    in_order = engine.processed
    files = []
    for shuffle in range(4):

        def shuffled(*args: Any, shuffle: int = shuffle, **kwargs: Any) -> Iterator[Any]:
            table = pa.Table.from_batches(in_order(*args, **kwargs))
            rows = list(range(len(table)))
            random.Random(shuffle).shuffle(rows)
            table = table.take(rows).combine_chunks()
            yield from table.to_batches(max_chunksize=100 * shuffle + 11)

        monkeypatch.setattr(engine, "processed", shuffled)
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
        assert account["dropped"].get("empty", 0) == sum(not line.strip() for line in lines)
        assert sum(account["quarantined"].values()) == lines.count(b"\xff")
    total = facts["total"]
    distinct = {line for lines in files for line in lines if line.strip() and line != b"\xff"}
    assert total["kept"] == len(distinct) == len(documents(folder / "run"))
    assert total["read"] == total["kept"] + sum(total["dropped"].values()) + sum(
        total["quarantined"].values()
    )
    assert total["kept"] == facts["train"]["documents"] + facts["validation"]["documents"]


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
