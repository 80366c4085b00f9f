"""Stage 1, corpus: which files of a data set on the Hub are a config and a split.

    the card's `configs:`  ->  patterns  ->  files            where the card has them
    folder and file names  ->  files                          else

Pure: works on names alone. The rules are those of the library `datasets`, for the formats we read.

Source: https://huggingface.co/docs/hub/datasets-data-files-configuration
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from filiberto.corpus.sources import kind_of
from filiberto.errors import UsageError

_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SHOWN = 12


def choose_config(
    configs: Sequence[Mapping[str, Any]], asked: str | None, *, dataset: str, likely: Iterable[str]
) -> Mapping[str, Any] | None:
    """The config asked for, else the only one, the default, or one that bears a likely name.

    Args:
        configs: `configs` of the card; empty where it has none.
        likely: names to look for, such as codes of the language.

    Returns:
        The config's entry in the card; None where the card has none.

    Raises:
        UsageError: there is no such config, or none is asked for where there are several.
    """
    if not configs:
        return None
    named = {str(config.get("config_name", "default")): config for config in configs}
    if asked is not None:
        if asked not in named:
            near = difflib.get_close_matches(asked, named, n=3)
            raise UsageError(
                f"{dataset} has no config {asked!r}; it has {_listed(named)}",
                hint="name one: --hub-config " + (near[0] if near else "NAME"),
            )
        return named[asked]
    default = [config for config in configs if config.get("default")]
    found = default or [named[name] for name in ("default", *likely) if name in named]
    if found or len(named) == 1:
        return (found or list(configs))[0]
    raise UsageError(
        f"{dataset} has {len(named)} configs: {_listed(named)}",
        hint="name one: --hub-config NAME",
    )


def patterns_of(config: Mapping[str, Any], split: str, *, dataset: str) -> list[str] | None:
    """The patterns of a config's split, relative to the repository; None where names must tell.

    Raises:
        UsageError: the config has no such split.
    """
    files = config.get("data_files")
    folder = str(config.get("data_dir", "")).strip("/")
    if not files:
        return None
    if not isinstance(files, list) or not any(isinstance(entry, dict) for entry in files):
        files = [{"split": "train", "path": files}]
    by_split: dict[str, list[str]] = {}
    for entry in files:
        paths = entry["path"] if isinstance(entry["path"], list) else [entry["path"]]
        by_split.setdefault(str(entry.get("split", "train")), []).extend(map(str, paths))
    if split not in by_split:
        raise _no_such_split(dataset, split, by_split)
    return [str(PurePosixPath(folder, path)) if folder else path for path in by_split[split]]


def fixed_folder(patterns: Sequence[str]) -> str:
    """The folder that holds everything the patterns can match: what must be listed."""
    parents = [_fixed_part(pattern) for pattern in patterns]
    shortest = min(len(parts) for parts in parents)
    same = 0
    while same < shortest and len({parts[same] for parts in parents}) == 1:
        same += 1
    return "/".join(parents[0][:same])


def matching(paths: Iterable[str], patterns: Sequence[str], *, dataset: str) -> list[str]:
    """The paths we read among those that match a pattern.

    Raises:
        UsageError: none does.
    """
    from fsspec.utils import glob_translate

    tests = [re.compile(glob_translate(pattern.removeprefix("./"))) for pattern in patterns]
    matched = sorted(path for path in paths if any(test.match(path) for test in tests))
    return _readable(matched, dataset=dataset)


def conventional(paths: Iterable[str], split: str, *, dataset: str) -> list[str]:
    """The paths of a split where no card says it: by the names of folders and files.

    Without any split in any name all files are `train`.

    Raises:
        UsageError: there is no such split, or no file of a kind that we read.
    """
    readable = _readable(sorted(paths), dataset=dataset)
    by_split = {
        name: [path for path in readable if _bears(path, words)]
        for name, words in {split: (split,), **_SPLITS}.items()
    }
    found = {name: files for name, files in by_split.items() if files}
    if split in found:
        return found[split]
    if found or split != "train":
        raise _no_such_split(dataset, split, found or {"train": readable})
    return readable


def _bears(path: str, words: Sequence[str]) -> bool:
    # A whole word between what is no letter: `train-00000`, `data/train/a`, never `training_notes`.
    return any(re.search(rf"(?<![^\W\d_]){re.escape(w)}(?![^\W\d_])", path) for w in words)


def _fixed_part(pattern: str) -> tuple[str, ...]:
    parts = PurePosixPath(pattern.removeprefix("./")).parts[:-1]
    magic = (i for i, part in enumerate(parts) if re.search(r"[*?\[{]", part))
    return parts[: next(magic, len(parts))]


def _readable(paths: Sequence[str], *, dataset: str) -> list[str]:
    readable = [path for path in paths if kind_of(PurePosixPath(path)) is not None]
    if readable:
        return readable
    kinds = sorted({"".join(PurePosixPath(path).suffixes[-2:]) for path in paths})
    raise UsageError(
        f"{dataset} has no file there that we read"
        + (f"; it has {', '.join(kinds[:_SHOWN])}" if kinds else ""),
        hint="we read .parquet, and .jsonl .txt .csv .tsv, plain, .gz or .zst",
    )


def _no_such_split(dataset: str, split: str, there: Iterable[str]) -> UsageError:
    return UsageError(
        f"{dataset} has no split {split!r} there; it has {_listed(there)}",
        hint="name one: --hub-split NAME",
    )


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
