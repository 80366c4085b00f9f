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


def test_a_matrix_without_a_gradient_is_left_alone() -> None:
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    Muon([parameter], lr=1.0, weight_decay=0.5).step()
    assert torch.equal(parameter, torch.ones(2, 2))
