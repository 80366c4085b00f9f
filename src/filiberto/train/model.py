"""The model: transformers' own RobertaForMaskedLM, run so that only masked positions are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from filiberto.config import Size
from filiberto.errors import StateError
from filiberto.train.attention import block_diagonal

if TYPE_CHECKING:
    from transformers import RobertaConfig, RobertaForMaskedLM


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


@dataclass(frozen=True)
class TokenBatch:
    """What the model is given, on its device.

    Attributes:
        input_ids: `[rows, length]`.
        document_ids: `[rows, length]`.
        position_ids: `[rows, length]`, from 0 in each document.
        slots: `[rows, slots]`, positions to score.
        labels: `[rows, slots]`, -100 at spare slots.
    """

    input_ids: Tensor
    document_ids: Tensor
    position_ids: Tensor
    slots: Tensor
    labels: Tensor


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


def first_position(config: RobertaConfig) -> int:
    """RoBERTa's number for the first token of a text: the one after `<pad>`'s id."""
    assert isinstance(config.pad_token_id, int)
    return config.pad_token_id + 1


def new_model(config: RobertaConfig, *, seed: int) -> RobertaForMaskedLM:
    """A model with random weights that the seed alone decides; the global generator is left be."""
    from transformers import RobertaForMaskedLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RobertaForMaskedLM(config)


def masked_logits(model: RobertaForMaskedLM, batch: TokenBatch) -> Tensor:
    """Scores over the vocabulary at the slots only.

    Returns:
        `[rows x slots, vocab]`, in the order of `batch.slots` flattened.
    """
    hidden = model.roberta(
        input_ids=batch.input_ids,
        attention_mask=block_diagonal(batch.document_ids),
        position_ids=batch.position_ids + first_position(model.config),
    ).last_hidden_state
    index = batch.slots[:, :, None].expand(-1, -1, hidden.shape[-1])
    return model.lm_head(hidden.gather(1, index).flatten(0, 1))


def masked_loss(model: RobertaForMaskedLM, batch: TokenBatch) -> Tensor:
    """Sum over the slots of the cross-entropy in nats, in fp32."""
    logits = masked_logits(model, batch)
    return torch.nn.functional.cross_entropy(
        logits.float(), batch.labels.flatten(), reduction="sum", ignore_index=-100
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
