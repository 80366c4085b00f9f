"""Stage 1, corpus: text from the Hugging Face Hub, as files that are then read like local ones.

    asked  ->  commit, config, split  ->  files in an order drawn by the seed
           ->  as many as hold the text asked for  ->  Choice, on record in the run

    hub_files   which files a config and split are     hub_fetch   one file onto this disk
    hub_choice  the record

Nothing of the Hub's library is imported before the Hub is asked.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from filiberto.config import Recipe, parse_bytes
from filiberto.console import readable_number, say
from filiberto.corpus import hub_choice, hub_files, languages
from filiberto.corpus.documents import resolve
from filiberto.corpus.hub_choice import Asked, Choice, ChosenFile
from filiberto.corpus.sources import kind_of
from filiberto.errors import OtherRunError, StateError, UsageError
from filiberto.runfolder import safeio
from filiberto.runfolder.manifest import MANIFEST

if TYPE_CHECKING:
    from filiberto.corpus.hub_fetch import HubFile

_SHORT = {"fineweb": languages.fineweb, "wikipedia": languages.wikipedia}
_UNPACKED = 3  # bytes of text in a byte of .gz or .zst, about
_CARD = "README.md"


def asked_by(recipe: Recipe) -> Asked | None:
    """What a recipe asks of the Hub: what it names, or the default for a language without text.

    Raises:
        UsageError: it names no data set.
    """
    dataset = recipe.hub
    if dataset is None:
        if recipe.text or not recipe.language:
            return None
        dataset = "fineweb"
    dataset = re.sub(r"^(https?://[^/]+/|hf://)?datasets/", "", dataset).strip("/")
    if dataset not in _SHORT and not re.fullmatch(r"[\w.-]+/[\w.-]+", dataset):
        raise UsageError(
            f"--hub {recipe.hub!r} names no data set",
            hint="write --hub OWNER/NAME, or --hub fineweb or wikipedia with --language",
        )
    if dataset in _SHORT and not recipe.language:
        raise UsageError(f"--hub {dataset} needs a language", hint="add --language te")
    # The language is part of what is asked only where it chooses something.
    chooses = dataset in _SHORT or recipe.hub_config is None
    return Asked(
        dataset=dataset,
        config=recipe.hub_config,
        split=recipe.hub_split,
        max_text_bytes=parse_bytes(recipe.max_text),
        text_field=recipe.corpus.text_field,
        language=recipe.language if chooses else "",
        seed=recipe.seed,
    )


def choose(run: Path, asked: Asked, *, force: bool = False) -> Choice:
    """The choice on record for what is asked, or a new one, which is fetched and recorded.

    Args:
        run: the run folder.
        force: a corpus that was made from another choice may be replaced.

    Raises:
        UsageError: there is no such data set, config or split, or the Hub refuses.
        TryAgainError: the Hub cannot be reached; what was fetched is kept.
        OtherRunError: the corpus is finished with other text.
    """
    recorded, choice = hub_choice.read(run)
    same = recorded == asdict(asked)
    if same and choice is not None and choice.files:
        return choice
    if not force and (run / "corpus" / MANIFEST).exists():
        raise _other_choice(run, recorded, asdict(asked))
    if not same or choice is None:
        choice = _resolve(asked)
    there = _files(asked, choice)
    hub_choice.write(run, asked, choice)  # the commit is pinned before anything large is fetched
    choice = replace(choice, files=_fetch_enough(asked, choice, there))
    guessed = {source.name: source.documents for source in resolve(choice.sources(), "auto")}
    files = [
        replace(file, documents=guessed[f"{choice.dataset}/{file.path}"]) for file in choice.files
    ]
    choice = replace(choice, files=files)
    hub_choice.write(run, asked, choice)
    return choice


def _resolve(asked: Asked) -> Choice:
    """The data set, config and commit that what is asked stands for now."""
    from filiberto.corpus import hub_fetch

    dataset, config = asked.dataset, asked.config
    if dataset in _SHORT:
        language = languages.find(asked.language)
        dataset, usual = _SHORT[dataset](language)
        config = config or usual
    say(f"hub: asking for {dataset}")
    with hub_fetch.told(dataset):
        revision = hub_fetch.api().dataset_info(dataset, timeout=30).sha
    if not revision:
        raise StateError(f"the Hub names no commit of {dataset}", hint="try again later")
    return Choice(dataset=dataset, config=config, split=asked.split, revision=revision)


def _fetch_enough(asked: Asked, choice: Choice, there: list[HubFile]) -> list[ChosenFile]:
    """Fetch files in the order drawn until they hold the text that is asked for."""
    from filiberto.corpus import hub_fetch

    order = sorted(there, key=lambda file: _draw(asked.seed, file.path))
    _announce(asked, choice, there)
    chosen: list[ChosenFile] = []
    left = asked.max_text_bytes
    while order and left > 0:
        file = order.pop(0)
        note = f"{readable_number(asked.max_text_bytes - left)} bytes of text so far"
        path = hub_fetch.fetch(choice.dataset, choice.revision, file, note=note)
        text = text_bytes(path, file.path, column=asked.text_field)
        chosen.append(
            ChosenFile(
                path=file.path,
                num_bytes=file.num_bytes,
                git_hash=file.git_hash,
                sha256=file.sha256 or safeio.sha256_of(path),
                large=file.sha256 is not None,
                max_text_bytes=left if text > left else None,
            )
        )
        left -= text
    total = sum(file.num_bytes for file in chosen)
    part = "; the last is read as far as is needed" if left < 0 else ""
    say(
        f"hub: {len(chosen)} of {len(there)} files are here, {readable_number(total)} bytes "
        f"holding {readable_number(asked.max_text_bytes - left)} bytes of text{part}"
    )
    return chosen


def _files(asked: Asked, choice: Choice) -> list[HubFile]:
    """The files of the choice's config and split."""

    dataset = choice.dataset
    config = hub_files.choose_config(
        _configs(choice), choice.config, dataset=dataset, likely=_likely(asked)
    )
    patterns = None
    if config is not None:
        patterns = hub_files.patterns_of(config, choice.split, dataset=dataset)
        folder = hub_files.fixed_folder(patterns) if patterns else str(config.get("data_dir", ""))
    else:
        folder = _folder(choice, choice.config) if choice.config else ""
    there = _listed(choice, folder)
    if patterns is not None:
        paths = hub_files.matching(there, patterns, dataset=dataset)
    else:
        paths = hub_files.conventional(there, choice.split, dataset=dataset)
    return [there[path] for path in paths]


def _configs(choice: Choice) -> list[dict[str, Any]]:
    """The configs that the data set's card names, if there is a card that names any."""
    from filiberto.corpus import hub_fetch

    with hub_fetch.told(choice.dataset):
        found = hub_fetch.api().get_paths_info(
            choice.dataset, [_CARD], revision=choice.revision, repo_type="dataset"
        )
    if not found:
        return []
    from huggingface_hub import metadata_load

    path = hub_fetch.fetch(choice.dataset, choice.revision, hub_fetch.described(found[0]))
    configs = (metadata_load(path) or {}).get("configs") or []
    return [config for config in configs if isinstance(config, dict)]


def _folder(choice: Choice, config: str) -> str:
    """The folder that is a config where no card names any."""
    folders = [
        entry.path for entry in _tree(choice, "", recursive=False) if not hasattr(entry, "size")
    ]
    if config.strip("/").split("/")[0] not in folders:
        raise UsageError(
            f"{choice.dataset} has no folder {config!r}, and its card names no configs; "
            + (f"folders there: {', '.join(folders[:12])}" if folders else "it has no folders"),
            hint="name one: --hub-config FOLDER, or leave it out for all files",
        )
    return config


def _listed(choice: Choice, folder: str) -> dict[str, HubFile]:
    """Every file below a folder of the data set, by its path."""
    from filiberto.corpus import hub_fetch

    entries = _tree(choice, folder, recursive=True)
    return {entry.path: hub_fetch.described(entry) for entry in entries if hasattr(entry, "size")}


def _tree(choice: Choice, folder: str, *, recursive: bool) -> list[Any]:
    from filiberto.corpus import hub_fetch

    with hub_fetch.told(choice.dataset, what=f"folder {folder!r}"):
        return list(
            hub_fetch.api().list_repo_tree(
                choice.dataset,
                folder.strip("/") or None,
                recursive=recursive,
                revision=choice.revision,
                repo_type="dataset",
            )
        )


def text_bytes(path: Path, name: str, *, column: str) -> int:
    """About how much text a file holds: by a parquet file's footer, else by its size.

    Raises:
        UsageError: a parquet file has no such column.
    """
    kind = kind_of(PurePosixPath(name))
    assert kind is not None
    if kind[0] != "parquet":
        return path.stat().st_size * (_UNPACKED if kind[1] else 1)
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        columns = file.schema_arrow.names
        if column not in columns:
            raise UsageError(
                f"{name} has no column `{column}`; seen: {', '.join(columns)}",
                hint="name the one that holds the text: --text-field NAME",
            )
        groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
        chunks = [group.column(i) for group in groups for i in range(group.num_columns)]
        named = [chunk for chunk in chunks if chunk.path_in_schema == column]
        return sum(chunk.total_uncompressed_size for chunk in named)


def _likely(asked: Asked) -> list[str]:
    """Names that configs for the language bear: `it`, `ita`, `ita_Latn`."""
    if not asked.language:
        return []
    language = languages.find(asked.language)
    subsets = [name for name, _ in languages.facts(language).fineweb2]
    return [code for code in (language.part1, language.part3, *subsets) if code]


def _draw(seed: int, path: str) -> bytes:
    return hashlib.blake2b(f"{seed}\0{path}".encode(), digest_size=16).digest()


def _announce(asked: Asked, choice: Choice, there: list[HubFile]) -> None:
    total = sum(file.num_bytes for file in there)
    subset = f" {choice.config}," if choice.config else ""
    say(
        f"hub: {choice.dataset},{subset} {choice.split}, commit {choice.revision[:7]}: "
        f"files: {len(there)}, {readable_number(total)} bytes; about "
        f"{readable_number(asked.max_text_bytes)} bytes of text are taken (--max-text)"
    )


def _other_choice(
    run: Path, recorded: dict[str, Any] | None, asked: dict[str, Any]
) -> OtherRunError:
    if recorded is None:
        there = "text that is not from the Hub"
    else:
        there = "other text of the Hub: " + "; ".join(
            f"`{key}` {recorded.get(key)!r} there, {asked[key]!r} now"
            for key in asked
            if recorded.get(key) != asked[key]
        )
    return OtherRunError(
        f"{run / 'corpus'} was made from {there}",
        hint="take another folder, or replace this stage: "
        f"filiberto corpus {run} --force, with the settings you want",
    )
