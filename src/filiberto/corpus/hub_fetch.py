"""Stage 1, corpus: a file of the Hub -> a file on this disk, whole and verified.

    GET with Range, appended to NAME.part  ->  as long as promised  ->  same hash  ->  NAME

`hf_hub_download` of huggingface_hub 2 throws a partial file away when it fails, which costs whoever
has a slow line gigabytes at a time, so the bytes are fetched here, with that library's session,
headers and errors. What is fetched lies under HF_HOME, by content: runs share it, and a new
revision of the set costs only what has changed.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # read when it is imported

import huggingface_hub
from huggingface_hub import constants, errors
from huggingface_hub.utils import WeakFileLock, build_hf_headers, get_session, hf_raise_for_status

from filiberto import __version__
from filiberto.console import progress
from filiberto.errors import BadDataError
from filiberto.hub_errors import HTTPError, passing, told
from filiberto.runfolder import safeio

_ATTEMPTS = 6
_WAIT_SECONDS = 0.5  # doubled after each attempt that brought nothing


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """A file of a data set at one commit."""

    path: str
    num_bytes: int
    git_hash: str
    """The blob's id in git: of its content, or of the pointer to it."""
    sha256: str | None
    """Of its content, where the Hub says it (large files)."""


def described(entry: Any) -> HubFile:
    """A file as the Hub's listings give it.

    Raises:
        BadDataError: its hash is none; it names a folder of ours, so it must not lead elsewhere.
    """
    sha256 = entry.lfs.sha256 if entry.lfs else None
    for value, digits in ((entry.blob_id, 40), (sha256 or "0" * 64, 64)):
        if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", str(value)):
            raise BadDataError(
                f"the Hub gives {entry.path} the hash {value!r}, which is none",
                hint="look at HF_ENDPOINT: is it a Hub?",
            )
    return HubFile(path=entry.path, num_bytes=entry.size, git_hash=entry.blob_id, sha256=sha256)


def api() -> huggingface_hub.HfApi:
    """The Hub's API, as HF_ENDPOINT and HF_TOKEN say."""
    return huggingface_hub.HfApi(library_name="filiberto", library_version=__version__)


def place(dataset: str, file: HubFile) -> Path:
    """Where a file lies when it is here."""
    folder = dataset.replace("/", "--")
    name = PurePosixPath(file.path).name
    return Path(constants.HF_HOME, "filiberto", folder, file.sha256 or file.git_hash, name)


def fetch(dataset: str, revision: str, file: HubFile, *, note: str = "") -> Path:
    """Bring a file here, if it is not here yet.

    Args:
        note: what the progress says beside the rate.

    Raises:
        TryAgainError: the connection fails again and again; what came is kept.
        UsageError: the Hub refuses.
        BadDataError: what came is not what the Hub promised.
    """
    final = place(dataset, file)
    if final.is_file():
        return final
    cached = huggingface_hub.try_to_load_from_cache(
        dataset, file.path, revision=revision, repo_type="dataset"
    )
    if isinstance(cached, str):
        return Path(cached)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(final.name + ".part")
    with told(dataset), WeakFileLock(final.with_name(final.name + ".lock")):
        if not final.is_file():
            _receive(dataset, revision, file, part, note=note)
            _verify(dataset, file, part)
            safeio.sync(part)
            part.replace(final)
            safeio.sync(final.parent)
    return final


def _receive(dataset: str, revision: str, file: HubFile, part: Path, *, note: str) -> None:
    url = huggingface_hub.hf_hub_url(dataset, file.path, repo_type="dataset", revision=revision)
    name = PurePosixPath(file.path).name
    with part.open("ab") as out:
        have = out.tell()
        if have > file.num_bytes:
            have = out.seek(0)
            out.truncate()
        failures = 0
        with progress(f"fetching {name}", total=file.num_bytes, unit="bytes", done=have) as advance:
            while (have := out.tell()) < file.num_bytes:
                try:
                    for chunk in _stream(url, start=have, out=out):
                        out.write(chunk)
                        advance(len(chunk), note)
                except HTTPError as error:
                    refused = isinstance(error, errors.HfHubHTTPError) and not passing(error)
                    failures = 0 if out.tell() > have else failures + 1
                    if refused or failures == _ATTEMPTS:
                        raise
                    time.sleep(_WAIT_SECONDS * 2**failures)


def _stream(url: str, *, start: int, out: Any) -> Iterator[bytes]:
    """The bytes of a URL from `start` on; from 0, with `out` emptied, if the server must."""
    headers = build_hf_headers(library_name="filiberto", library_version=__version__)
    headers["Accept-Encoding"] = "identity"
    if start:
        headers["Range"] = f"bytes={start}-"
    # Authorization stays behind where a redirect leaves the Hub's host: httpx sees to that.
    with get_session().stream(
        "GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT
    ) as response:
        hf_raise_for_status(response)
        if start and response.status_code != 206:
            out.seek(0)
            out.truncate()
        # As they come: bytes that wait for a chunk to fill are lost with the line.
        yield from response.iter_bytes()


def _verify(dataset: str, file: HubFile, part: Path) -> None:
    if file.sha256 is not None:
        sound = safeio.sha256_of(part) == file.sha256
    else:
        sound = git_hash(part.read_bytes()) == file.git_hash
    if not sound:
        size = part.stat().st_size
        part.unlink()
        raise BadDataError(
            f"{dataset}: {file.path} came damaged: its {size} bytes are not those of the Hub",
            hint="run the same command again: it is fetched anew",
        )


def git_hash(data: bytes) -> str:
    """The id git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
