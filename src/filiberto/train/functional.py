"""What both architectures' arithmetic is made of: a module's weights in the type of its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils import checkpoint


def linear(matrix: nn.Linear, x: Tensor) -> Tensor:
    """`x @ weight.T + bias` in the type of `x`."""
    bias: Tensor | None = matrix.bias
    return F.linear(x, matrix.weight.to(x.dtype), None if bias is None else bias.to(x.dtype))


def norm(module: nn.LayerNorm, x: Tensor) -> Tensor:
    """Layer norm in the type of `x`."""
    bias: Tensor | None = module.bias
    return F.layer_norm(
        x,
        module.normalized_shape,
        module.weight.to(x.dtype),
        None if bias is None else bias.to(x.dtype),
        module.eps,
    )


def at_slots(x: Tensor, slots: Tensor) -> Tensor:
    """Those places of each row; `[rows, length, width]` and `[rows, slots]`."""
    return x.gather(1, slots[:, :, None].expand(-1, -1, x.shape[-1]))


def maybe_twice(layer: Callable[..., Tensor], *arguments: Any, twice: bool) -> Tensor:
    """What the layer gives; if `twice`, it is computed again for the gradient and nothing kept."""
    if twice:
        return checkpoint.checkpoint(layer, *arguments, use_reentrant=False)
    return layer(*arguments)
