"""Stage 1, corpus: which files there are to read.

    files, folders, globs, builtin:phrasebook  ->  find  ->  [Source], sorted by name

A source's name is its path relative to what was asked for, so the same text has the same name on
every machine; names that clash are lengthened by the folders above.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from filiberto.config import PHRASEBOOK
from filiberto.errors import BadDataError, UsageError, UserError
from filiberto.runfolder import safeio

Format = Literal["text", "jsonl", "parquet", "csv", "tsv"]

_FORMATS: dict[str, Format] = {
    ".txt": "text",
    ".jsonl": "jsonl",
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
}
_COMPRESSIONS: dict[str, Literal["gz", "zst"]] = {".gz": "gz", ".zst": "zst"}
_SUFFIXES = ".txt .jsonl .csv .tsv, also with .gz or .zst after them, and .parquet"


Documents = Literal["line", "paragraph", "file"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file to read, or the phrasebook, which is generated."""

    name: str
    path: Path | None
    format: Format | Literal["phrasebook"]
    compression: Literal["gz", "zst"] | None = None
    num_bytes: int
    """Bytes on disk (of the phrasebook: bytes to generate)."""
    mtime_ns: int = 0
    documents: Documents | None = None
    """What one document is in plain text."""
    sha256: str | None = None
    """What it holds, where that is known without reading it (from the Hub)."""
    max_text_bytes: int | None = None
    """Records are read until they hold this much text; None reads all."""

    @property
    def place(self) -> str:
        """How messages call it."""
        if self.sha256 is not None:
            return self.name  # from the Hub: where its copy lies concerns nobody
        return str(self.path) if self.path is not None else PHRASEBOOK

    def require_unchanged(self) -> None:
        """Raise `BadDataError` if the file is not as it was when it was found."""
        if self.path is None:
            return
        now = self.path.stat()
        if (now.st_size, now.st_mtime_ns) != (self.num_bytes, self.mtime_ns):
            raise BadDataError(
                f"{self.place} changed while it was read: {self.num_bytes} bytes before, "
                f"{now.st_size} now",
                hint="run the command again when nothing writes to it any more",
            )


def find(text: Sequence[str], *, phrasebook_bytes: int) -> list[Source]:
    """Find the sources that were asked for, sorted by name; the same file counts once.

    Folders are searched through, and files of other kinds in them passed over; symbolic links to
    files are followed, those to folders below the one that was named are not.

    Args:
        text: files, folders, globs or `builtin:phrasebook`.
        phrasebook_bytes: size of the phrasebook, if it is asked for.

    Raises:
        UsageError: nothing matches, or a named file is of no kind that we read.
        UserError: a file cannot be read, or is a pipe, a socket or a device.
    """
    if not text:
        raise UsageError(
            "no text was given",
            hint=f"name it: --text PATH, --text {PHRASEBOOK} or --hub OWNER/NAME; or take the open "
            "text there is for a language: --language te",
        )
    files: dict[tuple[int, int], tuple[Path, int, os.stat_result]] = {}
    for entry in text:
        if entry.startswith("builtin:"):
            if entry != PHRASEBOOK:
                raise UsageError(f"no built-in text {entry!r}", hint=f"there is {PHRASEBOOK}")
            continue
        before = len(files)
        found = sorted(_matches(entry))
        for path, depth in found:
            facts = _readable_file(path)
            _require_writable_name(path)
            files.setdefault((facts.st_dev, facts.st_ino), (path, depth, facts))
        if not found and len(files) == before:
            raise UsageError(f"no text file matches {entry!r}", hint=f"we read {_SUFFIXES}")
    listed = sorted(files.values(), key=lambda file: file[0])
    names = _distinct_names([(path, depth) for path, depth, _ in listed])
    sources = [
        _source(name, path, facts) for name, (path, _, facts) in zip(names, listed, strict=True)
    ]
    if PHRASEBOOK in text:
        sources.append(
            Source(name="phrasebook", path=None, format="phrasebook", num_bytes=phrasebook_bytes)
        )
    return sorted(sources, key=lambda source: source.name)


def hashes(sources: Sequence[Source], *, seed: int) -> dict[str, str]:
    """Each source's name with a hash of what it holds, or of what generates it."""
    with ThreadPoolExecutor() as pool:
        return dict(pool.map(lambda source: (source.name, _hash(source, seed)), sources))


def content(
    sha256: str, *, max_text_bytes: int | None = None, documents: Documents | None = None
) -> str:
    """What a stage is made from: what a file holds, how much of it is read, and as what."""
    parts = [sha256]
    if max_text_bytes is not None:
        parts.append(f"first {max_text_bytes} bytes of text")
    if documents is not None:
        parts.append(f"document: {documents}")
    return ", ".join(parts)


def _hash(source: Source, seed: int) -> str:
    if source.path is not None:
        sha256 = source.sha256 or safeio.sha256_of(source.path)
        return content(sha256, max_text_bytes=source.max_text_bytes, documents=source.documents)
    digest = hashlib.sha256(f"{seed} {source.num_bytes}".encode())
    for code in _generator():
        digest.update(code)
    return digest.hexdigest()


def _generator() -> list[bytes]:
    """The source code of the phrasebook and of all it imports from this folder."""
    modules = ["phrasebook"]
    code: list[bytes] = []
    for module in modules:  # grows as imports are found
        code.append((Path(__file__).parent / f"{module}.py").read_bytes())
        found = re.findall(rb"^from filiberto\.corpus(?:\.| import )(\w+)", code[-1], re.M)
        modules += [name for name in map(bytes.decode, found) if name not in modules]
    return code


def _matches(entry: str) -> Iterator[tuple[Path, int]]:
    """Each file an entry stands for, and how many of its last parts make up its name."""
    path = Path(entry)
    if not os.path.lexists(path):
        if not glob.has_magic(entry):
            raise UsageError(f"{entry}: no such file or folder", hint="check the path of --text")
        parts = path.parts
        fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
        for match in map(Path, glob.glob(entry, recursive=True)):  # noqa: PTH207 (absolute globs)
            inside = _walk(match) if match.is_dir() else [match]
            for file in inside:
                if kind_of(file) is not None:
                    yield file, len(file.parts) - fixed
    elif path.is_dir():
        for file in _walk(path):
            yield file, len(file.relative_to(path).parts)
    elif kind_of(path) is None:
        raise UsageError(f"{entry} is of no kind that we read", hint=f"we read {_SUFFIXES}")
    else:
        yield path, 1


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}") from None

    for parent, _, names in os.walk(folder, onerror=refuse):
        yield from (path for name in names if kind_of(path := Path(parent, name)) is not None)


def kind_of(path: PurePath) -> tuple[Format, Literal["gz", "zst"] | None] | None:
    """A file's format and compression by its name; None where it is of no kind that we read."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = _COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression is not None:
        suffixes.pop()
    form = _FORMATS.get(suffixes[-1]) if suffixes else None
    if form is None or (form == "parquet" and compression is not None):
        return None
    return form, compression


def _readable_file(path: Path) -> os.stat_result:
    try:
        facts = path.stat()
        if stat.S_ISREG(facts.st_mode):
            path.open("rb").close()
            return facts
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}", hint="check the path and its permissions"
        ) from None
    raise UserError(
        f"{path} is no regular file but a pipe, a socket, a device or a folder",
        hint="copy its content to a file first",
    )


def _require_writable_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{os.fsencode(path)!r}: the name is not UTF-8, so no report could hold it",
            hint="rename the file",
        ) from None


def _source(name: str, path: Path, facts: os.stat_result) -> Source:
    kind = kind_of(path)
    assert kind is not None
    return Source(
        name=name,
        path=path,
        format=kind[0],
        compression=kind[1],
        num_bytes=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
    )


def _distinct_names(files: list[tuple[Path, int]]) -> list[str]:
    depths = [depth for _, depth in files]
    parts = [path.absolute().parts[1:] for path, _ in files]  # a name is no absolute path
    while True:
        names = ["/".join(p[-depth:]) for p, depth in zip(parts, depths, strict=True)]
        count = Counter(names)
        if len(count) == len(names):
            return names
        depths = [depth + (count[name] > 1) for name, depth in zip(names, depths, strict=True)]
