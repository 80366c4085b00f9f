import errno
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filiberto.runfolder import safeio

OLD, NEW = b"old" * 1000, b"new" * 2000

# Runs one action and dies, as by kill -9, at the n-th file operation that Python tells of.
KILLED = """
import os, sys
from pathlib import Path
from filiberto.runfolder import safeio

action, target, point = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
left = point

def die(event, _):
    global left
    if event in ("open", "os.rename", "os.chmod", "os.mkdir", "os.remove", "os.rmdir"):
        left -= 1
        if left < 0:
            os._exit(9)

sys.addaudithook(die)
if action == "file":
    safeio.write_bytes(target, b"new" * 2000)
else:
    with safeio.new_folder(target) as folder:
        (folder / "one").write_bytes(b"new")
        (folder / "two").write_bytes(b"new")
"""


def killed_at(point: int, action: str, target: Path) -> bool:
    command = [sys.executable, "-c", KILLED, action, str(target), str(point)]
    code = subprocess.run(command, check=False, timeout=60).returncode
    assert code in (0, 9)
    return code == 9


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_written(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data[: len(data) // 2])
    full_disk()


def fill(folder: Path, content: bytes) -> None:
    (folder / "one").write_bytes(content)
    (folder / "two").write_bytes(content)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@given(data=st.binary(max_size=2000))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("write") / "file"
    safeio.write_bytes(path, data)
    assert path.read_bytes() == data
    assert names(path.parent) == {"file"}


def test_the_old_file_stands_until_the_new_one_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    seen = []
    sync = safeio.sync
    monkeypatch.setattr(safeio, "sync", lambda p: (seen.append((p, path.read_bytes())), sync(p)))
    safeio.write_bytes(path, NEW)
    (temporary, before), (folder, after) = seen
    assert temporary.name.startswith(safeio.TEMPORARY)
    assert before == OLD
    assert folder == tmp_path
    assert after == NEW


@pytest.mark.parametrize(
    ("where", "name", "fault"),
    [
        (Path, "write_bytes", half_written),
        (os, "fsync", full_disk),
        (Path, "replace", full_disk),
    ],
)
def test_a_failing_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, name: str, fault: object
) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    with monkeypatch.context() as patch:
        patch.setattr(where, name, fault)
        with pytest.raises(OSError, match="No space left"):
            safeio.write_bytes(path, NEW)
    assert names(tmp_path) == {"file"}
    assert path.read_bytes() == OLD


def test_a_write_killed_anywhere_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "file"
    seen = set()
    for point in range(50):
        path.write_bytes(OLD)
        killed = killed_at(point, "file", path)
        seen.add(path.read_bytes())
        safeio.sweep(tmp_path)
        assert names(tmp_path) == {"file"}
        if not killed:
            break
    assert point > 2
    assert not killed
    assert seen == {OLD, NEW}


def test_json_is_read_back_in_any_script(tmp_path: Path) -> None:
    value = {"città": ["తెలుగు", 1, 2.5, None, True]}
    safeio.write_json(tmp_path / "file", value)
    text = (tmp_path / "file").read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert "తెలుగు" in text
    assert text.endswith("}\n")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_json_refuses_what_is_no_number(tmp_path: Path, number: float) -> None:
    safeio.write_json(tmp_path / "file", {"loss": 1.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        safeio.write_json(tmp_path / "file", {"loss": number})
    assert names(tmp_path) == {"file"}
    assert json.loads((tmp_path / "file").read_text()) == {"loss": 1.5}


def test_a_folder_appears_when_its_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with safeio.new_folder(path) as folder:
        fill(folder, NEW)
        assert folder.parent == tmp_path
        assert not path.exists()
    assert contents(path) == {"one": NEW, "two": NEW}
    assert names(tmp_path) == {"folder"}


def test_a_folder_replaces_the_older_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    fill(path, OLD)
    (path / "three").write_bytes(OLD)
    with safeio.new_folder(path) as folder:
        fill(folder, NEW)
        assert contents(path) == {"one": OLD, "two": OLD, "three": OLD}
    assert contents(path) == {"one": NEW, "two": NEW}
    assert names(tmp_path) == {"folder"}


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_old_folder(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    fill(path, OLD)
    with pytest.raises(failure), safeio.new_folder(path) as folder:  # noqa: PT012
        (folder / "one").write_bytes(NEW)
        raise failure
    assert contents(path) == {"one": OLD, "two": OLD}
    assert names(tmp_path) == {"folder"}


@pytest.mark.parametrize("point", range(5))
def test_a_commit_that_fails_leaves_the_old_folder_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: int
) -> None:
    # On a full or broken disk one of five operations fails, once: the fsyncs of two files and of
    # their folder, the rename that moves the old folder aside, and that of the new one.
    path = tmp_path / "folder"
    path.mkdir()
    fill(path, OLD)
    operations = itertools.count()

    def failing(real: Callable[..., object]) -> Callable[..., object]:
        return lambda *args: full_disk() if next(operations) == point else real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(os.fsync))
        patch.setattr(Path, "replace", failing(Path.replace))
        with pytest.raises(OSError, match="No space left"), safeio.new_folder(path) as folder:
            fill(folder, NEW)
    assert contents(path) == {"one": OLD, "two": OLD}
    assert names(tmp_path) == {"folder"}


def test_a_folder_killed_anywhere_is_the_old_one_the_new_one_or_none(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    seen = []
    for point in range(100):
        path.mkdir(exist_ok=True)
        fill(path, b"old")
        killed = killed_at(point, "folder", path)
        seen.append(contents(path) if path.exists() else None)
        safeio.sweep(tmp_path)
        assert names(tmp_path) <= {"folder"}
        if not killed:
            break
    old, new = ({"one": word, "two": word} for word in (b"old", b"new"))
    assert not killed
    assert seen[0] == old
    assert seen[-1] == new
    assert all(state in (old, new, None) for state in seen)


def test_a_sweep_removes_temporary_files_and_folders_only(tmp_path: Path) -> None:
    (tmp_path / ".tmp-file-1").write_bytes(OLD)
    (tmp_path / ".tmp-folder-1" / "deep").mkdir(parents=True)
    (tmp_path / ".tmp-folder-1" / "deep" / "file").write_bytes(OLD)
    for kept in ("file", ".tmp", "tmp-1", ".hidden", "a.tmp-1", "..tmp-1"):
        (tmp_path / kept).write_bytes(OLD)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".tmp-1").write_bytes(OLD)
    safeio.sweep(tmp_path)
    kept = {"file", ".tmp", "tmp-1", ".hidden", "a.tmp-1", "..tmp-1", "folder"}
    assert names(tmp_path) == kept
    assert names(tmp_path / "folder") == {".tmp-1"}


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_modes_follow_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        safeio.write_bytes(tmp_path / "file", NEW)
        with safeio.new_folder(tmp_path / "folder") as folder:
            fill(folder, NEW)
            (folder / "one").chmod(0o600)
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    files = (tmp_path / "file", tmp_path / "folder" / "one", tmp_path / "folder" / "two")
    assert {file.stat().st_mode & 0o777 for file in files} == {0o666 & ~umask}
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o777 & ~umask


def test_a_hash_covers_every_byte_over_several_chunks(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert safeio.sha256_of(path) == empty
    seen = set()
    for place in (0, 1 << 20, (2 << 20) + 4):
        data = bytearray((2 << 20) + 5)
        data[place] = 1
        path.write_bytes(data)
        seen.add(safeio.sha256_of(path))
    assert len(seen) == 3
