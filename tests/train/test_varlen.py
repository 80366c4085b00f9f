"""The way over `varlen_attn`, which only GPUs have, with its two kernels written out for the CPU.

What surrounds the kernels is torch's own: the operators, their gradients, their shapes under
torch.compile. So the batches, the windows and the compiled step are those of a GPU.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import varlen

from filiberto.train.batch import BatchMaker, TokenBatch
from filiberto.train.job import Job
from filiberto.train.model import MaskedLoss
from tests.conftest import MINIATURE
from tests.train.conftest import job_of

BOTH = pytest.mark.parametrize("architecture", ["roberta", "modernbert"])


def weights_of(query: Tensor, key: Tensor, window: Any) -> Tensor:
    """Attention weights of one document, `[heads, queries, keys]`, in fp32."""
    scores = torch.einsum("qhd,khd->hqk", query.float(), key.float()) * query.shape[-1] ** -0.5
    if window[0] >= 0:
        q, k = (torch.arange(len(x)) for x in (query, key))
        scores = scores.masked_fill((q[:, None] - k).abs() > window[0], -torch.inf)
    return scores.softmax(-1)


def documents(query_starts: Tensor, key_starts: Tensor) -> Iterator[tuple[slice, slice]]:
    pairs = (itertools.pairwise(starts.tolist()) for starts in (query_starts, key_starts))
    for (q, q_end), (k, k_end) in zip(*pairs, strict=True):
        yield slice(q, q_end), slice(k, k_end)


@varlen._varlen_attn.register_kernel("cpu")
def forward(query: Tensor, key: Tensor, value: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    query_starts, key_starts, _, _, _, _, window = rest[:7]
    out = torch.zeros_like(query)
    for q, k in documents(query_starts, key_starts):
        weights = weights_of(query[q], key[k], window)
        out[q] = torch.einsum("hqk,khd->qhd", weights, value[k].float()).to(out.dtype)
    lse = torch.zeros(query.shape[1], len(query))
    return out, lse, torch.zeros(2, dtype=torch.uint64)


@varlen._varlen_attn_backward.register_kernel("cpu")
def backward(to_out: Tensor, query: Tensor, key: Tensor, value: Tensor, *rest: Any) -> Any:
    _, _, query_starts, key_starts, *_, window = rest
    to_query, to_key, to_value = (torch.zeros_like(x) for x in (query, key, value))
    scale = query.shape[-1] ** -0.5
    for q, k in documents(query_starts, key_starts):
        weights, slope = weights_of(query[q], key[k], window), to_out[q].float()
        to_weights = torch.einsum("qhd,khd->hqk", slope, value[k].float())
        to_scores = weights * (to_weights - (to_weights * weights).sum(-1, keepdim=True)) * scale
        to_value[k] = torch.einsum("hqk,qhd->khd", weights, slope).to(value.dtype)
        to_query[q] = torch.einsum("hqk,khd->qhd", to_scores, key[k].float()).to(query.dtype)
        to_key[k] = torch.einsum("hqk,qhd->khd", to_scores, query[q].float()).to(key.dtype)
    return to_query, to_key, to_value


def both_ways(job: Job) -> tuple[TokenBatch, TokenBatch]:
    """The same micro-batch for masks and for `varlen_attn`."""
    made: list[TokenBatch] = []
    for ways in (False, True):
        maker: BatchMaker = dataclasses.replace(job.batches, varlen=ways)
        made += maker.make(job.sampler, first_row=0, num_rows=4, micro_rows=4, mask_rate=0.3)
    return made[0], made[1]


def loss_and_gradients(loss: Any, batch: TokenBatch) -> list[Tensor]:
    model = loss.model
    model.zero_grad()
    value = loss(batch)
    value.backward()
    return [value.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


@BOTH
@pytest.mark.parametrize("compiled", [False, True])
def test_it_computes_what_masks_compute(run: Path, architecture: Any, compiled: bool) -> None:
    job = job_of(run, dataclasses.replace(MINIATURE, architecture=architecture, precision="fp32"))
    job.model.config.sliding_window = 5
    masked, by_length = both_ways(job)
    loss = MaskedLoss(job.model, dtype=torch.float32)
    expected = loss_and_gradients(loss, masked)
    if compiled:
        torch.compiler.reset()
        loss.compile(dynamic=False, fullgraph=True)
    for one, other in zip(loss_and_gradients(loss, by_length), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
