"""Stage 1, corpus: what was chosen of the Hub, on record in the run folder.

    hub.json  ->  what was asked, and the Choice  ->  inputs, known without the Hub
                                                  ->  sources, fetched where they are missing

The record holds everything that decides which text is read, so the same command again needs no
network, and another machine fetches the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from filiberto.corpus.sources import Documents, Source, content, kind_of
from filiberto.errors import StateError
from filiberto.runfolder import safeio

HUB_FILE = "hub.json"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a recipe asks of the Hub."""

    dataset: str
    """OWNER/NAME, or `fineweb` or `wikipedia`, which choose by the language."""
    config: str | None = None
    split: str = "train"
    max_text_bytes: int = 2_000_000_000
    text_field: str = "text"
    language: str = ""
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class ChosenFile:
    """A file of the choice."""

    path: str
    num_bytes: int
    git_hash: str
    sha256: str
    large: bool
    """Whether the Hub keeps it outside git, by its sha256."""
    max_text_bytes: int | None = None
    """How much of its text is read, where that is not all."""
    documents: Documents | None = None
    """What one document seems to be in it, if it is plain text."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was chosen: everything that decides which text is read."""

    dataset: str
    config: str | None
    split: str
    revision: str
    files: list[ChosenFile] = field(default_factory=list)

    def sources(self, documents: Documents | Literal["auto"] = "auto") -> list[Source]:
        """The files as sources, fetched where they are not here (any more).

        Args:
            documents: what one document is in plain text, where that is said.
        """
        return [self._source(file, _documents(file, documents)) for file in self.files]

    def inputs(self, documents: Documents | Literal["auto"] = "auto") -> dict[str, str]:
        """What the stage is made from, known without a file at hand."""
        return {
            f"{self.dataset}/{file.path}": content(
                file.sha256,
                max_text_bytes=file.max_text_bytes,
                documents=_documents(file, documents),
            )
            for file in self.files
        }

    def _source(self, file: ChosenFile, documents: Documents | None) -> Source:
        from filiberto.corpus import hub_fetch

        wanted = hub_fetch.HubFile(
            path=file.path,
            num_bytes=file.num_bytes,
            git_hash=file.git_hash,
            sha256=file.sha256 if file.large else None,
        )
        path = hub_fetch.fetch(self.dataset, self.revision, wanted)
        kind = kind_of(PurePosixPath(file.path))
        assert kind is not None, "only files of kinds that we read are chosen"
        return Source(
            name=f"{self.dataset}/{file.path}",
            path=path,
            format=kind[0],
            compression=kind[1],
            num_bytes=file.num_bytes,
            mtime_ns=path.stat().st_mtime_ns,
            documents=documents,
            sha256=file.sha256,
            max_text_bytes=file.max_text_bytes,
        )


def _documents(file: ChosenFile, setting: Documents | Literal["auto"]) -> Documents | None:
    return setting if setting != "auto" and file.documents is not None else file.documents


def read(run: Path) -> tuple[dict[str, Any] | None, Choice | None]:
    """What was asked when the choice was made, and the choice."""
    path = run / HUB_FILE
    if not path.is_file():
        return None, None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        choice = data["choice"]
        files = [ChosenFile(**file) for file in choice.pop("files")]
        return data["asked"], Choice(**choice, files=files)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StateError(
            f"{path} is damaged: {error}", hint="remove it; the choice is then made anew"
        ) from None


def write(run: Path, asked: Asked, choice: Choice) -> None:
    """Put what was asked and chosen on record."""
    safeio.write_json(run / HUB_FILE, {"asked": asdict(asked), "choice": asdict(choice)})
