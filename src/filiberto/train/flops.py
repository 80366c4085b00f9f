"""The multiplications that a training needs, and how many a second a device can do.

    FLOPs a token = 6 (N + rate (V d + d d)) + 12 d x attended tokens, over all layers

N are the weights of the layers, V the entries of the vocabulary, d the width; the head is at the
masked tokens only. Forward and backward; what is computed twice to save memory counts once.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from filiberto.train.sizes import SIZES, num_parameters

if TYPE_CHECKING:
    from filiberto.train.job import Job
    from filiberto.train.plan import Plan

# Dense products in half precision a second, by a part of the card's name: NVIDIA's data sheets.
_CARDS = {
    "T4": 65e12,
    "V100": 125e12,
    "L4": 121e12,
    "A10": 125e12,
    "L40S": 362e12,
    "A100": 312e12,
    "H100": 989e12,
    "H200": 989e12,
    "B200": 2_250e12,
}

_ROWS_LOOKED_AT = 256


def flops_per_token(plan: Plan, *, mask_rate: float, attended: float) -> float:
    """Floating-point operations that a token of training needs.

    Args:
        plan: architecture, size and vocabulary.
        mask_rate: share of the tokens that the head sees.
        attended: tokens that one sees, summed over the layers.
    """
    shape = SIZES[plan.size]
    d, v = shape.hidden_size, plan.vocab_size
    encoder, _ = num_parameters(
        shape, vocab_size=v, row_length=plan.row_length, architecture=plan.architecture
    )
    return 6 * (encoder + mask_rate * (v * d + d * d)) + 12 * d * attended


def attended_tokens(job: Job) -> float:
    """Tokens that a token sees in the first rows of the text, summed over the layers."""
    config: Any = job.model.config
    documents = job.sampler.rows(0, min(_ROWS_LOOKED_AT, job.sampler.rows_per_epoch)).document_ids
    same = documents[:, :, None] == documents[:, None, :]
    place = np.arange(job.plan.row_length)
    near = abs(place[:, None] - place) <= getattr(config, "sliding_window", 0)
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
    seen = {"sliding_attention": same & near, "full_attention": same}
    return sum(float(seen[kind].sum(-1).mean()) for kind in kinds)


def product_rate(device: str, dtype: torch.dtype, *, times: int = 3) -> float:
    """Floating-point operations a second in a large matrix product here, the median of some."""
    n = 8_192 if device == "cuda" else 2_048
    a = torch.randn(n, n, device=device, dtype=dtype)
    took = []
    for _ in range(1 + times):
        start = time.perf_counter()
        float((a @ a)[0, 0])  # waits for the device
        took.append(time.perf_counter() - start)
    return 2 * n**3 / statistics.median(took[1:])


def card_rate(name: str) -> float | None:
    """Of a card's data sheet; None where it is not known here."""
    known = (part for part in sorted(_CARDS, key=len, reverse=True) if part in name.upper())
    return next((_CARDS[part] for part in known), None)


def full_speed(job: Job) -> float:
    """Tokens a second, were the device to do nothing but the multiplications that are needed.

    A speed over this one is the model FLOPs utilisation (MFU). On a GPU the data sheet's rate
    counts, where the card is known, else the rate of a large matrix product in the same format.
    """
    machine, ranks = job.machine, job.ranks.size
    rate = card_rate(machine.name) if machine.device == "cuda" else None
    rate = rate or product_rate(machine.device, job.dtype)
    work = flops_per_token(
        job.plan, mask_rate=job.settings.mask_rate, attended=attended_tokens(job)
    )
    return ranks * rate / work
