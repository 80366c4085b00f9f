"""The model: a class of transformers' own, and its loss at masked positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from filiberto.config import Architecture
from filiberto.errors import StateError
from filiberto.train.architecture import MODEL_CLASSES, arithmetic_named, arithmetic_of
from filiberto.train.losses import linear_cross_entropy
from filiberto.train.sizes import Shape

if TYPE_CHECKING:
    from filiberto.train.architecture import MaskedLM
    from filiberto.train.batch import TokenBatch


def new_model(
    architecture: Architecture,
    shape: Shape,
    *,
    vocab_size: int,
    row_length: int,
    special_ids: dict[str, int],
    dropout: float = 0.0,
    seed: int,
) -> MaskedLM:
    """A model with random weights that the seed alone decides; the global generator is left be."""
    import transformers

    config = arithmetic_named(architecture).new_config(
        shape,
        vocab_size=vocab_size,
        row_length=row_length,
        special_ids=special_ids,
        dropout=dropout,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return getattr(transformers, MODEL_CLASSES[architecture][1])(config)


def masked_logits(
    model: MaskedLM, batch: TokenBatch, *, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Scores over the vocabulary at the slots only.

    Returns:
        `[rows x slots, vocab]` of `dtype`, in the order of `batch.slots` flattened.
    """
    arithmetic = arithmetic_of(model)
    decoder = arithmetic.decoder(model)
    hidden = arithmetic.head(model, arithmetic.hidden_at_slots(model, batch, dtype=dtype))
    return torch.nn.functional.linear(hidden, decoder.weight.to(dtype), decoder.bias.to(dtype))


class MaskedLoss(torch.nn.Module):
    """The loss of a batch: sum over the slots of the cross-entropy in nats, in fp32.

    Args:
        model: computes and learns.
        dtype: of the arithmetic; the weights, the loss and the optimizer stay fp32.
        checkpointed: spend a third more time to hold no activations inside layers.
    """

    def __init__(self, model: MaskedLM, *, dtype: torch.dtype, checkpointed: bool = False) -> None:
        super().__init__()
        self.model: Any = model
        self._arithmetic = arithmetic_of(model)
        self._dtype, self._checkpointed = dtype, checkpointed

    def forward(self, batch: TokenBatch) -> Tensor:
        """A number."""
        hidden = self._arithmetic.hidden_at_slots(
            self.model, batch, dtype=self._dtype, checkpointed=self._checkpointed
        )
        hidden = self._arithmetic.head(self.model, hidden)
        decoder = self._arithmetic.decoder(self.model)
        return linear_cross_entropy(hidden, decoder.weight, decoder.bias, batch.labels.flatten())


def check_special_ids(special_ids: dict[str, int], *, vocab_size: int) -> None:
    """Refuse special ids that no model of ours can be built on.

    Raises:
        StateError: two are equal, or one lies outside the vocabulary.
    """
    values = list(special_ids.values())
    if len(set(values)) != len(values) or not all(0 <= v < vocab_size for v in values):
        raise StateError(f"special tokens {special_ids} do not fit {vocab_size} entries")
