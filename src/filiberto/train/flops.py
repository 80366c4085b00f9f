"""The multiplications that a training needs, and how many a second a device can do.

    FLOPs a token = 6 (N + rate (V d + d d)) + 12 d x attended tokens, over all layers

N are the weights of the layers, V the entries of the vocabulary, d the width; the head is at the
masked tokens only. Forward and backward; what is computed twice to save memory counts once.
"""

from __future__ import annotations

import functools
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch

from filiberto.config import Architecture, Size, TrainConfig
from filiberto.train.hardware import DTYPES, Hardware
from filiberto.train.sizes import Shape, nearest_size, num_parameters

if TYPE_CHECKING:
    from filiberto.train.job import Job


@dataclass(frozen=True)
class Card:
    """A GPU by its data sheet: dense products a second in half precision, bytes, native bf16."""

    rate: float
    memory_bytes: float
    bf16: bool = True


# By a part of its name. Source: NVIDIA's data sheets.
CARDS = {
    "T4": Card(65e12, 16e9, bf16=False),
    "V100": Card(125e12, 32e9, bf16=False),
    "L4": Card(121e12, 24e9),
    "A10": Card(125e12, 24e9),
    "L40S": Card(362e12, 48e9),
    "A100": Card(312e12, 80e9),
    "H100": Card(989e12, 80e9),
    "H200": Card(989e12, 141e9),
    "B200": Card(2_250e12, 180e9),
}

_ROWS_LOOKED_AT = 256

# The share of a device's products that a training uses, by size. On a CPU measured
# (docs/results.md; large is base's), on a GPU what Ettin's authors reached on an H100.
_NAMES = get_args(Size)
_CPU = dict(zip(_NAMES, (0.39, 0.49, 0.53, 0.50, 0.42, 0.42), strict=True))
_CPU_FP32 = dict(zip(_NAMES, (0.60, 0.79, 0.74, 0.74, 0.74, 0.74), strict=True))
_GPU = dict(zip(_NAMES, (0.02, 0.05, 0.08, 0.12, 0.24, 0.30), strict=True))


def flops_per_token(
    shape: Shape,
    *,
    architecture: Architecture,
    vocab_size: int,
    row_length: int,
    mask_rate: float,
    attended: float,
) -> float:
    """Floating-point operations that a token of training needs.

    Args:
        shape: of the model.
        architecture: its kind.
        vocab_size: entries of the vocabulary.
        row_length: tokens in a row.
        mask_rate: share of the tokens that the head sees.
        attended: tokens that one sees, summed over the layers.
    """
    d, v = shape.hidden_size, vocab_size
    encoder, _ = num_parameters(
        shape, vocab_size=v, row_length=row_length, architecture=architecture
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
    known = (part for part in sorted(CARDS, key=len, reverse=True) if part in name.upper())
    return next((CARDS[part].rate for part in known), None)


def full_speed(job: Job) -> float:
    """Tokens a second, were the device to do nothing but the multiplications that are needed.

    A speed over this one is the model FLOPs utilisation (MFU). On a GPU the data sheet's rate
    counts, where the card is known, else the rate of a large matrix product in the same format.
    """
    work = flops_of(job, mask_rate=job.settings.mask_rate)
    return job.ranks.size * rate_of(job.machine) / work


@functools.cache
def rate_of(machine: Hardware) -> float:
    """Products a second: of the data sheet for a card that is known, else measured, once."""
    known = card_rate(machine.name) if machine.device == "cuda" else None
    return known or product_rate(machine.device, DTYPES[machine.precision])


def flops_of(job: Job, *, mask_rate: float) -> float:
    """Floating-point operations that a token of this training needs."""
    plan = job.plan
    return flops_per_token(
        plan.shape,
        architecture=plan.architecture,
        vocab_size=plan.vocab_size,
        row_length=plan.row_length,
        mask_rate=mask_rate,
        attended=attended_tokens(job),
    )


def expected_speed(
    shape: Shape,
    settings: TrainConfig,
    *,
    vocab_size: int,
    device: str,
    precision: str,
    rate: float,
) -> float:
    """Tokens a second that a size will come to, before anything is tried: an estimate.

    Args:
        shape: of the model.
        settings: of the training.
        vocab_size: entries of the vocabulary.
        device: 'cpu' or 'cuda' ('mps' is taken for a GPU).
        precision: of the arithmetic.
        rate: products a second there, see `product_rate` and `card_rate`.
    """
    used = (_CPU_FP32 if precision == "fp32" else _CPU) if device == "cpu" else _GPU
    # Documents end within rows and most layers see a window: about half a row.
    attended = shape.num_hidden_layers * min(settings.row_length / 2, 256)
    work = flops_per_token(
        shape,
        architecture=settings.architecture,
        vocab_size=vocab_size,
        row_length=settings.row_length,
        mask_rate=settings.mask_rate,
        attended=attended,
    )
    return used[nearest_size(shape)] * rate / work
