"""A copy of a run elsewhere, from which another machine goes on when this one has vanished.

run/  ->  finished stages, plan and records, newest checkpoint  ->  a folder, or a Hub repository

The place is laid out as the run itself. It needs neither locks nor fsync, which folders in a cloud
seldom have; what comes back is verified byte by byte instead.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from filiberto import __version__
from filiberto.config import RECIPE_FILE
from filiberto.console import say
from filiberto.errors import StateError, TryAgainError, UsageError
from filiberto.runfolder import lock, manifest, safeio, store

HUB = "hub:"
CHECKPOINTS, PLAN = "checkpoints", "plan.json"
_STEPS = f"{CHECKPOINTS}/step-"

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
    target = _target_of(place)
    thread: Thread | None = None

    def copy() -> None:
        try:
            target.take(run)
        except Exception as error:  # a network or a mounted cloud may raise anything
            say(f"no copy was made at {place}: {error}; the next checkpoint tries again")

    def begin() -> None:
        nonlocal thread
        if thread is None or not thread.is_alive():
            thread = Thread(target=copy, daemon=True)  # never waited for when a signal ends it
            thread.start()

    def end() -> None:
        if thread:
            thread.join()
        begin()
        assert thread is not None
        thread.join()

    try:
        yield begin
    except TryAgainError:
        end()
        raise
    end()


def check(place: str, *, run: Path, force: bool = False) -> None:
    """Refuse what is no place for the backup of a run.

    Args:
        place: a folder, or `hub:OWNER/NAME`.
        run: the run folder.
        force: whether another training that lies there may be replaced.

    Raises:
        UsageError: it is neither of the two, is public, holds something else, or lies in the run.
    """
    there = _target_of(place).training(run)
    if there is not None and there != _training_of(run) and not force:
        folder = run if _training_of(run) is None else "NEW_FOLDER"
        raise UsageError(
            f"{place} holds the backup of a training that {run} has not",
            hint=f"go on from it: filiberto resume {folder} --backup {place}; "
            "or name another place, or empty this one",
        )


def restore(place: str, run: Path) -> None:
    """Bring a run back from its backup into a folder that holds none.

    Raises:
        UsageError: there is no run at that place.
        StateError: what lies there is damaged.
        TryAgainError: the Hub cannot be reached.
    """
    with _target_of(place).given(run) as source:
        if source is None or not (source / RECIPE_FILE).is_file():
            raise UsageError(f"{place} holds no backup of a run")
        newest = next(store.valid(source / CHECKPOINTS), None)
        _mirror(source, run, newest=newest, verified=True)
    told = f"step {store.step_of(newest):,}" if newest else "no checkpoint yet"
    say(f"taken back from {place}: {told}")


class _Folder:
    """A folder, laid out as the run."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def training(self, run: Path) -> str | None:
        """The fingerprint of the training that was copied here; refuses what is no place."""
        if self._place.is_file():
            raise UsageError(f"--backup {self._place} is a file, no folder")
        if self._place.exists() and not lock.is_run(self._place):
            raise UsageError(f"--backup {self._place} is no empty folder, and no backup of a run")
        if not self._place.absolute().parent.is_dir():
            raise UsageError(f"--backup {self._place}: there is no folder to make it in")
        if self._place.resolve().is_relative_to(run.resolve()):
            raise UsageError(f"--backup {self._place} lies in the run itself")
        # Without a recipe it was never complete, and nobody can go on from it.
        return _training_of(self._place) if (self._place / RECIPE_FILE).is_file() else None

    def take(self, run: Path) -> None:
        """Copy what is new of a run."""
        self._place.mkdir(exist_ok=True)
        for folder in (self._place, self._place / CHECKPOINTS):
            safeio.sweep(folder)
        with _held(run) as newest:
            _mirror(run, self._place, newest=newest)

    @contextmanager
    def given(self, run: Path) -> Iterator[Path | None]:
        """The place, in a folder of this machine; None where there is nothing."""
        yield self._place if self._place.is_dir() else None


class _Repository:
    """A private repository. Each copy is one commit, which is there whole or not at all."""

    def __init__(self, name: str) -> None:
        from huggingface_hub import HfApi

        if name.count("/") != 1 or not all(name.split("/")):
            raise UsageError(f"{HUB}{name} is no repository", hint="write hub:OWNER/NAME")
        self._api = HfApi(library_name="filiberto", library_version=__version__)
        self._name = name

    def training(self, run: Path) -> str | None:
        """The fingerprint of the training that was copied here; refuses what is no place.

        Makes the repository where it is not there.
        """
        try:
            self._api.create_repo(self._name, private=True, exist_ok=True)
            about = self._api.model_info(self._name)
            if not about.private:
                raise UsageError("it is public, and a backup holds the text")
            if not self._api.file_exists(self._name, PLAN):
                return None
            with tempfile.TemporaryDirectory() as folder:
                self._api.hf_hub_download(self._name, PLAN, local_dir=folder)
                return _training_of(Path(folder))
        except Exception as error:  # no token, no right, no network
            raise UsageError(
                f"--backup {HUB}{self._name}: {error}",
                hint="name a private repository, or one that is not there yet; log in with "
                "`hf auth login`, or set HF_TOKEN, with the right to write there",
            ) from None

    def take(self, run: Path) -> None:
        """Copy what is new of a run."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        there = {path.rpartition("/")[0] for path in self._api.list_repo_files(self._name)}
        stages = _stages(run)
        new = self._new(run, stages)
        gone = [name for name in _MADE_LAST if name not in stages] + new
        with _held(run) as newest:
            files = {_name(f, run): f for name in new for f in (run / name).rglob("*")}
            if newest:
                gone += _stale([path for path in there if path.startswith(_STEPS)], newest)
                files |= {f"{CHECKPOINTS}/{newest.name}/{f.name}": f for f in newest.iterdir()}
            self._api.create_commit(
                self._name,
                operations=[
                    *(
                        CommitOperationDelete(f"{name}/", is_folder=True)
                        for name in gone
                        if name in there
                    ),
                    # Records grow while they are sent: as they are now.
                    *(CommitOperationAdd(_name(f, run), f.read_bytes()) for f in _loose(run)),
                    *(CommitOperationAdd(path, f) for path, f in files.items() if f.is_file()),
                ],
                commit_message=newest.name if newest else "before the first step",
            )

    def _new(self, run: Path, stages: Iterable[str]) -> list[str]:
        """The stages whose manifest there is another, or none."""
        from huggingface_hub import RepoFile
        from huggingface_hub.utils.sha import git_hash

        mine = {f"{name}/{manifest.MANIFEST}": name for name in stages}
        found = self._api.get_paths_info(self._name, list(mine)) if mine else []
        same = {
            file.path
            for file in found
            if isinstance(file, RepoFile)
            and file.blob_id == git_hash((run / file.path).read_bytes())
        }
        return [name for path, name in mine.items() if path not in same]

    @contextmanager
    def given(self, run: Path) -> Iterator[Path | None]:
        """The repository's files, fetched for as long as the block runs; None without one."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import RepositoryNotFoundError

        with tempfile.TemporaryDirectory(dir=run, prefix=safeio.TEMPORARY) as folder:
            try:
                found = snapshot_download(self._name, local_dir=folder, library_name="filiberto")
            except RepositoryNotFoundError:
                yield None
                return
            except Exception as error:
                raise TryAgainError(
                    f"{HUB}{self._name} could not be fetched: {error}",
                    hint="is there a network, and a token? Then give the same command again",
                ) from None
            yield Path(found)


def _target_of(place: str) -> _Folder | _Repository:
    if place.startswith(HUB):
        return _Repository(place.removeprefix(HUB))
    return _Folder(Path(place))


def _mirror(source: Path, target: Path, *, newest: Path | None, verified: bool = False) -> None:
    """Bring what is new, and the newest checkpoint, from one run folder to another.

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
            if verified:
                _verify(target / name)
    checkpoints = target / CHECKPOINTS
    checkpoints.mkdir(exist_ok=True)
    *loose, recipe = _loose(source)
    if newest:
        for name in _stale([path.name for path in store.by_step(checkpoints)], newest):
            safeio.remove(checkpoints / name)
    for file in loose:
        safeio.copy(file, target / file.relative_to(source))
    if newest:
        copied = checkpoints / newest.name
        if not _is_same(copied, newest):
            safeio.copy(newest, copied)
        if problem := store.problem_of(copied):
            raise OSError(f"{copied} is not what was written: {problem}")
    safeio.copy(recipe, target / recipe.name)


def _stale(names: Iterable[str], newest: Path) -> list[str]:
    """Of checkpoints at a place those that go when a newer one comes.

    One of a later step is of a training that was begun anew since.
    """
    steps = sorted((store.step_of(Path(name)), name) for name in names)
    mine = store.step_of(newest)
    before = [name for step, name in steps if step < mine]
    return before[: 1 - store.KEPT] + [name for step, name in steps if step > mine]


def _is_same(copied: Path, original: Path) -> bool:
    one, other = (path / store.MANIFEST for path in (copied, original))
    return one.is_file() and one.read_bytes() == other.read_bytes()


@contextmanager
def _held(run: Path) -> Iterator[Path | None]:
    """The newest checkpoint, linked aside so that training cannot remove it; None without one."""
    newest = next((p for p in store.by_step(run / CHECKPOINTS) if not store.problem_of(p)), None)
    if newest is None:
        yield None
        return
    with tempfile.TemporaryDirectory(dir=run, prefix=safeio.TEMPORARY) as folder:
        held = Path(folder) / newest.name
        shutil.copytree(newest, held, copy_function=_link)
        yield held


def _link(source: str, target: str) -> None:
    """Or a copy, where nothing can be linked."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _stages(run: Path) -> dict[str, str]:
    """The stages that are finished and have all their files, and hashes of what they hold."""
    found = {}
    for name in _MADE_BEFORE + _MADE_LAST:
        with suppress(StateError):  # at a place elsewhere files get lost: it is copied again
            if made := manifest.read(run / name):
                found[name] = made.content
    return found


def _verify(folder: Path) -> None:
    made = manifest.read(folder)
    for name, digest in made.files.items() if made else ():
        if safeio.sha256_of(folder / name) != digest:
            raise StateError(f"{folder / name} is damaged in the backup", hint="take another one")


def _loose(run: Path) -> list[Path]:
    """Plan and records, what trackers remember, and last the recipe."""
    files = [*run.iterdir(), *(run / CHECKPOINTS).glob("*.json")]
    apart = (lock.LOCK, RECIPE_FILE)
    found = [file for file in files if file.is_file() and file.name not in apart]
    return [*(f for f in found if not f.name.startswith(safeio.TEMPORARY)), run / RECIPE_FILE]


def _training_of(run: Path) -> str | None:
    """The fingerprint of a run's training; None where none has begun."""
    try:
        return json.loads((run / PLAN).read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _name(file: Path, run: Path) -> str:
    return file.relative_to(run).as_posix()
