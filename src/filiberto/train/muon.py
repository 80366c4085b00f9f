"""Muon in the precision of the weights.

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
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                buffer = state["momentum_buffer"].lerp_(parameter.grad, 1 - group["momentum"])
                update = orthogonalised(parameter.grad.lerp(buffer, group["momentum"]))
                rows, columns = parameter.shape
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * max(1, rows / columns) ** 0.5)
        return loss


def orthogonalised(matrix: Tensor) -> Tensor:
    """The matrix with its singular values brought near 1, by five quintic Newton-Schulz steps.

    Args:
        matrix: `[rows, columns]`; GPUs with bf16 compute in it, all else in the matrix's type.

    Returns:
        A matrix of that shape and type, its singular values roughly between 0.7 and 1.2.
    """
    a, b, c = _COEFFICIENTS
    native = matrix.is_cuda and torch.cuda.get_device_capability(matrix.device) >= (8, 0)
    x = matrix.bfloat16() if native else matrix
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)
