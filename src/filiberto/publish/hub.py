"""A finished run -> a repository on the Hub.

    run/ -> files, card -> shown -> one commit, which is there whole or not at all
         -> page        -> shown -> another, of the static Space of the same name

What a broken upload has brought stays with the Hub: the same command again sends the rest.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filiberto import __version__
from filiberto.console import readable_number, say
from filiberto.corpus import hub_choice
from filiberto.errors import TryAgainError, UsageError
from filiberto.publish.exported import is_current
from filiberto.publish.files import CARD, Files, check_secrets, files_of, size_of
from filiberto.publish.full_card import full_card
from filiberto.runfolder import lock, manifest

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Kind = Literal["model", "space"]

_FOLDERS: dict[Kind, tuple[str, ...]] = {
    "model": ("report/", "runs/", "onnx/"),
    "space": ("model/", "runtime/"),
}
# From where the Hub sends a Space's large files.
_FILE_HOSTS = ("https://huggingface.co", "https://*.huggingface.co", "https://*.hf.co")
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
            left in `report/`, `runs/` and `onnx/` and this one has not goes.
        public: whether everybody may see it.
        licence: of the model, as the Hub names it, such as `mit`.
        text_licence: of the text; None for what the Hub says of its data set.
        space: send the page that runs the model in a browser too, into a Space of that name.
        runtime: folder of the page's libraries; None to fetch them by npm.
        dry_run: show every file and its size, and send nothing.
        force: write into a repository that holds no model of filiberto.

    Raises:
        UsageError: the name is none, there is no token, or the repository is somebody else's,
            holds something else, or is public unasked.
        UnfinishedStageError: model or report is not finished.
        StateError: a file is damaged, or holds the token or a path of this machine.
        TryAgainError: the Hub cannot be reached, or the run is in use.
    """
    _check_name(to)
    manifest.require(run, "model")  # or refused before a lock is put into some folder
    with lock.own(run), tempfile.TemporaryDirectory() as place:
        page = _page(run, Path(place), to=to, licence=licence, runtime=runtime) if space else {}
        files = files_of(run)
        text_licence = text_licence or _licence_of_text(run)
        card = full_card(run, name=to, files=files, licence=licence, text_licence=text_licence)
        files = {CARD: card.encode(), **files}
        check_secrets(files | page)
        seen = "public" if public else "private"
        _show(files, place=f"the {seen} {to}")
        if page:
            _show(page, place=f"the {seen} Space {to}")
        _say_what_lacks(licence=licence, text_licence=text_licence)
        if dry_run:
            say(f"\n{CARD}:\n\n{card}\n--dry-run: nothing was sent")
            return
        _send(files, kind="model", to=to, public=public, force=force)
        if page:
            _send(page, kind="space", to=to, public=public, force=force)


def _page(run: Path, folder: Path, *, to: str, licence: str | None, runtime: Path | None) -> Files:
    """The files of a Space, written into an empty folder."""
    from huggingface_hub import SpaceCardData

    from filiberto.publish import page

    if not is_current(run):
        from filiberto.publish import onnx

        onnx.export(run)
    page.write(folder, run, runtime=runtime, file_hosts=_FILE_HOSTS)
    name = to.split("/")[1]
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
    files: Files = {CARD: card.encode()}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files[path.relative_to(folder).as_posix()] = path
    return files


def _send(files: Files, *, kind: Kind, to: str, public: bool, force: bool) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, get_token
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import disable_progress_bars, logging

    from filiberto.hub_errors import told

    if not get_token():
        raise UsageError(
            "there is no token, and a repository is written to by its owner alone",
            hint="make one that may write in the settings of your account, then: hf auth login, "
            "or export HF_TOKEN=YOUR_TOKEN",
        )
    logging.set_verbosity_error()  # its warnings show addresses that are signed for the upload
    if not sys.stderr.isatty():
        disable_progress_bars()
    api = _api()
    with told(to, kind=kind, sends=True):
        there, head, private = _prepare(api, to, kind=kind, public=public, force=force)
        stale = [path for path in there if path.startswith(_FOLDERS[kind]) and path not in files]
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
        if public and private:
            api.update_repo_settings(to, repo_type=kind, private=False)
    same = "; it had all of it already" if made.oid == head else ""
    place = f"{api.endpoint}/{'spaces/' if kind == 'space' else ''}{to}"
    say(f"{'public' if public else 'private'}: {place}{same}")


def _prepare(
    api: HfApi, to: str, *, kind: Kind, public: bool, force: bool
) -> tuple[list[str], str | None, bool]:
    """Make the repository, or see that it may be written to.

    Returns:
        The paths that an earlier publication may have left, the commit, whether it is private.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    def asked() -> Any:
        return api.repo_info(to, repo_type=kind, timeout=_WAIT_SECONDS)

    made = False
    try:
        about = asked()
    except RepositoryNotFoundError:
        sdk = "static" if kind == "space" else None
        api.create_repo(to, repo_type=kind, space_sdk=sdk, private=not public, exist_ok=True)
        made, about = True, asked()
    paths = [file.rfilename for file in about.siblings or []]
    ours = made or "filiberto" in (about.tags or [])
    others = [path for path in paths if path != ".gitattributes"]
    if others and not ours and not force:
        raise UsageError(
            f"{to} holds {', '.join(others[:3])} and is no {kind} of filiberto",
            hint="name another repository, or write into this one with --force",
        )
    if not about.private and not public:
        raise UsageError(
            f"{to} is public, and what is sent there everybody can see",
            hint="name another repository, or add --public",
        )
    return paths if ours else [], about.sha, bool(about.private)


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
