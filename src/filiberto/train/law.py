"""How far a training will come: its loss by size, tokens to read and text there is.

    loss / unigram loss = floor + a / N^alpha + b / D^beta

N are the weights of the layers, D the tokens read; text that is read again counts less. Fitted to
trainings of our own on real Italian (`benchmarks/law.py`, docs/results.md), and given as a share of
what guessing by frequency costs, so that other texts and vocabularies can use it. Those trainings
began with random embeddings; with embeddings from the text's co-occurrences the loss is lower.
Nothing is foretold outside of what was measured.

Source:
    Hoffmann et al. 2022, arXiv:2203.15556, section 3.3, and Muennighoff et al. 2023,
    arXiv:2305.16264, section 3.1.
"""

from __future__ import annotations

import math
from typing import TypeGuard

from filiberto.config import Size, TrainConfig
from filiberto.train.rates import peak_rates
from filiberto.train.sizes import SIZES, num_parameters

# By `benchmarks/law.py`; a test holds them to its results.
FLOOR, A, ALPHA = 0.15679, 0.89943, 0.15
B, BETA = 42.951, 0.32
PASSES = 15.0
FIT_ERROR, ERROR = 0.018, 0.09
"""The greatest miss of the fit, as a share of the unigram loss; and what is to be reckoned with for
other texts: the one that was tried, Telugu, came out 0.08 above the law (docs/log.md)."""

MOST_EPOCHS = 20.0
"""Passes after which a text taught nothing more (docs/log.md): a time that would bring more is not
used up."""

BATCH_TOKENS = 4_096

# Of the settings those that decide what a token teaches, beside the rates.
_LEARNING = (
    *("architecture", "row_length", "mask_rate", "dropout", "optimizer", "warmup_share"),
    *("decay_share", "weight_decay", "beta1", "beta2", "epsilon", "clip_norm"),
)

MEASURED: dict[Size, tuple[float, float]] = {"tiny": (2e6, 66e6), "mini": (2e6, 18e6)}
"""Least and most tokens that were read, by size."""


def relative_loss(size: Size, *, tokens: float, text_tokens: float = math.inf) -> float:
    """Validation loss as a share of what guessing by frequency alone costs.

    Args:
        size: of a ModernBERT.
        tokens: to read.
        text_tokens: there are; more than these are read again.
    """
    weights, _ = num_parameters(SIZES[size], vocab_size=1, row_length=1, architecture="modernbert")
    fresh = effective_tokens(tokens, text_tokens=text_tokens)
    reached = FLOOR + A / weights**ALPHA + B / fresh**BETA
    return min(1.0, reached)


def effective_tokens(tokens: float, *, text_tokens: float) -> float:
    """Fresh tokens that would teach as much as these, where the text is read more than once."""
    if tokens <= text_tokens:
        return tokens
    again = tokens / text_tokens - 1
    return text_tokens * (1 + PASSES * (1 - math.exp(-again / PASSES)))


def is_as_fitted(settings: TrainConfig, *, size: str, batch_tokens: int) -> bool:
    """Whether a training learns as those that the law was fitted to, first embeddings aside.

    Args:
        settings: of the training; as fitted are the default rates of its first embeddings.
        size: of the model, a published one or another.
        batch_tokens: of a step.
    """
    usual = TrainConfig(embeddings=settings.embeddings)
    same = all(getattr(settings, name) == getattr(usual, name) for name in _LEARNING)
    if not same or batch_tokens != BATCH_TOKENS or size not in SIZES:
        return False
    return peak_rates(settings, size=size) == peak_rates(usual, size=size)


def is_measured(size: str, *, tokens: float) -> TypeGuard[Size]:
    """Whether the law was fitted to a training such as this, or between two of them."""
    return any(size == name and least <= tokens <= most for name, (least, most) in MEASURED.items())
