"""A model that is named by a path or by its name on the Hub.

runs/it | folder | OWNER/NAME  ->  a folder with config.json, weights and tokenizer
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from os.path import abspath
from pathlib import Path

from filiberto.errors import UnfinishedStageError, UsageError

# Weights that can run code when they are read, and what we have no use for, stay where they are.
_WANTED = ["config.json", "*.safetensors", "tokenizer*.json", "vocab.*", "merges.txt"]
_WANTED += ["special_tokens_map.json", "added_tokens.json", "*.model"]


def model_folder(place: Path) -> Path:
    """The model in a run folder, or the folder itself where it is a model.

    Raises:
        UnfinishedStageError: there is no model yet.
    """
    if (place / "config.json").is_file():
        return place
    if (place / "model" / "config.json").is_file():
        return place / "model"
    raise UnfinishedStageError(
        f"{place} holds no trained model", hint=f"train one first: filiberto run {place} --text ..."
    )


def folder_of(name: str) -> Path:
    """The folder of a model, fetched from the Hub if there is no such folder here.

    Raises:
        UsageError: the Hub has no such model, or does not give it.
        UnfinishedStageError: the folder holds no model.
        TryAgainError: the Hub cannot be reached.
    """
    path = Path(name)
    if path.exists():
        return model_folder(path)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise UsageError(f"{name}: no such folder", hint="a run, a model folder, or OWNER/NAME")
    return _fetched(name)


@cache
def _fetched(name: str) -> Path:
    """The snapshot of a model of the Hub, which is asked once."""
    from huggingface_hub import snapshot_download

    from filiberto.hub_errors import told

    with told(name, kind="model"):
        return Path(snapshot_download(name, allow_patterns=_WANTED, library_name="filiberto"))


def name_of(name: str) -> str:
    """What a model is called in tables: its name on the Hub, or the last part of its path."""
    return _named(name)[-1]


def names_of(models: Sequence[str]) -> list[str]:
    """What models are called side by side: as `name_of`, with more of the path where two clash.

    Example:
        `runs/it`, `old/it` and `old/te` are `it`, `old/it` and `te`.

    Raises:
        UsageError: a model is there twice.
    """
    names: dict[str, tuple[str, ...]] = {}
    for model in models:
        parts = _named(model)
        if parts in names.values():
            raise UsageError(f"{model} is named twice", hint="name every model once")
        longer = ("/".join(parts[-length:]) for length in range(1, len(parts) + 1))
        names[next((name for name in longer if name not in names), f"{model} of the Hub")] = parts
    return list(names)


def _named(model: str) -> tuple[str, ...]:
    """The parts of a model's path, without a run's own `model`; a name on the Hub is one part."""
    path = Path(model)
    if not path.exists():
        return (model,)
    parts = Path(abspath(path)).parts  # noqa: PTH100 (links keep their names)
    return parts[:-1] if parts[-1] == "model" else parts
