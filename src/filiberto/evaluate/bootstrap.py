"""Intervals by resampled sentences or documents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_RESAMPLES, _LEVEL = 2_000, 0.95


def interval(found: NDArray[np.float64], *, seed: int = 0) -> tuple[float, float]:
    """The ends of the 95 % interval of a share, over resampled units of text.

    Args:
        found: `[runs, units, 2]`, what is counted in each sentence or document and of how much; the
            share is that of the sums, its mean over the runs.
        seed: of the bootstrap.

    Source:
        Koehn 2004, Statistical significance tests for machine translation evaluation, section 3.
    """
    units, draw = found.shape[1], np.random.default_rng(seed)
    flat = found.swapaxes(0, 1).reshape(units, -1)
    drawn = (draw.integers(units, size=units) for _ in range(_RESAMPLES))
    sums = np.stack([np.bincount(some, minlength=units) @ flat for some in drawn])
    counted, total = np.moveaxis(sums.reshape(_RESAMPLES, -1, 2), -1, 0)
    means = (counted / np.maximum(total, 1)).mean(1)
    edges = (1 - _LEVEL) / 2
    low, high = np.quantile(means, [edges, 1 - edges])
    return float(low), float(high)
