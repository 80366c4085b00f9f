"""First embeddings of tokens, from which tokens stand near which in the training text.

    shards -> counts [vocab, places, contexts] -> PPMI -> truncated SVD -> embeddings [vocab, width]

Two passes over the text that take seconds, so that a model begins with *Roma* near *Milano* instead
of learning it step by step. What stands at each of the places near a token and what stands around
it are counted apart: the former tell its grammar, the last its subject. Documents do not see each
other here either.

Source:
    Levy and Goldberg 2014, Neural word embedding as implicit matrix factorization; Levy, Goldberg
    and Dagan 2015, doi:10.1162/tacl_a_00134, for the smoothed contexts.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from filiberto import initial
from filiberto.console import progress, readable_number, readable_seconds, say
from filiberto.tokens.stream import TokenStream, open_stream

if TYPE_CHECKING:
    from filiberto.train.job import Job

RMS = 0.1
"""Root of the mean square of a token's embedding, about that of a trained one (docs/log.md)."""
NEAR = (-1, 1, -2, 2)
"""How far after the token a context stands that is counted for that place alone."""
WINDOW = 8
"""Tokens to either side that are around; one at distance d counts 1 / d."""
PLACES = len(NEAR) + 1
"""Where a context may stand: in one of those near the token, or around it."""
CONTEXTS = 1_024
"""The most frequent tokens, by whose presence in these places all are told apart."""
MOST_TOKENS, MOST_SHARE = 100_000_000, 8
"""Of a longer text so many are read, evenly from all of it, and no more than so many times what the
training reads."""
OVERSAMPLED = 64
"""Directions that are factorised beside those that are kept."""

_SMOOTHING = 0.75  # the power of how frequent a context is
_ITERATIONS = 3
_PART_TOKENS = 1_000_000


@torch.no_grad()
def give_embeddings(job: Job, run: Path, *, rms: float = RMS) -> float:
    """Put first embeddings where the settings ask for more than random ones.

    Special tokens, and those that the text has not, keep random ones; a given model keeps all.

    Returns:
        The seconds that it took, which are part of the training.
    """
    if job.settings.embeddings == "random" or initial.of(run) is not None:
        return 0.0
    start = time.perf_counter()
    table: Any = job.model.get_input_embeddings()
    weight: Tensor = table.weight
    made = torch.zeros_like(weight)
    if job.ranks.writes:
        found = embeddings(
            open_stream(run / "tokens", split="train"),
            width=weight.shape[1],
            seed=job.seed,
            most_tokens=min(MOST_TOKENS, MOST_SHARE * job.plan.train_tokens),
            device="cuda" if job.machine.device == "cuda" else "cpu",
        )
        made.copy_(found)
    made = job.ranks.summed(made)  # that of the one that writes
    known = made.any(1)
    weight[known] = made[known] * (rms * math.sqrt(weight.shape[1]))
    seconds = time.perf_counter() - start
    say(
        f"embeddings: {readable_number(int(known.sum()))} tokens begin near those that keep the "
        f"same company · {readable_seconds(seconds)}"
    )
    return seconds


def embeddings(
    stream: TokenStream,
    *,
    width: int,
    seed: int,
    most_tokens: int = MOST_TOKENS,
    device: str = "cpu",
) -> Tensor:
    """Directions of tokens, alike for those that stand among the same others.

    Args:
        stream: of the training text.
        width: of the model.
        seed: of the random projection and of the axes.
        most_tokens: that are read.
        device: where the matrix is factorised.

    Returns:
        `[vocab, width]` in fp32, rows of length one; zeros for the special tokens and for tokens
        that were not read.
    """
    associations = ppmi(_counts(stream, most_tokens=most_tokens)).flatten(1).to(device)
    with torch.random.fork_rng(devices=[] if device == "cpu" else None):
        torch.manual_seed(seed)
        most = min(associations.shape)
        left, values, right = torch.svd_lowrank(
            associations, q=min(width + OVERSAMPLED, most), niter=_ITERATIONS
        )
        kept = min(width, most)
        # The signs of singular vectors are a matter of rounding. Axes that turn with them, and
        # share the spread of all, make the same embeddings whatever the signs.
        turned = right[:, :kept].T @ torch.randn(len(right), width).to(device)
    one, _, other = torch.linalg.svd(turned, full_matrices=False)
    made = (left[:, :kept] * values[:kept]) @ (one @ other)
    made[associations.sum(1) == 0] = 0  # what is left there is rounding
    return torch.nn.functional.normalize(made, dim=1)


def ppmi(counts: Tensor) -> Tensor:
    """Positive pointwise mutual information, in nats; made in the place of the counts.

    Args:
        counts: `[tokens, places, contexts]`, how often each has the other in a place.
    """
    tiny = torch.finfo(counts.dtype).tiny
    contexts = counts.sum(0).pow_(_SMOOTHING)
    contexts /= contexts.sum(-1, keepdim=True).clamp_(min=tiny)
    counts /= counts.sum(-1, keepdim=True).clamp_(min=tiny)
    counts /= contexts.clamp_(min=tiny)
    return counts.clamp_(min=1.0).log_()


def _counts(stream: TokenStream, *, most_tokens: int = MOST_TOKENS) -> Tensor:
    """`[vocab, places, contexts]`, how often the most frequent tokens are in places of each."""
    vocab_size = stream.header["vocab_size"]
    special_ids = list(stream.header["special_ids"].values())
    parts = stream.parts(most=most_tokens, length=_PART_TOKENS)
    total = 2 * sum(length for _, length in parts)
    with progress("embeddings", total=total, unit="tokens") as advance:
        frequency = stream.counts(parts, advance=advance)
        frequency[special_ids] = 0
        contexts = np.argsort(-frequency, kind="stable")[:CONTEXTS]
        contexts = contexts[frequency[contexts] > 0]
        numbers = np.full(vocab_size, -1)
        numbers[contexts] = np.arange(len(contexts))
        # Flat, and torch's: its memory begins where its products are the same to the bit each time.
        counts = torch.zeros(vocab_size * PLACES * len(contexts))
        for start, length in parts:
            ids = stream.read(start, length)
            documents = np.cumsum(ids == stream.header["special_ids"]["<s>"])
            _add(counts.numpy(), ids, numbers[ids], documents, num_contexts=len(contexts))
            advance(length)
    table = counts.view(vocab_size, PLACES, len(contexts))
    table[special_ids] = 0
    return table


def _add(
    counts: NDArray[np.float32],
    ids: NDArray[np.int64],
    contexts: NDArray[np.int64],
    documents: NDArray[np.int64],
    *,
    num_contexts: int,
) -> None:
    """Count all pairs within the window, and within a document.

    Args:
        counts: flat; added to.
        ids: of the tokens, in their order.
        contexts: of each token, its number among the contexts; -1 where it is none.
        documents: of each token, the number of its document.
        num_contexts: how many there are.
    """
    rows = ids * (PLACES * num_contexts)
    around = len(NEAR) * num_contexts
    for distance in range(1, WINDOW + 1):
        together = documents[:-distance] == documents[distance:]
        first, last = slice(None, -distance), slice(distance, None)
        for offset, token, context in ((distance, first, last), (-distance, last, first)):
            there = together & (contexts[context] >= 0)
            at = rows[token][there] + contexts[context][there]
            np.add.at(counts, at + around, np.float32(1 / distance))
            if offset in NEAR:
                np.add.at(counts, at + NEAR.index(offset) * num_contexts, np.float32(1))
