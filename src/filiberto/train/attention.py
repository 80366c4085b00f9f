"""Attention inside the document: tokens of a packed row see their own document and no other."""

from __future__ import annotations

import torch
from torch import Tensor


def block_diagonal(document_ids: Tensor) -> Tensor:
    """The mask that keeps documents apart, for scaled dot-product attention.

    `position_ids` alone would not do it: RobertaModel builds a mask that lets documents of a row
    see each other.

    Args:
        document_ids: `[rows, length]`, equal for tokens of one document.

    Returns:
        Bool `[rows, 1, length, length]`, True where the first position may look at the second.
    """
    return (document_ids[:, None, :, None] == document_ids[:, None, None, :]).to(torch.bool)
