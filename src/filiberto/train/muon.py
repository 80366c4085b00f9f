"""Muon in a precision that the machine has.

`torch.optim.Muon` orthogonalises in bf16 whatever the hardware; a CPU without bf16 instructions
spends six times the rest of the step on it (docs/log.md). The mathematics is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Momentum whose update of a matrix is made orthogonal; for the hidden layers' matrices.

    Args:
        params: 2-D parameters or groups of them.
        lr: learning rate, for a matrix of `rows` x `columns` times sqrt(max(1, rows / columns)).
        momentum: decay of the running gradient (0 to 1), in Nesterov's form.
        weight_decay: share of the weights taken off, times `lr`, at every step.
        dtype: of the orthogonalisation, which does not need more than bf16; where that is native
            it takes a third of the time of fp32 (docs/log.md).

    A group may have `parts`: its matrices are so many on top of each other, such as the one that
    makes queries, keys and values, and each becomes orthogonal by itself.

    Source:
        Jordan et al. 2024, Muon: an optimizer for hidden layers in neural networks.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "parts": 1}
        super().__init__(params, defaults)
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every matrix that has a gradient.

        Where the attribute `found_inf`, as torch's fused optimizers have it, is a tensor of 1,
        nothing changes.
        """
        loss = closure() if closure is not None else None
        found_inf = getattr(self, "found_inf", None)
        keep = 1.0 if found_inf is None else 1 - found_inf
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for (rows, columns), parameters in by_shape.items():
                # Matrices of one shape go through together: many small products cost more.
                momentum, height = group["momentum"], rows // group["parts"]
                updates = torch.stack([self._momentum(p, momentum, keep) for p in parameters])
                rate = keep * (group["lr"] * max(1, height / columns) ** 0.5)
                decay = 1 - keep * (group["lr"] * group["weight_decay"])
                whole = orthogonalised(updates.view(-1, height, columns), dtype=self._dtype)
                steps = whole.mul_(rate).reshape(updates.shape)
                for parameter, update in zip(parameters, steps, strict=True):
                    parameter.mul_(decay).sub_(update)
        return loss

    def _momentum(self, parameter: Tensor, momentum: float, keep: Tensor | float) -> Tensor:
        """The running gradient of a parameter, a step ahead (Nesterov)."""
        gradient = parameter.grad
        assert gradient is not None
        if isinstance(keep, Tensor):
            gradient = gradient.where(keep > 0, 0)
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer = state["momentum_buffer"].lerp_(gradient, keep * (1 - momentum))
        return gradient.lerp(buffer, momentum)


def orthogonalised(matrices: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Matrices with their singular values brought near 1, by five quintic Newton-Schulz steps.

    Args:
        matrices: `[..., rows, columns]`.
        dtype: of the products.

    Returns:
        Of that shape and type, singular values roughly between 0.7 and 1.2.
    """
    a, b, c = _COEFFICIENTS
    x = matrices.to(dtype)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    gram = x @ x.mT
    if x.dtype == torch.float32 and x.shape[-1] >= 2 * x.shape[-2]:
        # Every step is a polynomial in the first product: the long side is needed twice only.
        eye = torch.eye(x.shape[-2], dtype=x.dtype, device=x.device)
        product = eye
        for _ in range(_ITERATIONS):
            factor = a * eye + b * gram + c * gram @ gram
            product, gram = factor @ product, factor @ factor @ gram
        x = product @ x
    else:
        for _ in range(_ITERATIONS):
            x = a * x + (b * gram + c * gram @ gram) @ x
            gram = x @ x.mT
    return (x.mT if tall else x).to(matrices.dtype)
