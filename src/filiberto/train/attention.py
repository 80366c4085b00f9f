"""Attention inside the document: tokens of a packed row see their own document and no other.

`position_ids` alone would not do it: RobertaModel builds a mask that lets documents of a row see
each other. Two ways, which a test holds together: PyTorch's `varlen_attn`, told where documents
begin, on GPUs that have it; elsewhere scaled dot-product attention with a block-diagonal mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor


class Attention(Protocol):
    """Queries look at the keys and values of their own document."""

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, *, dropout: float) -> Tensor:
        """All `[rows, length, heads, width]`, the result with the length of the queries."""
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
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask, dropout_p=dropout)
        return out.transpose(1, 2)


@dataclass(frozen=True)
class VarlenAttention:
    """PyTorch's attention over sequences of any length, all in one; it has no dropout.

    Attributes:
        query_starts: int32 `[sequences + 1]`, where each document's queries begin in all of them.
        key_starts: the same for the keys.
        max_queries: length of a row of queries.
        max_keys: length of a row of keys.
    """

    query_starts: Tensor
    key_starts: Tensor
    max_queries: int
    max_keys: int

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, *, dropout: float) -> Tensor:
        """See `Attention`."""
        from torch.nn.attention.varlen import varlen_attn

        assert not dropout, "varlen_attn has no dropout"
        q, k, v = (x.flatten(0, 1) for x in (query, key, value))
        out = varlen_attn(
            q, k, v, self.query_starts, self.key_starts, self.max_queries, self.max_keys
        )
        assert isinstance(out, Tensor)
        return out.view_as(query)


def block_diagonal(queries: Tensor, keys: Tensor) -> Tensor:
    """The mask that keeps documents apart.

    Args:
        queries: document of each query, `[rows, queries]`.
        keys: document of each key, `[rows, keys]`.

    Returns:
        Bool `[rows, 1, queries, keys]`, True where the query may look at the key.
    """
    return queries[:, None, :, None] == keys[:, None, None, :]
