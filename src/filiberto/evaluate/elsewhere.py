"""A model that is named by a path or by its name on the Hub.

runs/it | folder | OWNER/NAME  ->  a folder with config.json, weights and tokenizer
"""

from __future__ import annotations

from pathlib import Path

from filiberto.errors import UnfinishedStageError, UsageError

# Weights that can run code when they are read, and what we have no use for, stay where they are.
_WANTED = ["config.json", "*.safetensors", "tokenizer*.json", "vocab.*", "merges.txt"]
_WANTED += ["special_tokens_map.json", "sentencepiece.bpe.model"]


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
    from huggingface_hub import snapshot_download

    from filiberto.hub_errors import told

    with told(name, kind="model"):
        return Path(snapshot_download(name, allow_patterns=_WANTED, library_name="filiberto"))


def name_of(name: str) -> str:
    """What a model is called in tables: its name on the Hub, or the last part of its path."""
    path = Path(name)
    if not path.exists():
        return name
    path = path.resolve()
    return path.parent.name if path.name == "model" else path.name
