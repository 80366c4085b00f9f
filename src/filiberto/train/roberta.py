"""RoBERTa's arithmetic on packed rows, no more of it than the loss needs.

    ids -> embeddings -> layers -> last layer, at the slots only -> hidden states there

The weights are those of transformers' RobertaForMaskedLM, and so are the results (a test holds the
two together). Of the last layer only the keys and values are needed everywhere; leaving out the
rest is a sixth of the step of `mini` at a mask rate of 0.15 on a CPU (docs/log.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filiberto.train.attention import Attention
from filiberto.train.functional import at_slots, linear, maybe_twice, norm
from filiberto.train.sizes import Shape

if TYPE_CHECKING:
    from transformers import RobertaConfig, RobertaForMaskedLM

    from filiberto.train.batch import TokenBatch

# See `architecture.Arithmetic`, as for all that follows.
STACKED: dict[str, int] = {}
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")


def new_config(
    shape: Shape,
    *,
    vocab_size: int,
    row_length: int,
    special_ids: dict[str, int],
    dropout: float = 0.0,
) -> RobertaConfig:
    """RoBERTa counts positions from `pad_token_id + 1`, hence two more of them than tokens."""
    from transformers import RobertaConfig

    return RobertaConfig(
        vocab_size=vocab_size,
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        intermediate_size=shape.inner_size("roberta"),
        max_position_embeddings=row_length + special_ids["<pad>"] + 1,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        **dict.fromkeys(DROPOUTS, dropout),
        bos_token_id=special_ids["<s>"],
        pad_token_id=special_ids["<pad>"],
        eos_token_id=special_ids["</s>"],
    )


def max_length(config: RobertaConfig) -> int:
    """As many tokens as there are positions from the first on."""
    return config.max_position_embeddings - first_position(config)


def layers(model: Any) -> nn.ModuleList:
    """Attention, feed-forward, a norm after each."""
    return model.base_model.encoder.layer


def decoder(model: RobertaForMaskedLM) -> nn.Linear:
    """Tied to the input embeddings."""
    return model.lm_head.decoder


def head(model: RobertaForMaskedLM, hidden: Tensor) -> Tensor:
    """A linear layer, GELU, a norm."""
    lm_head: Any = model.lm_head
    return norm(lm_head.layer_norm, F.gelu(linear(lm_head.dense, hidden)))


def hidden_at_slots(
    model: RobertaForMaskedLM, batch: TokenBatch, *, dtype: torch.dtype, checkpointed: bool = False
) -> Tensor:
    """The last layer's output at the slots."""
    hidden = _embedded(model, batch).to(dtype)
    *most, last = layers(model)
    for layer in most:
        hidden = maybe_twice(_layer, layer, hidden, hidden, batch.attention, twice=checkpointed)
    queries = at_slots(hidden, batch.slots)
    return _layer(last, queries, hidden, batch.attention_at_slots).flatten(0, 1)


def first_position(config: RobertaConfig) -> int:
    """RoBERTa's number for the first token of a text: the one after `<pad>`'s id."""
    assert isinstance(config.pad_token_id, int)
    return config.pad_token_id + 1


def _embedded(model: RobertaForMaskedLM, batch: TokenBatch) -> Tensor:
    embeddings: Any = model.roberta.embeddings
    positions = batch.position_ids + first_position(model.config)
    hidden = (
        F.embedding(batch.input_ids, embeddings.word_embeddings.weight)
        + F.embedding(positions, embeddings.position_embeddings.weight)
        + embeddings.token_type_embeddings.weight[0]
    )
    return embeddings.dropout(embeddings.LayerNorm(hidden))


def _layer(layer: Any, queries: Tensor, keys: Tensor, attention: Attention) -> Tensor:
    """One layer after the norm: `queries` look at `keys`. Both `[rows, length, width]`."""
    own = layer.attention.self
    heads = own.num_attention_heads
    q, k, v = (
        linear(matrix, x).unflatten(-1, (heads, -1))
        for matrix, x in ((own.query, queries), (own.key, keys), (own.value, keys))
    )
    dropout = own.dropout.p if own.training else 0.0
    seen = attention(q, k, v, dropout=dropout).flatten(-2)
    out = layer.attention.output
    hidden = norm(out.LayerNorm, out.dropout(linear(out.dense, seen)) + queries)
    wide = F.gelu(linear(layer.intermediate.dense, hidden))
    out = layer.output
    return norm(out.LayerNorm, out.dropout(linear(out.dense, wide)) + hidden)
