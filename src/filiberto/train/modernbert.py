"""ModernBERT's arithmetic on packed rows, no more of it than the loss needs.

    ids -> embeddings -> layers, near or far -> last layer, at the slots only -> norm -> there

The weights are those of transformers' ModernBertForMaskedLM, and so are the results (a test holds
the two together). Positions are rotations of queries and keys; every third layer, counted from the
last, sees the whole document, the others a window of it. In both published models, of 22 and 28
layers, that is every third from the first as well.

Source:
    Warner et al. 2024, arXiv:2412.13663, section 2.1.
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
    from transformers import ModernBertConfig, ModernBertForMaskedLM

    from filiberto.train.batch import TokenBatch

# See `architecture.Arithmetic`, as for all that follows. Queries, keys and values; what is gated
# and its gates.
STACKED = {"Wqkv.weight": 3, "Wi.weight": 2}
DROPOUTS = ("embedding_dropout", "attention_dropout", "mlp_dropout")

_FAR, _NEAR = "full_attention", "sliding_attention"
_FAR_EVERY = 3

Rotation = tuple[Tensor, Tensor]


def new_config(
    shape: Shape,
    *,
    vocab_size: int,
    row_length: int,
    special_ids: dict[str, int],
    dropout: float = 0.0,
) -> ModernBertConfig:
    """All that is not said here is as published."""
    from transformers import ModernBertConfig

    last = shape.num_hidden_layers - 1
    return ModernBertConfig(
        vocab_size=vocab_size,
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        intermediate_size=shape.inner_size("modernbert"),
        max_position_embeddings=row_length,
        layer_types=[_NEAR if (last - i) % _FAR_EVERY else _FAR for i in range(last + 1)],
        **dict.fromkeys(DROPOUTS, dropout),
        bos_token_id=special_ids["<s>"],
        cls_token_id=special_ids["<s>"],
        pad_token_id=special_ids["<pad>"],
        eos_token_id=special_ids["</s>"],
        sep_token_id=special_ids["</s>"],
    )


def max_length(config: ModernBertConfig) -> int:
    """The row length of the training; rotations would go on, untrained."""
    return config.max_position_embeddings


def layers(model: Any) -> nn.ModuleList:
    """A norm before attention and before the feed-forward each."""
    return model.base_model.layers


def decoder(model: ModernBertForMaskedLM) -> nn.Linear:
    """Tied to the input embeddings."""
    return model.decoder


def head(model: ModernBertForMaskedLM, hidden: Tensor) -> Tensor:
    """A linear layer, GELU, a norm."""
    own: Any = model.head
    return norm(own.norm, own.act(linear(own.dense, hidden)))


def hidden_at_slots(
    model: ModernBertForMaskedLM,
    batch: TokenBatch,
    *,
    dtype: torch.dtype,
    checkpointed: bool = False,
) -> Tensor:
    """The last layer's output at the slots, after the final norm."""
    embeddings = model.model.embeddings
    ids = F.embedding(batch.input_ids, embeddings.tok_embeddings.weight)
    hidden = embeddings.drop(embeddings.norm(ids)).to(dtype)
    near = batch.attention.within(model.config.sliding_window)
    attention = {_FAR: batch.attention, _NEAR: near}
    rotation = {kind: _rotation(model, batch.position_ids, kind) for kind in attention}
    *most, last = layers(model)
    for layer in most:
        kind = str(layer.attention_type)
        turn = rotation[kind]
        hidden = maybe_twice(
            _layer, layer, hidden, hidden, attention[kind], turn, turn, twice=checkpointed
        )
    # Queries that are not all there have no window around them: the last layer sees far.
    assert last.attention_type == _FAR
    positions = batch.position_ids.gather(1, batch.slots)
    some = _layer(
        last,
        at_slots(hidden, batch.slots),
        hidden,
        batch.attention_at_slots,
        _rotation(model, positions, _FAR),
        rotation[_FAR],
    )
    return norm(model.model.final_norm, some).flatten(0, 1)


def _layer(
    layer: Any,
    queries: Tensor,
    keys: Tensor,
    attention: Attention,
    query_turn: Rotation,
    key_turn: Rotation,
) -> Tensor:
    """One layer before the norms: `queries` look at `keys`. Both `[rows, length, width]`."""
    own, width = layer.attn, keys.shape[-1]
    heads, dropout = (-1, own.head_dim), own.attention_dropout if own.training else 0.0
    seen = _normed(layer.attn_norm, keys)
    if queries is keys:
        q, k, v = (x.unflatten(-1, heads) for x in linear(own.Wqkv, seen).chunk(3, -1))
    else:
        weight = own.Wqkv.weight.to(keys.dtype)
        q = F.linear(_normed(layer.attn_norm, queries), weight[:width]).unflatten(-1, heads)
        k, v = (x.unflatten(-1, heads) for x in F.linear(seen, weight[width:]).chunk(2, -1))
    found = attention(_turned(q, query_turn), _turned(k, key_turn), v, dropout=dropout)
    hidden = queries + own.out_drop(linear(own.Wo, found.flatten(-2)))
    wide, gate = linear(layer.mlp.Wi, norm(layer.mlp_norm, hidden)).chunk(2, -1)
    return hidden + linear(layer.mlp.Wo, layer.mlp.drop(layer.mlp.act(wide) * gate))


def _normed(module: nn.Module, x: Tensor) -> Tensor:
    """The first layer has no norm before its attention, as the embeddings end with one."""
    return norm(module, x) if isinstance(module, nn.LayerNorm) else x


def _rotation(model: ModernBertForMaskedLM, positions: Tensor, kind: str) -> Rotation:
    """Cosines and sines `[rows, length, 1, half a head]` of the angles at these positions."""
    frequencies: Any = getattr(model.model.rotary_emb, f"{kind}_inv_freq")
    angles = (positions[..., None].float() * frequencies)[:, :, None]
    return angles.cos(), angles.sin()


def _turned(x: Tensor, rotation: Rotation) -> Tensor:
    """Heads `[rows, length, heads, width]`, the two halves of each turned into one another."""
    cos, sin = rotation
    one, other = x.chunk(2, -1)
    return torch.cat((one * cos - other * sin, other * cos + one * sin), -1).to(x.dtype)
