"""AdamW and the course of its learning rate: up from zero, then down to zero at the last step."""

from __future__ import annotations

import torch
from torch import nn

from filiberto.config import Size, TrainConfig

# Peak rates for AdamW at batches of about 8k to 32k tokens; post-norm RoBERTa gets stuck at the
# unigram entropy above (docs/log.md). Base and large: Liu et al. 2019, arXiv:1907.11692, table 9.
PEAK_LR: dict[Size, float] = {
    "tiny": 2e-3,
    "mini": 1e-3,
    "small": 7e-4,
    "medium": 6e-4,
    "base": 6e-4,
    "large": 4e-4,
}


def peak_lr_for(settings: TrainConfig, *, size: Size) -> float:
    """The highest learning rate: as set, or the size's."""
    return PEAK_LR[size] if settings.peak_lr == "auto" else settings.peak_lr


def learning_rate(step: int, *, peak: float, warmup_steps: int, max_steps: int) -> float:
    """The rate of step `step` (from 0): linear up to `peak`, linear down to zero.

    The rate would reach zero at `max_steps`, the first step that is not taken.

    Example:
        4 steps, 1 of warm-up, peak 1.0: rates 1.0, 0.75, 0.5, 0.25.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * (max_steps - step) / max(1, max_steps - warmup_steps + 1)


def adamw(model: nn.Module, settings: TrainConfig) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only; the learning rate is set at every step."""
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=0.0,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        fused=True,
    )
