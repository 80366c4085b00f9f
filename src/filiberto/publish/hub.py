"""A finished run -> a repository on the Hub.

    run/ -> files, card -> shown -> one commit, which is there whole or not at all
         -> page        -> shown -> another, of the static Space of the same name

What a broken upload has brought stays with the Hub: the same command again sends the rest.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filiberto import __version__
from filiberto.console import readable_number, say
from filiberto.corpus import hub_choice
from filiberto.errors import TryAgainError, UsageError
from filiberto.publish.exported import is_current
from filiberto.publish.files import (
    CARD,
    Files,
    check_finished,
    check_secrets,
    files_of,
    size_of,
)
from filiberto.publish.full_card import full_card
from filiberto.runfolder import lock, manifest

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Kind = Literal["model", "space"]

_FOLDERS: dict[Kind, tuple[str, ...]] = {
    "model": ("report/", "runs/", "onnx/"),
    "space": ("model/", "runtime/"),
}
_WAIT_SECONDS = 20.0


def publish(
    run: Path,
    *,
    to: str,
    public: bool = False,
    licence: str | None = None,
    text_licence: str | None = None,
    space: bool = False,
    runtime: Path | None = None,
    dry_run: bool = False,
    force: bool = False,
) -> None:
    """Send model, tokenizer, card, report and logs of a run to a repository, in one commit.

    Args:
        run: a run folder with a finished model and its report.
        to: OWNER/NAME. The repository is made where there is none; what an earlier publication
            left in its folders and this one has not goes.
        public: whether everybody may see it.
        licence: of the model, as the Hub names it, such as `mit`.
        text_licence: of the text; None for what the Hub says of its data set.
        space: make a static Space of that name too, with the page that runs the model in a
            browser, in a commit of its own.
        runtime: folder of the page's libraries; None to fetch them by npm.
        dry_run: show every file and its size, and send nothing.
        force: write into a repository that holds nothing of filiberto.

    Raises:
        UsageError: the name is none, there is no token, or the repository is somebody else's,
            holds something else, or is public unasked; what makes the page is not installed.
        UnfinishedStageError: model or report is not finished.
        StateError: a file is damaged, or holds the token or a path of this machine.
        TryAgainError: the Hub or npm cannot be reached, or the run is in use.
    """
    _check_name(to)
    if (run / "config.json").is_file():
        raise UsageError(f"{run} is a model", hint="publish takes the folder of its run")
    manifest.require(run, "model")  # or refused before a lock is put into some folder
    if not dry_run:
        _check_token()
    with lock.own(run), tempfile.TemporaryDirectory() as scratch:
        check_finished(run)
        repositories: dict[Kind, Files] = {}
        if space:
            page = _page(run, Path(scratch), to=to, licence=licence, runtime=runtime)
            repositories["space"] = page
        files = files_of(run)
        text_licence = text_licence or _licence_of_text(run)
        card = full_card(run, name=to, files=files, licence=licence, text_licence=text_licence)
        repositories = {"model": {CARD: card.encode(), **files}, **repositories}
        for kind, some in repositories.items():
            check_secrets(some)
            _show(some, place=f"the {'public' if public else 'private'} {_called(kind, to)}")
        _say_what_lacks(licence=licence, text_licence=text_licence)
        if dry_run:
            say(f"\n{CARD}:\n\n{card}\n--dry-run: nothing was sent")
            return
        _send(repositories, to=to, public=public, force=force)


def _page(run: Path, folder: Path, *, to: str, licence: str | None, runtime: Path | None) -> Files:
    """The files of a Space, written into an empty folder."""
    from huggingface_hub import SpaceCardData

    from filiberto.publish import page

    page.check_runtime(runtime)
    if not is_current(run):
        from filiberto.publish import onnx

        onnx.export(run)
    name = to.split("/")[1]
    page.write(folder, run, name=name, runtime=runtime)
    head = SpaceCardData(
        title=name,
        emoji="✍️",
        colorFrom="gray",
        colorTo="indigo",
        sdk="static",
        license=licence,
        models=[to],
        tags=["filiberto"],
        short_description="A language model that fills blanks, in your browser",
    ).to_yaml()
    card = f"---\n{head}\n---\n\nFill blanks with [{to}](/{to}). It runs in the browser.\n"
    written = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {CARD: card.encode(), **{p.relative_to(folder).as_posix(): p for p in written}}


def _check_token() -> None:
    from huggingface_hub import get_token

    if not get_token():
        raise UsageError(
            "there is no token, and a repository is written to by its owner alone",
            hint="make one that may write in the settings of your account, then: hf auth login, "
            "or export HF_TOKEN=YOUR_TOKEN",
        )


@dataclass(frozen=True)
class _There:
    """A repository as it is.

    Attributes:
        ours: paths that an earlier publication has left, or the Hub when it was made.
        head: its commit.
    """

    ours: list[str]
    head: str | None
    private: bool


def _send(repositories: Mapping[Kind, Files], *, to: str, public: bool, force: bool) -> None:
    """See that every repository may be written to, then write."""
    from huggingface_hub.utils import disable_progress_bars, logging

    from filiberto.hub_errors import told

    logging.set_verbosity_error()  # its warnings show addresses that are signed for the upload
    if not sys.stderr.isatty():
        disable_progress_bars()
    api = _api()
    prepared: dict[Kind, _There] = {}
    for kind in repositories:
        with told(to, kind=kind, sends=True):
            prepared[kind] = _prepare(api, to, kind=kind, public=public, force=force)
    for kind, files in repositories.items():
        with told(to, kind=kind, sends=True):
            _commit(api, to, files, kind=kind, there=prepared[kind], public=public)


def _commit(api: HfApi, to: str, files: Files, *, kind: Kind, there: _There, public: bool) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete
    from huggingface_hub.errors import HfHubHTTPError

    stale = [path for path in there.ours if path not in files]
    try:
        made = api.create_commit(
            to,
            repo_type=kind,
            operations=[
                *(CommitOperationAdd(path, file) for path, file in files.items()),
                *(CommitOperationDelete(path, is_folder=False) for path in stale),
            ],
            commit_message=f"filiberto {__version__}",
        )
    except HfHubHTTPError:
        raise
    except ValueError as error:  # of the card's metadata
        raise UsageError(
            f"{to}: {error}", hint="is --license one of the Hub's names, such as apache-2.0?"
        ) from None
    except (RuntimeError, OSError) as error:  # of a file's upload; OSError from Xet
        if isinstance(error.__cause__, Exception):
            raise error.__cause__ from None
        reason = re.sub(r"\?\S+", "", str(error))  # an address may be signed
        raise TryAgainError(
            f"{to}: the upload broke off: {reason}",
            hint="give the same command again; where the Hub has no Xet, first: "
            "export HF_HUB_DISABLE_XET=1",
        ) from None
    if public and there.private:
        api.update_repo_settings(to, repo_type=kind, private=False)
    same = "; it had all of it already" if made.oid == there.head else ""
    address = f"{api.endpoint}/{'spaces/' if kind == 'space' else ''}{to}"
    say(f"{'public' if public else 'private'}: {address}{same}")


def _prepare(api: HfApi, to: str, *, kind: Kind, public: bool, force: bool) -> _There:
    """Make the repository, or see that it may be written to."""
    from huggingface_hub.errors import RepositoryNotFoundError

    ask = api.space_info if kind == "space" else api.model_info
    asked = partial(ask, to, timeout=_WAIT_SECONDS)
    try:
        about = asked()
    except RepositoryNotFoundError:
        sdk = "static" if kind == "space" else None
        api.create_repo(to, repo_type=kind, space_sdk=sdk, private=not public, exist_ok=True)
        about = asked()
    paths = [file.rfilename for file in about.siblings or []]
    others = [path for path in paths if path != ".gitattributes"]
    ours = "filiberto" in (about.tags or [])
    # A Space begins with files of the Hub's own, in the commit that makes it.
    untouched = not ours and others and len(api.list_repo_commits(to, repo_type=kind)) == 1
    if others and not (ours or untouched or force):
        raise UsageError(
            f"{_called(kind, to)} holds {', '.join(others[:3])} and is no {kind} of filiberto",
            hint="name another repository, or write into this one with --force",
        )
    if not about.private and not public:
        raise UsageError(
            f"{_called(kind, to)} is public, and what is sent there everybody can see",
            hint="name another repository, or add --public",
        )
    of_before = [path for path in paths if path.startswith(_FOLDERS[kind])]
    may_go = of_before if ours else others if untouched else []
    return _There(may_go, about.sha, bool(about.private))


def _called(kind: Kind, to: str) -> str:
    return f"Space {to}" if kind == "space" else to


def _check_name(to: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(to)
        is_name = to.count("/") == 1
    except HFValidationError:
        is_name = False
    if not is_name:
        raise UsageError(f"--to {to!r} is no repository's name", hint="write --to OWNER/NAME")


def _show(files: Files, *, place: str) -> None:
    width = max(map(len, files))
    for path, file in files.items():
        say(f"  {path:<{width}}  {size_of(file):>13,} bytes")
    total = readable_number(sum(map(size_of, files.values())))
    say(f"{len(files)} files, {total} bytes, for {place}")


def _say_what_lacks(*, licence: str | None, text_licence: str | None) -> None:
    if licence is None:
        say("the card names no licence of the model: --license mit, apache-2.0, cc-by-sa-4.0, ...")
    if text_licence is None:
        say("the card names no licence of the text: --text-license NAME, if you know it")


def _licence_of_text(run: Path) -> str | None:
    """As the card of the run's data set on the Hub has it; None where nothing says it."""
    _, choice = hub_choice.read(run)
    if choice is None:
        return None
    try:
        about = _api().dataset_info(choice.dataset, revision=choice.revision, timeout=_WAIT_SECONDS)
    except Exception as error:  # of the network, or of the set: it is told as unknown
        say(f"the licence of {choice.dataset} could not be asked for: {type(error).__name__}")
        return None
    found = (about.card_data or {}).get("license")
    return ", ".join(found) if isinstance(found, list) else found


def _api() -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(library_name="filiberto", library_version=__version__)
