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
    units = found.shape[1]
    draws = np.random.default_rng(seed).integers(units, size=(_RESAMPLES, units))
    counted, total = np.stack([one[draws].sum(1) for one in found], 1).T
    means = (counted / np.maximum(total, 1)).mean(0)
    edges = (1 - _LEVEL) / 2
    low, high = np.quantile(means, [edges, 1 - edges])
    return float(low), float(high)
