import os
import socket
from pathlib import Path

import pytest

from filiberto.corpus import sources
from filiberto.errors import BadDataError, UsageError, UserError


def names(*text: str | Path) -> list[str]:
    return [s.name for s in sources.find([str(t) for t in text], phrasebook_bytes=9)]


def touch(path: Path, content: str = "ciao\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_a_folder_is_searched_through_and_other_files_are_passed_over(tmp_path: Path):
    for name in ("b.txt", "a/z.jsonl", "a/y.txt.gz", "c.txt.zst", "d.parquet", "README.md", "x.gz"):
        touch(tmp_path / name)
    assert names(tmp_path) == ["a/y.txt.gz", "a/z.jsonl", "b.txt", "c.txt.zst", "d.parquet"]


def test_a_name_is_relative_to_what_was_asked_for(tmp_path: Path):
    touch(tmp_path / "data/it/a.txt")
    assert names(tmp_path / "data") == ["it/a.txt"]
    assert names(tmp_path / "data/it/a.txt") == ["a.txt"]
    assert names(tmp_path / "data/*/a.txt") == ["it/a.txt"]
    assert names(tmp_path / "**/*.txt") == ["data/it/a.txt"]


def test_a_glob_that_matches_a_folder_takes_what_is_in_it(tmp_path: Path):
    touch(tmp_path / "it/a.txt")
    touch(tmp_path / "it/note.md")
    assert names(tmp_path / "i*") == ["it/a.txt"]


def test_a_file_whose_name_looks_like_a_glob_is_taken_as_it_is(tmp_path: Path):
    touch(tmp_path / "a[1].txt")
    assert names(tmp_path / "a[1].txt") == ["a[1].txt"]


def test_the_same_file_counts_once(tmp_path: Path):
    file = touch(tmp_path / "a.txt")
    (tmp_path / "link.txt").symlink_to(file)
    os.link(file, tmp_path / "z.txt")
    assert names(tmp_path, file, tmp_path / "*.txt") == ["a.txt"]


def test_equal_names_are_told_apart_by_the_folders_above(tmp_path: Path):
    touch(tmp_path / "one/x/a.txt", "uno\n")
    touch(tmp_path / "two/x/a.txt", "due\n")
    assert names(tmp_path / "two/x", tmp_path / "one/x") == ["one/x/a.txt", "two/x/a.txt"]


def test_the_order_does_not_depend_on_the_order_asked_for(tmp_path: Path):
    a, b = touch(tmp_path / "a.txt"), touch(tmp_path / "b.txt")
    assert names(b, a) == names(a, b) == ["a.txt", "b.txt"]


def test_strange_names_are_handled(tmp_path: Path):
    strange = ["-rf.txt", "<script>.txt", "a b.txt", "riga\nnuova.txt"]
    for name in strange:
        touch(tmp_path / name)
    assert names(tmp_path) == sorted(strange)


def test_the_phrasebook_is_a_source(tmp_path: Path):
    (source,) = sources.find([sources.PHRASEBOOK], phrasebook_bytes=123)
    assert (source.name, source.path, source.num_bytes) == ("phrasebook", None, 123)


def test_the_phrasebook_hash_changes_with_seed_and_size():
    def digest(seed: int, size: int) -> str:
        found = sources.find([sources.PHRASEBOOK], phrasebook_bytes=size)
        return sources.hashes(found, seed=seed)["phrasebook"]

    assert len({digest(0, 10), digest(1, 10), digest(0, 11)}) == 3
    assert digest(0, 10) == digest(0, 10)


def test_no_text_is_refused():
    with pytest.raises(UsageError, match="no text was given"):
        sources.find([], phrasebook_bytes=1)


def test_an_unknown_built_in_is_refused():
    with pytest.raises(UsageError, match="'builtin:frasario'"):
        sources.find(["builtin:frasario"], phrasebook_bytes=1)


def test_a_missing_path_is_refused_by_name(tmp_path: Path):
    with pytest.raises(UsageError, match=r"nessuno\.txt: no such file"):
        names(tmp_path / "nessuno.txt")


@pytest.mark.parametrize("pattern", ["*.nothing", "*"])
def test_a_glob_or_folder_without_text_is_refused_by_name(tmp_path: Path, pattern: str):
    touch(tmp_path / "sub/README.md")
    with pytest.raises(UsageError, match="no text file matches"):
        names(tmp_path / pattern)
    with pytest.raises(UsageError, match=r"no text file matches '.*sub'"):
        names(tmp_path / "sub")


def test_a_named_file_of_another_kind_is_refused_by_name(tmp_path: Path):
    for name in ("tesi.pdf", "a.parquet.gz", "gz"):
        with pytest.raises(UsageError, match=f"{name} is of no kind"):
            names(touch(tmp_path / name))


def test_pipes_sockets_and_devices_are_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "zero.txt").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.txt"))
        for name in ("pipe.txt", "zero.txt", "socket.txt"):
            with pytest.raises(UserError, match=f"{name} is no regular file"):
                names(tmp_path / name)
    with pytest.raises(UserError, match=r"pipe\.txt is no regular file"):
        names(tmp_path)


def test_a_loop_of_links_is_refused(tmp_path: Path):
    (tmp_path / "a.txt").symlink_to(tmp_path / "b.txt")
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    with pytest.raises(UserError, match=r"a\.txt cannot be read"):
        names(tmp_path / "a.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_refused_by_name(tmp_path: Path):
    file = touch(tmp_path / "chiuso.txt")
    file.chmod(0)
    with pytest.raises(UserError, match=r"chiuso\.txt cannot be read: Permission denied"):
        names(tmp_path)


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    try:
        Path(os.fsdecode(name)).write_text("una frase")
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(UsageError, match=r"caf\\xe9\.txt': the name is not UTF-8"):
        sources.find([str(tmp_path)], phrasebook_bytes=1)


def test_a_file_that_grew_since_it_was_found_is_noticed(tmp_path: Path):
    file = touch(tmp_path / "a.txt", "uno\n")
    (source,) = sources.find([str(file)], phrasebook_bytes=1)
    source.require_unchanged()
    file.write_text("uno\ndue\n")
    with pytest.raises(BadDataError, match=r"a\.txt changed .*: 4 bytes before, 8 now"):
        source.require_unchanged()


def test_names_that_clash_never_become_absolute_paths(tmp_path: Path):
    shallow, deep = tmp_path / "a.txt", tmp_path.parent / "b" / tmp_path.relative_to("/") / "a.txt"
    for path in (shallow, deep):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("una frase")
    found = sources.find([str(shallow), str(deep)], phrasebook_bytes=1)
    assert len({source.name for source in found}) == 2
    assert not any(source.name.startswith("/") for source in found)
