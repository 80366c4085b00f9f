"""The architectures there are, and what the engine asks of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from filiberto.config import Architecture
from filiberto.train import modernbert, roberta
from filiberto.train.sizes import Shape

if TYPE_CHECKING:
    from transformers import ModernBertForMaskedLM, RobertaForMaskedLM

    from filiberto.train.batch import TokenBatch

    MaskedLM = RobertaForMaskedLM | ModernBertForMaskedLM


# By the type that a configuration names: the arithmetic, and the class of transformers.
MODEL_CLASSES: dict[str, tuple[Architecture, str]] = {
    "roberta": ("roberta", "RobertaForMaskedLM"),
    "xlm-roberta": ("roberta", "XLMRobertaForMaskedLM"),
    "camembert": ("roberta", "CamembertForMaskedLM"),
    "modernbert": ("modernbert", "ModernBertForMaskedLM"),
}


class Arithmetic(Protocol):
    """An architecture as a module of ours has it; weights and classes are transformers' own."""

    @property
    def STACKED(self) -> dict[str, int]:
        """Of how many matrices on top of each other a weight is made, by the end of its name."""
        ...

    @property
    def DROPOUTS(self) -> tuple[str, ...]:
        """Where the configuration says how much is dropped."""
        ...

    def new_config(
        self,
        shape: Shape,
        *,
        vocab_size: int,
        row_length: int,
        special_ids: dict[str, int],
        dropout: float,
    ) -> Any:
        """The configuration as transformers writes it into config.json."""
        ...

    def max_length(self, config: Any) -> int:
        """Most tokens the model reads at once."""
        ...

    def layers(self, model: Any) -> nn.ModuleList:
        """The layers of its encoder, first to last, whatever head it has."""
        ...

    def decoder(self, model: Any) -> nn.Linear:
        """The output embeddings with their biases."""
        ...

    def head(self, model: Any, hidden: Tensor) -> Tensor:
        """What is multiplied with the output embeddings; of the shape and type of `hidden`."""
        ...

    def hidden_at_slots(
        self, model: Any, batch: TokenBatch, *, dtype: torch.dtype, checkpointed: bool = False
    ) -> Tensor:
        """What the head reads: the last hidden states at the slots.

        Args:
            model: holds the weights.
            batch: packed rows.
            dtype: of the arithmetic between the embeddings and the result.
            checkpointed: forget what happens inside a layer, compute it again for the gradient.

        Returns:
            `[rows x slots, width]` of `dtype`, in the order of `batch.slots` flattened.
        """
        ...


def arithmetic_named(name: Architecture) -> Arithmetic:
    """That of an architecture."""
    return modernbert if name == "modernbert" else roberta


def architecture_of(model: MaskedLM) -> Architecture:
    """The architecture of a model of transformers'."""
    return MODEL_CLASSES[model.config.model_type][0]


def arithmetic_of(model: MaskedLM) -> Arithmetic:
    """The arithmetic of a model of transformers'."""
    return arithmetic_named(architecture_of(model))


def matrices(model: Any) -> Iterator[tuple[nn.Parameter, int]]:
    """The matrices of an encoder's layers, and how many are stacked in each.

    Of an architecture that is not trained here none is taken for a stack, and none is found where
    its layers do not stand in one list.
    """
    config = model.config
    if config.model_type in MODEL_CLASSES:
        arithmetic = arithmetic_of(model)
        layers, stacked = arithmetic.layers(model), arithmetic.STACKED
    else:
        lists = (module for module in model.modules() if isinstance(module, nn.ModuleList))
        layers = next((m for m in lists if len(m) == config.num_hidden_layers), nn.ModuleList())
        stacked = {}
    for name, parameter in layers.named_parameters():
        if parameter.ndim == 2:
            yield parameter, next((n for end, n in stacked.items() if name.endswith(end)), 1)
