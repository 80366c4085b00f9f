"""The optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from filiberto.config import TrainConfig
from filiberto.train.architecture import matrices
from filiberto.train.muon import Muon
from filiberto.train.rates import Rates

if TYPE_CHECKING:
    from filiberto.train.architecture import MaskedLM


def make_optimizers(
    model: MaskedLM,
    settings: TrainConfig,
    *,
    rates: Rates,
    muon_dtype: torch.dtype = torch.float32,
) -> tuple[torch.optim.Optimizer, ...]:
    """AdamW for all weights, or Muon for the matrices of the layers and AdamW for the rest.

    Weight decay is for matrices only. Every parameter group holds its own `peak_lr`; the rate
    itself is set at every step by `set_rates`.

    Args:
        model: what learns.
        settings: optimizer, decays.
        rates: the highest of each.
        muon_dtype: of Muon's products.

    Source:
        Jordan et al. 2024, Muon: an optimizer for hidden layers in neural networks.
    """
    groups = _muon_groups(model, peak_lr=rates.muon) if settings.optimizer == "muon" else []
    taken = {id(p) for group in groups for p in group["params"]}
    decayed = [p for p in model.parameters() if p.ndim >= 2 and id(p) not in taken]
    plain = [p for p in model.parameters() if p.ndim < 2]
    adamw = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": settings.weight_decay, "peak_lr": rates.adamw},
            {"params": plain, "weight_decay": 0.0, "peak_lr": rates.adamw},
        ],
        lr=0.0,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        fused=True,
    )
    if not groups:
        return (adamw,)
    return (Muon(groups, lr=0.0, weight_decay=settings.weight_decay, dtype=muon_dtype), adamw)


def _muon_groups(model: MaskedLM, *, peak_lr: float) -> list[dict[str, Any]]:
    """The matrices of the layers, by how many are stacked in one weight."""
    by_parts: dict[int, list[torch.nn.Parameter]] = {}
    for parameter, parts in matrices(model):
        by_parts.setdefault(parts, []).append(parameter)
    return [
        {"params": parameters, "parts": parts, "peak_lr": peak_lr}
        for parts, parameters in by_parts.items()
    ]


def set_rates(optimizers: tuple[torch.optim.Optimizer, ...], *, share: float) -> None:
    """Give every parameter group its peak rate times a share."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = share * group["peak_lr"]
