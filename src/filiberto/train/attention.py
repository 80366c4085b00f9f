"""Attention inside the document: tokens of a packed row see their own document and no other.

`position_ids` alone would not do it: RobertaModel builds a mask that lets documents of a row see
each other. Three ways, which tests hold together: PyTorch's `varlen_attn`, told where documents
begin, on GPUs that have it; elsewhere scaled dot-product attention with a block-diagonal mask, and
on a CPU in bf16 that same thing as plain matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

# Attention weights that are alive at a time on a CPU in bf16, so that they stay in its cache.
_WEIGHTS_AT_ONCE = 1 << 20


class Attention(Protocol):
    """Queries look at the keys and values of their own document."""

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, *, dropout: float) -> Tensor:
        """All `[rows, length, heads, width]`, the result with the length of the queries."""
        ...

    def within(self, window: int) -> Attention:
        """The same, but nobody looks further than so many places to either side.

        For queries at all places of a row.
        """
        ...


@dataclass(frozen=True)
class MaskedAttention:
    """Scaled dot-product attention under a mask.

    Attributes:
        mask: bool `[rows, 1, queries, keys]`, True where a query may look.
    """

    mask: Tensor

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, *, dropout: float) -> Tensor:
        """See `Attention`."""
        q, k, v = (x.transpose(1, 2) for x in (query, key, value))
        if q.device.type == "cpu" and q.dtype == torch.bfloat16 and not dropout:
            out: Any = _ProductAttention.apply(q, k, v, self.mask)
        else:
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask, dropout_p=dropout)
        return out.transpose(1, 2)

    def within(self, window: int) -> MaskedAttention:
        """See `Attention`."""
        place = torch.arange(self.mask.shape[-1], device=self.mask.device)
        near = (place[:, None] - place).abs() <= window
        return MaskedAttention(self.mask & near)


class _ProductAttention(torch.autograd.Function):
    """Masked attention as batched matrix products, some rows at a time.

    torch's own kernel for CPUs computes bf16 at a tenth of the rate of a matrix product; this is
    2.6 times as fast in rows of 512 and 4.5 times in rows of 128 (docs/log.md). In fp32 torch's is
    as fast, and keeps nothing.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        q = query.contiguous() * query.shape[-1] ** -0.5
        k, v = key.contiguous(), value.contiguous()
        out, weights = torch.empty_like(q), []
        step = max(1, _WEIGHTS_AT_ONCE // (q.shape[1] * q.shape[2] * k.shape[2]))
        parts = zip(*(x.split(step) for x in (q, k, v, out, mask)), strict=True)
        for some_q, some_k, some_v, some_out, seen in parts:
            scores = (some_q @ some_k.mT).masked_fill_(~seen, -torch.inf)
            weights.append(scores.softmax(-1))
            torch.matmul(weights[-1], some_v, out=some_out)
        ctx.save_for_backward(q, k, v, *weights)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, *weights = ctx.saved_tensors
        to_out = grads[0].contiguous()
        to_q, to_k, to_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        tensors = (q, k, v, to_out, to_q, to_k, to_v)
        parts = zip(weights, *(x.split(len(weights[0])) for x in tensors), strict=True)
        for weight, some_q, some_k, some_v, some_out, some_to_q, some_to_k, some_to_v in parts:
            torch.matmul(weight.mT, some_out, out=some_to_v)
            to_weight = some_out @ some_v.mT
            to_scores = torch.ops.aten._softmax_backward_data(to_weight, weight, -1, weight.dtype)
            torch.matmul(to_scores, some_k, out=some_to_q)
            torch.matmul(to_scores.mT, some_q, out=some_to_k)
        return to_q.mul_(q.shape[-1] ** -0.5), to_k, to_v, None


@dataclass(frozen=True)
class VarlenAttention:
    """PyTorch's attention over sequences of any length, all in one; it has no dropout.

    Attributes:
        query_starts: int32 `[sequences + 1]`, where each document's queries begin in all of them.
        key_starts: the same for the keys.
        max_queries: length of a row of queries.
        max_keys: length of a row of keys.
        window: how far a query may look to either side; None: anywhere in its document.
    """

    query_starts: Tensor
    key_starts: Tensor
    max_queries: int
    max_keys: int
    window: int | None = None

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, *, dropout: float) -> Tensor:
        """See `Attention`."""
        from torch.nn.attention.varlen import varlen_attn

        assert not dropout, "varlen_attn has no dropout"
        q, k, v = (x.flatten(0, 1) for x in (query, key, value))
        starts, lengths = (self.query_starts, self.key_starts), (self.max_queries, self.max_keys)
        window = -1 if self.window is None else self.window
        out = varlen_attn(q, k, v, *starts, *lengths, window_size=(window, window))
        assert isinstance(out, Tensor)
        return out.view_as(query)

    def within(self, window: int) -> VarlenAttention:
        """See `Attention`."""
        return replace(self, window=window)


def block_diagonal(queries: Tensor, keys: Tensor) -> Tensor:
    """The mask that keeps documents apart.

    Args:
        queries: document of each query, `[rows, queries]`.
        keys: document of each key, `[rows, keys]`.

    Returns:
        Bool `[rows, 1, queries, keys]`, True where the query may look at the key.
    """
    return queries[:, None, :, None] == keys[:, None, None, :]
