"""Models of transformers' with a new head, on weights that were trained or on random ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import transformers
from torch import nn

from filiberto import initial
from filiberto.errors import StateError

Kind = Literal["token", "sequence"]
_CLASSES: dict[Kind, Any] = {
    "token": transformers.AutoModelForTokenClassification,
    "sequence": transformers.AutoModelForSequenceClassification,
}


def classifier(folder: Path, kind: Kind, num_labels: int, *, random: bool) -> Any:
    """A model that classifies tokens or whole sentences.

    Args:
        folder: of a model that `initial.configuration` lets pass.
        kind: what is classified.
        num_labels: how many classes.
        random: the same architecture with random weights.

    Raises:
        StateError: the folder cannot be loaded.
    """
    return _load(_CLASSES[kind], folder, random=random, num_labels=num_labels)


def encoder(folder: Path, *, random: bool) -> Any:
    """The layers alone, without a head. See `classifier`."""
    return _load(transformers.AutoModel, folder, random=random)


def new_parameters(model: nn.Module) -> set[nn.Parameter]:
    """Those of the head: all but the encoder's."""
    body: Any = getattr(model, "base_model", model)
    old = set(body.parameters())
    return {parameter for parameter in model.parameters() if parameter not in old}


def _load(cls: Any, folder: Path, *, random: bool, **settings: Any) -> Any:
    config = initial.configuration(folder, to_train=False)
    for name, value in settings.items():
        setattr(config, name, value)
    transformers.logging.disable_progress_bar()
    verbosity = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()  # that the head is new is no news
    try:
        if random:
            return cls.from_config(config, dtype="float32")
        return cls.from_pretrained(
            folder, config=config, local_files_only=True, use_safetensors=True, dtype="float32"
        )
    except Exception as error:  # safetensors, JSON and shape errors have no common class
        raise StateError(f"{folder} cannot be loaded: {error}") from None
    finally:
        transformers.logging.set_verbosity(verbosity)
