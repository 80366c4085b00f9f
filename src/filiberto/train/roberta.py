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
from torch.utils.checkpoint import checkpoint

from filiberto.train.attention import Attention

if TYPE_CHECKING:
    from transformers import RobertaConfig, RobertaForMaskedLM

    from filiberto.train.batch import TokenBatch


def hidden_at_slots(
    model: RobertaForMaskedLM, batch: TokenBatch, *, dtype: torch.dtype, checkpointed: bool = False
) -> Tensor:
    """What the language-model head reads: the last hidden states at the slots.

    Args:
        dtype: of the arithmetic between the embeddings and the result.
        checkpointed: forget what happens inside a layer and compute it again for the gradient.

    Returns:
        `[rows x slots, width]` of `dtype`, in the order of `batch.slots` flattened.
    """
    hidden = _embedded(model, batch).to(dtype)
    *layers, last = model.roberta.encoder.layer
    for layer in layers:
        if checkpointed:
            hidden = checkpoint(_layer, layer, hidden, hidden, batch.attention, use_reentrant=False)
        else:
            hidden = _layer(layer, hidden, hidden, batch.attention)
    index = batch.slots[:, :, None].expand(-1, -1, hidden.shape[-1])
    return _layer(last, hidden.gather(1, index), hidden, batch.attention_at_slots).flatten(0, 1)


def first_position(config: RobertaConfig) -> int:
    """RoBERTa's number for the first token of a text: the one after `<pad>`'s id."""
    assert isinstance(config.pad_token_id, int)
    return config.pad_token_id + 1


def head(model: RobertaForMaskedLM, hidden: Tensor) -> Tensor:
    """What is multiplied with the output embeddings; of the shape and type of `hidden`."""
    lm_head: Any = model.lm_head
    return _norm(lm_head.layer_norm, F.gelu(_linear(lm_head.dense, hidden)))


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
        _linear(matrix, x).unflatten(-1, (heads, -1))
        for matrix, x in ((own.query, queries), (own.key, keys), (own.value, keys))
    )
    dropout = own.dropout.p if own.training else 0.0
    seen = attention(q, k, v, dropout=dropout).flatten(-2)
    out = layer.attention.output
    hidden = _norm(out.LayerNorm, out.dropout(_linear(out.dense, seen)) + queries)
    wide = F.gelu(_linear(layer.intermediate.dense, hidden))
    out = layer.output
    return _norm(out.LayerNorm, out.dropout(_linear(out.dense, wide)) + hidden)


def _linear(matrix: nn.Linear, x: Tensor) -> Tensor:
    return F.linear(x, matrix.weight.to(x.dtype), matrix.bias.to(x.dtype))


def _norm(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    weight, bias = norm.weight.to(x.dtype), norm.bias.to(x.dtype)
    return F.layer_norm(x, norm.normalized_shape, weight, bias, norm.eps)
