from typing import Any, get_args

import pytest

from filiberto.config import Embeddings, TrainConfig
from filiberto.train.architecture import arithmetic_of
from filiberto.train.optim import make_optimizers, set_rates
from filiberto.train.rates import Rates, peak_rates
from tests.train.conftest import model_of


@pytest.mark.parametrize("architecture", ["roberta", "modernbert"])
def test_biases_and_norms_have_no_weight_decay(architecture: Any) -> None:
    model = model_of(architecture)
    settings = TrainConfig(optimizer="adamw", weight_decay=0.3)
    (adamw,) = make_optimizers(model, settings, rates=Rates(1.0, 1.0))
    decayed, plain = adamw.param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.3, 0.0)
    names = {id(p): name for name, p in model.named_parameters()}
    assert all("bias" in names[id(p)] or "norm" in names[id(p)].lower() for p in plain["params"])
    assert len(decayed["params"]) + len(plain["params"]) == len(names)


@pytest.mark.parametrize("architecture", ["roberta", "modernbert"])
def test_muon_takes_the_layers_matrices_and_adamw_the_rest(architecture: Any) -> None:
    model = model_of(architecture)
    settings = TrainConfig(optimizer="muon")
    muon, adamw = make_optimizers(model, settings, rates=Rates(adamw=0.25, muon=0.5))
    mine = {id(p) for group in muon.param_groups for p in group["params"]}
    rest = {id(p) for group in adamw.param_groups for p in group["params"]}
    matrices = arithmetic_of(model).layers(model).parameters()
    layers = {id(p) for p in matrices if p.ndim == 2}
    assert mine == layers
    assert rest == {id(p) for p in model.parameters()} - layers
    set_rates((muon, adamw), share=0.5)
    assert {g["lr"] for g in muon.param_groups} == {0.25}
    assert [g["lr"] for g in adamw.param_groups] == [0.125, 0.125]


def test_matrices_that_are_stacked_become_orthogonal_one_by_one() -> None:
    rates = Rates(adamw=1.0, muon=1.0)
    muon, _ = make_optimizers(model_of("modernbert"), TrainConfig(optimizer="muon"), rates=rates)
    parts = {group["parts"]: len(group["params"]) for group in muon.param_groups}
    assert parts == {3: 2, 1: 4, 2: 2}  # two layers: Wqkv; two called Wo each; Wi


def test_a_set_rate_beats_the_sizes_own() -> None:
    assert peak_rates(TrainConfig(peak_lr=0.5, muon_lr=0.3), size="tiny") == Rates(0.5, 0.3)
    assert peak_rates(TrainConfig(optimizer="adamw"), size="base").adamw == 6e-4


def test_beside_muon_embeddings_learn_by_what_they_begin_with() -> None:
    assert peak_rates(TrainConfig(), size="mini") == Rates(5e-4, 0.02)
    assert peak_rates(TrainConfig(), size="tiny") == Rates(1.5e-3, 0.02)
    assert peak_rates(TrainConfig(embeddings="random"), size="mini") == Rates(2e-3, 0.02)
    assert peak_rates(TrainConfig(), size="mini", given=True) == Rates(2e-3, 0.02)
    roberta = TrainConfig(architecture="roberta")
    assert peak_rates(roberta, size="mini") == Rates(2e-3, 0.02)
    for embeddings in get_args(Embeddings):
        alone = TrainConfig(optimizer="adamw", embeddings=embeddings)
        assert peak_rates(alone, size="mini").adamw == 1e-3
