import pytest

from filiberto.config import TrainConfig
from filiberto.train.model import SIZES, new_model, roberta_config
from filiberto.train.optim import make_optimizers, peak_lr_for, schedule, set_rates

SPECIAL = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}


def model_of():
    config = roberta_config(SIZES["tiny"], vocab_size=64, row_length=16, special_ids=SPECIAL)
    return new_model(config, seed=0)


def test_the_rate_climbs_and_falls_in_straight_lines() -> None:
    shares = [schedule(s, warmup_steps=2, max_steps=6) for s in range(7)]
    assert shares == pytest.approx([0.5, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0])


def test_the_docstrings_example_holds() -> None:
    shares = [schedule(s, warmup_steps=1, max_steps=4) for s in range(4)]
    assert shares == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_biases_and_norms_have_no_weight_decay() -> None:
    model = model_of()
    (adamw,) = make_optimizers(model, TrainConfig(optimizer="adamw", weight_decay=0.3), peak_lr=1.0)
    decayed, plain = adamw.param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.3, 0.0)
    names = {id(p): name for name, p in model.named_parameters()}
    assert all("bias" in names[id(p)] or "norm" in names[id(p)].lower() for p in plain["params"])
    assert len(decayed["params"]) + len(plain["params"]) == len(names)


def test_muon_takes_the_layers_matrices_and_adamw_the_rest() -> None:
    model = model_of()
    settings = TrainConfig(optimizer="muon", muon_lr=0.5)
    muon, adamw = make_optimizers(model, settings, peak_lr=0.25)
    mine = {id(p) for group in muon.param_groups for p in group["params"]}
    rest = {id(p) for group in adamw.param_groups for p in group["params"]}
    layers = {id(p) for p in model.roberta.encoder.parameters() if p.ndim == 2}
    assert mine == layers
    assert rest == {id(p) for p in model.parameters()} - layers
    set_rates((muon, adamw), share=0.5)
    assert [g["lr"] for o in (muon, adamw) for g in o.param_groups] == [0.25, 0.125, 0.125]


def test_a_set_rate_beats_the_sizes_own() -> None:
    assert peak_lr_for(TrainConfig(peak_lr=0.5), size="tiny") == 0.5
    assert peak_lr_for(TrainConfig(optimizer="adamw"), size="base") == 6e-4


def test_adamw_goes_faster_beside_muon() -> None:
    assert peak_lr_for(TrainConfig(optimizer="muon"), size="mini") == 2e-3
    assert peak_lr_for(TrainConfig(optimizer="adamw"), size="mini") == 1e-3
