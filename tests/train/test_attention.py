"""The ways of keeping documents apart, held together."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from filiberto.train import attention
from filiberto.train.attention import MaskedAttention, block_diagonal


def heads(rows: int, length: int, *, seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, length, 2, 16, generator=draw)


def owners(rows: int, length: int) -> Tensor:
    """Documents of 1, 2, 3, ... tokens, begun elsewhere in each row."""
    starts = torch.tensor([n * (n + 1) // 2 for n in range(1, length)])
    return torch.stack(
        [torch.searchsorted(starts, torch.arange(length) + row) for row in range(rows)]
    )


def with_gradients(function: Any, inputs: list[Tensor], to_out: Tensor) -> list[Tensor]:
    leaves = [x.clone().requires_grad_() for x in inputs]
    out = function(*leaves)
    return [out.detach(), *torch.autograd.grad(out, leaves, to_out.to(out.dtype))]


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("slots", [None, 5])
@pytest.mark.parametrize("at_once", [1, 10_000, 1 << 20])
def test_products_in_bf16_err_no_more_than_twice_as_far_as_torchs_own(
    monkeypatch: pytest.MonkeyPatch, window: int | None, slots: int | None, at_once: int
) -> None:
    monkeypatch.setattr(attention, "_WEIGHTS_AT_ONCE", at_once)
    rows, length = 3, 24
    owner = owners(rows, length)
    queries = slice(None) if slots is None else slice(2, 2 + slots)
    whole = MaskedAttention(block_diagonal(owner, owner))
    mask = (whole if window is None else whole.within(window)).mask[:, :, queries]
    q, k, v, to_out = (heads(rows, length, seed=seed) for seed in range(4))
    inputs, to_out = [q[:, queries], k, v], to_out[:, queries]

    def torchs_own(*x: Tensor) -> Tensor:
        q, k, v = (t.transpose(1, 2) for t in x)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)

    def ours(*x: Tensor) -> Tensor:
        return MaskedAttention(mask)(*x, dropout=0.0)

    low = [x.bfloat16() for x in inputs]
    exact = with_gradients(torchs_own, [x.float() for x in low], to_out.bfloat16().float())
    theirs = with_gradients(torchs_own, low, to_out)
    mine = with_gradients(ours, low, to_out)
    for one, other, right in zip(mine, theirs, exact, strict=True):
        assert one.dtype == torch.bfloat16
        assert (one - right).norm() <= 2 * (other - right).norm()


def test_a_window_ends_where_it_should() -> None:
    owner = torch.tensor([[0, 0, 0, 0, 1, 1]])
    seen = MaskedAttention(block_diagonal(owner, owner)).within(1).mask[0, 0].int().tolist()
    assert seen == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 1, 1],
    ]
