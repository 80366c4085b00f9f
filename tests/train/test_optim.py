import pytest

from filiberto.config import TrainConfig
from filiberto.train.model import SIZES, new_model, roberta_config
from filiberto.train.optim import adamw, learning_rate, peak_lr_for

SPECIAL = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}


def test_the_rate_climbs_and_falls_in_straight_lines() -> None:
    rates = [learning_rate(s, peak=1.0, warmup_steps=2, max_steps=6) for s in range(7)]
    assert rates == pytest.approx([0.5, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0])


def test_the_docstrings_example_holds() -> None:
    rates = [learning_rate(s, peak=1.0, warmup_steps=1, max_steps=4) for s in range(4)]
    assert rates == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_biases_and_norms_have_no_weight_decay() -> None:
    config = roberta_config(SIZES["tiny"], vocab_size=64, row_length=16, special_ids=SPECIAL)
    model = new_model(config, seed=0)
    decayed, plain = adamw(model, TrainConfig(weight_decay=0.3)).param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.3, 0.0)
    names = {id(p): name for name, p in model.named_parameters()}
    assert all("bias" in names[id(p)] or "LayerNorm" in names[id(p)] or "layer_norm" in
               names[id(p)] for p in plain["params"])
    assert len(decayed["params"]) + len(plain["params"]) == len(names)


def test_a_set_rate_beats_the_sizes_own() -> None:
    assert peak_lr_for(TrainConfig(peak_lr=0.5), size="tiny") == 0.5
    assert peak_lr_for(TrainConfig(), size="base") == 6e-4
