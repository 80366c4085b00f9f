import pytest
import torch

from filiberto.train.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(8, 8), (16, 48), (48, 16)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)))
    # The quintic's band for random matrices; Jordan et al. 2024 draw it from 0.7 to 1.2.
    assert values.min() > 0.5
    assert values.max() < 1.3


@pytest.mark.parametrize("shape", [(16, 16), (16, 48), (48, 16)])
def test_steps_are_those_of_torch_within_its_bf16(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    start = torch.randn(shape)
    mine, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    settings = {"lr": 0.02, "weight_decay": 0.1}
    optimizers = (Muon([mine], **settings), torch.optim.Muon([theirs], **settings))
    for _ in range(4):
        gradient = torch.randn(shape)
        for parameter, optimizer in zip((mine, theirs), optimizers, strict=True):
            parameter.grad = gradient.clone()
            optimizer.step()
    # Four updates of 0.02 x sqrt(3) whose entries bf16 gives to about 1 %.
    torch.testing.assert_close(mine, theirs, atol=4 * 0.02 * 3**0.5 * 0.01, rtol=0)


def test_stacked_matrices_step_as_each_alone() -> None:
    torch.manual_seed(2)
    start = torch.randn(3 * 16, 16)
    whole = torch.nn.Parameter(start.clone())
    parts = [torch.nn.Parameter(part.clone()) for part in start.chunk(3)]
    stacked = Muon([{"params": [whole], "parts": 3}], lr=0.02)
    single = Muon(parts, lr=0.02)
    for _ in range(3):
        gradient = torch.randn(3 * 16, 16)
        whole.grad = gradient.clone()
        for part, its in zip(parts, gradient.chunk(3), strict=True):
            part.grad = its.clone()
        stacked.step()
        single.step()
    torch.testing.assert_close(whole.detach(), torch.cat([p.detach() for p in parts]))


def test_bf16_is_enough_to_come_near_one() -> None:
    torch.manual_seed(0)
    found = orthogonalised(torch.randn(64, 64), dtype=torch.bfloat16)
    assert found.dtype == torch.float32
    exact = orthogonalised(torch.randn(64, 64))
    assert torch.linalg.svdvals(found).max() < 1.05 * torch.linalg.svdvals(exact).max()


def test_a_matrix_without_a_gradient_is_left_alone() -> None:
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    Muon([parameter], lr=1.0, weight_decay=0.5).step()
    assert torch.equal(parameter, torch.ones(2, 2))
