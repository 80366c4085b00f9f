"""A copy of a run elsewhere, from which another machine goes on when this one has vanished.

run/  ->  finished stages, plan and records, newest checkpoint  ->  a folder, or a Hub repository

The place is laid out as the run itself. It is written by renames alone, with neither locks nor
fsync, which folders in a cloud seldom have; what comes back is verified byte by byte instead.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from filiberto import __version__
from filiberto.config import RECIPE_FILE
from filiberto.console import say
from filiberto.errors import StateError, TryAgainError, UsageError
from filiberto.runfolder import lock, manifest, safeio, store
from filiberto.runfolder.manifest import Manifest

HUB = "hub:"
CHECKPOINTS = "checkpoints"

_MADE_BEFORE = ("initial", "corpus", "tokenizer", "tokens")
_MADE_LAST = ("model", "report")


@contextmanager
def open_backup(place: str | None, run: Path) -> Iterator[Callable[[], None]]:
    """Copy a run in a thread beside the block; a copy that fails is told, not raised.

    Where the block ends and all is saved, the last of it is copied before this does.

    Args:
        place: a folder, or `hub:OWNER/NAME`; None for no copies.
        run: the run folder.

    Yields:
        A function that begins a copy, unless one is on its way: the next one takes what is new.
    """
    if place is None:
        yield lambda: None
        return
    target, copying = _target_of(place), None

    def copy() -> None:
        try:
            target.take(run)
        except Exception as error:  # a network or a mounted cloud may raise anything
            say(f"no copy was made at {place}: {error}; the next checkpoint tries again")

    def begin() -> None:
        nonlocal copying
        if copying is None or copying.done():
            copying = thread.submit(copy)

    with ThreadPoolExecutor(1) as thread:
        try:
            yield begin
        except TryAgainError:
            thread.submit(copy)
            raise
        thread.submit(copy)


def check(place: str) -> None:
    """Refuse what is no place for a backup.

    Raises:
        UsageError: it is neither `hub:OWNER/NAME` nor a folder that is there or can be made.
    """
    name = place.removeprefix(HUB)
    if place.startswith(HUB):
        if name.count("/") != 1 or not all(name.split("/")):
            raise UsageError(f"{place!r} is no repository", hint="write hub:OWNER/NAME")
    elif Path(place).is_file():
        raise UsageError(f"--backup {place} is a file, no folder")
    elif not Path(place).absolute().parent.is_dir():
        raise UsageError(f"--backup {place}: there is no folder to make it in")


def restore(place: str, run: Path) -> None:
    """Bring a run back from its backup into a folder that holds none.

    Raises:
        UsageError: there is no run at that place.
        StateError: what lies there is damaged.
    """
    with _target_of(place).given() as source:
        if source is None or not (source / RECIPE_FILE).is_file():
            raise UsageError(f"{place} holds no backup of a run")
        for name in _MADE_BEFORE + _MADE_LAST:
            if found := manifest.read(source / name):
                _verify(source / name, found)
        newest = next(store.valid(source / CHECKPOINTS), None)
        _mirror(source, run)
    told = f"step {int(newest.name.rpartition('-')[2]):,}" if newest else "no checkpoint yet"
    say(f"taken back from {place}: {told}")


def _verify(folder: Path, found: Manifest) -> None:
    for name, digest in found.files.items():
        if safeio.sha256_of(folder / name) != digest:
            raise StateError(f"{folder / name} is damaged", hint="take an older backup")


class _Folder:
    """A folder, laid out as the run."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def take(self, run: Path) -> None:
        """Copy what is new of a run."""
        self._place.mkdir(exist_ok=True)
        _mirror(run, self._place)

    @contextmanager
    def given(self) -> Iterator[Path | None]:
        """The place in a folder of this machine; None where there is nothing."""
        yield self._place if self._place.is_dir() else None


class _Repository:
    """A private repository. Each copy is one commit, which is there whole or not at all."""

    def __init__(self, name: str) -> None:
        from huggingface_hub import HfApi

        self._api = HfApi(library_name="filiberto", library_version=__version__)
        self._name, self._sent = name, dict[str, str]()

    def take(self, run: Path) -> None:
        """Copy what is new of a run."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        self._api.create_repo(self._name, private=True, exist_ok=True)
        there = {path.rpartition("/")[0] for path in self._api.list_repo_files(self._name)}
        stages, newest = _stages(run), _newest(run)
        new = [name for name, content in stages.items() if self._sent.get(name) != content]
        folders = [run / name for name in new] + ([newest] if newest else [])
        files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
        steps = sorted(path for path in there if path.startswith(f"{CHECKPOINTS}/step-"))
        gone = [path for path in _MADE_LAST if path in there and path not in stages]
        if newest:
            mine = f"{CHECKPOINTS}/{newest.name}"
            gone += [path for path in steps if path != mine][: 1 - store.KEPT or None]
        self._api.create_commit(
            self._name,
            operations=[
                *(CommitOperationDelete(f"{path}/", is_folder=True) for path in gone),
                # Records grow while they are sent: as they are now.
                *(CommitOperationAdd(_name(f, run), f.read_bytes()) for f in _loose(run)),
                *(CommitOperationAdd(_name(file, run), file) for file in files),
            ],
            commit_message=newest.name if newest else "before the first step",
        )
        self._sent |= {name: stages[name] for name in new}

    @contextmanager
    def given(self) -> Iterator[Path | None]:
        """The repository's files, fetched for as long as the block runs; None without one."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import RepositoryNotFoundError

        with tempfile.TemporaryDirectory() as folder:
            try:
                found = snapshot_download(self._name, local_dir=folder, library_name="filiberto")
            except RepositoryNotFoundError:
                yield None
            else:
                yield Path(found)


def _target_of(place: str) -> _Folder | _Repository:
    if place.startswith(HUB):
        return _Repository(place.removeprefix(HUB))
    return _Folder(Path(place))


def _mirror(source: Path, target: Path) -> None:
    """Bring what is new from one run folder to another.

    The newest checkpoint comes late: whatever is cut off before, an older one still fits the rest.
    The recipe comes last of all: a folder that has one has been complete.
    """
    stages, there = _stages(source), _stages(target)
    for name in _MADE_LAST:
        if name in there and name not in stages:
            safeio.remove(target / name)
    for name, content in stages.items():
        if there.get(name) != content:
            safeio.copy(source / name, target / name)
    newest = _newest(source)
    (target / CHECKPOINTS).mkdir(exist_ok=True)
    for path in store.by_step(target / CHECKPOINTS):
        if newest and store.training_of(path) != store.training_of(newest):
            safeio.remove(path)
    *loose, recipe = _loose(source)
    for file in loose:
        safeio.copy(file, target / file.relative_to(source))
    if newest:
        copied = target / CHECKPOINTS / newest.name
        if store.problem_of(copied) is not None:
            safeio.copy(newest, copied)
        if problem := store.problem_of(copied):
            raise OSError(f"{copied} is not what was written: {problem}")
        store.prune(target / CHECKPOINTS)
    safeio.copy(recipe, target / recipe.name)


def _stages(run: Path) -> dict[str, str]:
    """The stages that are finished, and hashes of what they hold."""
    found = {name: manifest.read(run / name) for name in _MADE_BEFORE + _MADE_LAST}
    return {name: made.content for name, made in found.items() if made}


def _loose(run: Path) -> list[Path]:
    """Plan and records, what trackers remember, and last the recipe."""
    files = [*run.iterdir(), *(run / CHECKPOINTS).glob("*.json")]
    apart = (lock.LOCK, RECIPE_FILE)
    found = [file for file in files if file.is_file() and file.name not in apart]
    return [*found, run / RECIPE_FILE]


def _newest(run: Path) -> Path | None:
    return next((p for p in store.by_step(run / CHECKPOINTS) if store.problem_of(p) is None), None)


def _name(file: Path, run: Path) -> str:
    return file.relative_to(run).as_posix()
