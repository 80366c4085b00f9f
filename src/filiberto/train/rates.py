"""The highest learning rates, by what is trained; no torch is needed."""

from __future__ import annotations

from dataclasses import dataclass

from filiberto.config import Size, TrainConfig

# What a stuck training begins again with.
_LOWERED = 0.25

# For AdamW alone; twice as high beside Muon, where it learns little but the embeddings. Tiny and
# mini: docs/log.md (2e-3 the best of five for a tiny that AdamW trains alone for 2M tokens); base
# and large: Liu et al. 2019, arXiv:1907.11692, table 9; the rest are guesses.
PEAK_LR: dict[Size, float] = {
    "tiny": 1.5e-3,
    "mini": 1e-3,
    "small": 7e-4,
    "medium": 6e-4,
    "base": 6e-4,
    "large": 4e-4,
}
_BESIDE_MUON = 2

# Beside Muon, for a ModernBERT's embeddings that begin with what the text says of them: they have
# less far to go, and lose what they know where they are moved too fast. Tiny and mini: docs/log.md,
# 2026-11-30; the rest are guesses. A RoBERTa's positions begin at random and need the higher rates.
FROM_TEXT_LR: dict[Size, float] = {
    "tiny": 1.5e-3,
    "mini": 5e-4,
    "small": 3.5e-4,
    "medium": 3e-4,
    "base": 3e-4,
    "large": 2e-4,
}


@dataclass(frozen=True)
class Rates:
    """The highest learning rate of each optimizer."""

    adamw: float
    muon: float

    def lowered(self, times: int) -> Rates:
        """So many times to a quarter."""
        return Rates(self.adamw * _LOWERED**times, self.muon * _LOWERED**times)


def peak_rates(settings: TrainConfig, *, size: Size, given: bool = False) -> Rates:
    """As set, or by size, architecture, optimizer and first embeddings.

    Args:
        settings: of the training.
        size: a published one, or the nearest.
        given: whether the weights were trained before; they learn as random ones do.
    """
    adamw = settings.peak_lr
    if adamw != "auto":
        pass
    elif settings.optimizer == "adamw":
        adamw = PEAK_LR[size]
    elif settings.architecture == "modernbert" and settings.embeddings != "random" and not given:
        adamw = FROM_TEXT_LR[size]
    else:
        adamw = _BESIDE_MUON * PEAK_LR[size]
    return Rates(adamw, settings.muon_lr)
