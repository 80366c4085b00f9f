"""First embeddings of tokens, from which tokens stand near which in the training text.

    shards -> counts [vocab, contexts] -> PPMI -> truncated SVD -> embeddings [vocab, width]

A pass over the text that takes seconds, so that a model begins with *Roma* near *Milano* instead of
learning it step by step.

Source:
    Levy and Goldberg 2014, Neural word embedding as implicit matrix factorization; Levy, Goldberg
    and Dagan 2015, doi:10.1162/tacl_a_00134, for the smoothed contexts and the root of the singular
    values.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from filiberto.console import progress
from filiberto.tokens.stream import TokenStream

WINDOW = 4
"""Tokens to either side that count; one at distance d by 1 / d."""
CONTEXTS = 2_048
"""The most frequent tokens, by whose presence nearby all are told apart."""
MOST_TOKENS = 100_000_000
"""Of a longer text so many are read, evenly from all of it."""

_SMOOTHING = 0.75  # the power of how frequent a context is
_AT_ONCE = 1_000_000
_OVERSAMPLED, _ITERATIONS = 64, 3


def embeddings(stream: TokenStream, *, width: int, seed: int) -> Tensor:
    """Directions of tokens, alike for those that stand among the same others.

    Args:
        stream: of the training text.
        width: of the model.
        seed: of the random projection and of the axes.

    Returns:
        `[vocab, width]` in fp32, rows of length one; zeros for the special tokens and for tokens
        that were not read.
    """
    associations = ppmi(_counts(stream))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        most = min(associations.shape)
        left, values, right = torch.svd_lowrank(
            associations, q=min(width + _OVERSAMPLED, most), niter=_ITERATIONS
        )
        kept = min(width, most)
        # The signs of singular vectors are a matter of rounding. Axes that turn with them, and
        # share the spread of all, make the same embeddings whatever the signs.
        turned = right[:, :kept].T @ torch.randn(len(right), width)
    one, _, other = torch.linalg.svd(turned, full_matrices=False)
    made = (left[:, :kept] * values[:kept].sqrt()) @ (one @ other)
    made[associations.sum(1) == 0] = 0  # what is left there is rounding
    return torch.nn.functional.normalize(made, dim=1)


def ppmi(counts: Tensor) -> Tensor:
    """Positive pointwise mutual information, in nats; made in the place of the counts.

    Args:
        counts: `[tokens, contexts]`, how much each is near the other.
    """
    contexts = counts.sum(0).pow_(_SMOOTHING)
    contexts /= contexts.sum()
    tiny = torch.finfo(counts.dtype).tiny
    counts /= counts.sum(1, keepdim=True).clamp_(min=tiny)
    counts /= contexts.clamp_(min=tiny)
    return counts.clamp_(min=1.0).log_()


def _counts(stream: TokenStream) -> Tensor:
    """`[vocab, contexts]`, how often each token is near each of the most frequent ones."""
    vocab_size = stream.header["vocab_size"]
    special_ids = list(stream.header["special_ids"].values())
    parts = _parts(len(stream))
    total = 2 * sum(length for _, length in parts)
    with progress("embeddings", total=total, unit="tokens") as advance:
        frequency = np.zeros(vocab_size, np.int64)
        for start, length in parts:
            frequency += np.bincount(stream.read(start, length), minlength=vocab_size)
            advance(length)
        frequency[special_ids] = 0
        contexts = np.argsort(-frequency, kind="stable")[:CONTEXTS]
        contexts = contexts[frequency[contexts] > 0]
        place = np.full(vocab_size, -1)
        place[contexts] = np.arange(len(contexts))
        counts = np.zeros(vocab_size * len(contexts), np.float32)
        for start, length in parts:
            ids = stream.read(start, length)
            _add(counts, ids * len(contexts), place[ids])
            advance(length)
    table = torch.from_numpy(counts).view(vocab_size, len(contexts))
    table[special_ids] = 0
    return table


def _parts(length: int) -> list[tuple[int, int]]:
    """Where parts of a text begin and how long they are: all of it, or evenly from all of it."""
    if length <= MOST_TOKENS:
        return [(start, min(_AT_ONCE, length - start)) for start in range(0, length, _AT_ONCE)]
    starts = np.linspace(0, length - _AT_ONCE, MOST_TOKENS // _AT_ONCE).astype(int)
    return [(start, _AT_ONCE) for start in starts.tolist()]


def _add(counts: NDArray[np.float32], rows: NDArray[np.int64], contexts: NDArray[np.int64]) -> None:
    """Count all pairs within the window.

    Args:
        counts: flat; added to.
        rows: of each token, where its row begins in the counts.
        contexts: of each token, its number among the contexts; -1 where it is none.
    """
    for distance in range(1, WINDOW + 1):
        near = np.float32(1 / distance)
        for row, context in (
            (rows[:-distance], contexts[distance:]),
            (rows[distance:], contexts[:-distance]),
        ):
            there = context >= 0
            np.add.at(counts, row[there] + context[there], near)
