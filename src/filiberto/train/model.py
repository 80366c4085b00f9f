"""The model: transformers' own RobertaForMaskedLM, its sizes, and its loss at masked positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from filiberto.config import Size
from filiberto.errors import StateError
from filiberto.train import roberta
from filiberto.train.losses import linear_cross_entropy

if TYPE_CHECKING:
    from transformers import RobertaConfig, RobertaForMaskedLM

    from filiberto.train.batch import TokenBatch


@dataclass(frozen=True)
class Shape:
    """Layers, width and heads of a published size."""

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int


# Turc et al. 2019, arXiv:1908.08962, table 1 (tiny to medium); Devlin et al. 2019 (base, large).
SIZES: dict[Size, Shape] = {
    "tiny": Shape(2, 128, 2),
    "mini": Shape(4, 256, 4),
    "small": Shape(4, 512, 8),
    "medium": Shape(8, 512, 8),
    "base": Shape(12, 768, 12),
    "large": Shape(24, 1024, 16),
}


def num_parameters(shape: Shape, *, vocab_size: int, row_length: int) -> tuple[int, int]:
    """Parameters of the encoder, and of embeddings and head, by arithmetic.

    Returns:
        (weights in the layers, all weights); the output matrix is the input embedding's.
    """
    d = shape.hidden_size
    layer = 12 * d * d + 13 * d  # attention 4d(d+1), feed-forward 8dd+5d, two norms 4d
    encoder = shape.num_hidden_layers * layer
    embeddings = (vocab_size + row_length + 2 + 1) * d + 2 * d
    head = d * d + d + 2 * d + vocab_size
    return encoder, encoder + embeddings + head


def roberta_config(
    shape: Shape,
    *,
    vocab_size: int,
    row_length: int,
    special_ids: dict[str, int],
    dropout: float = 0.0,
) -> RobertaConfig:
    """The configuration as transformers writes it into config.json.

    RoBERTa counts positions from `pad_token_id + 1`, hence two more of them than tokens.
    """
    from transformers import RobertaConfig

    return RobertaConfig(
        vocab_size=vocab_size,
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        intermediate_size=4 * shape.hidden_size,
        max_position_embeddings=row_length + special_ids["<pad>"] + 1,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        bos_token_id=special_ids["<s>"],
        pad_token_id=special_ids["<pad>"],
        eos_token_id=special_ids["</s>"],
    )


def new_model(config: RobertaConfig, *, seed: int) -> RobertaForMaskedLM:
    """A model with random weights that the seed alone decides; the global generator is left be."""
    from transformers import RobertaForMaskedLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RobertaForMaskedLM(config)


def masked_logits(
    model: RobertaForMaskedLM, batch: TokenBatch, *, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Scores over the vocabulary at the slots only.

    Returns:
        `[rows x slots, vocab]` of `dtype`, in the order of `batch.slots` flattened.
    """
    decoder = model.lm_head.decoder
    hidden = roberta.head(model, roberta.hidden_at_slots(model, batch, dtype=dtype))
    return torch.nn.functional.linear(hidden, decoder.weight.to(dtype), decoder.bias.to(dtype))


class MaskedLoss(torch.nn.Module):
    """The loss of a batch: sum over the slots of the cross-entropy in nats, in fp32.

    Args:
        model: computes and learns.
        dtype: of the arithmetic; the weights, the loss and the optimizer stay fp32.
        checkpointed: spend a third more time to hold no activations inside layers.
    """

    def __init__(
        self, model: RobertaForMaskedLM, *, dtype: torch.dtype, checkpointed: bool = False
    ) -> None:
        super().__init__()
        self.model = model
        self._dtype, self._checkpointed = dtype, checkpointed

    def forward(self, batch: TokenBatch) -> Tensor:
        """A number."""
        hidden = roberta.hidden_at_slots(
            self.model, batch, dtype=self._dtype, checkpointed=self._checkpointed
        )
        decoder = self.model.lm_head.decoder
        return linear_cross_entropy(
            roberta.head(self.model, hidden), decoder.weight, decoder.bias, batch.labels.flatten()
        )


def check_special_ids(special_ids: dict[str, int], *, vocab_size: int) -> None:
    """Refuse special ids that no model of ours can be built on.

    Raises:
        StateError: two are equal, one lies outside the vocabulary, or `<pad>` is not 1 (RoBERTa's
            positions start after it).
    """
    values = list(special_ids.values())
    if len(set(values)) != len(values) or not all(0 <= v < vocab_size for v in values):
        raise StateError(f"special tokens {special_ids} do not fit {vocab_size} entries")
    if special_ids["<pad>"] != 1:
        raise StateError(f"<pad> is {special_ids['<pad>']}; RoBERTa's positions want it to be 1")
