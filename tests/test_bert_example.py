"""`examples/bert.py` is transformers' RobertaForMaskedLM, written out."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from filiberto.train.model import new_model
from filiberto.train.sizes import Shape

BERT = Path(__file__).parent.parent / "examples" / "bert.py"
SPECIAL = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}
PAD, IGNORED = SPECIAL["<pad>"], -100


@pytest.fixture(scope="module")
def example() -> dict:
    return runpy.run_path(str(BERT))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A RobertaForMaskedLM as ours are, its biases and norms random too, and its folder."""
    shape = Shape(num_hidden_layers=3, hidden_size=24, num_attention_heads=4, intermediate_size=40)
    model: Any = new_model(
        "roberta", shape, vocab_size=50, row_length=16, special_ids=SPECIAL, seed=0
    ).eval()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=draw))
    folder = tmp_path_factory.mktemp("roberta")
    model.save_pretrained(folder)
    return model, folder


def batch() -> torch.Tensor:
    """Texts of 16, 9 and 2 tokens, padded."""
    ids = torch.randint(5, 50, (3, 16), generator=torch.Generator().manual_seed(1))
    ids[:, 0], ids[1, 9:], ids[2, 2:] = 0, PAD, PAD
    return ids


def test_its_scores_are_those_of_transformers(example: dict, theirs: tuple) -> None:
    model, folder = theirs
    ids, real = batch(), batch() != PAD
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=real.long()).logits
        found = example["load"](folder)(ids)
    torch.testing.assert_close(found[real], expected[real], rtol=0, atol=1e-5)


def test_padding_changes_nothing(example: dict, theirs: tuple) -> None:
    model, ids = example["load"](theirs[1]), batch()
    with torch.no_grad():
        torch.testing.assert_close(model(ids)[1, :9], model(ids[1:2, :9])[0], rtol=0, atol=1e-5)


def test_its_loss_is_that_of_transformers(example: dict, theirs: tuple) -> None:
    model, folder = theirs
    ids = batch()
    labels = torch.where(ids % 7 == 0, ids, IGNORED)
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=(ids != PAD).long(), labels=labels).loss
        found = example["loss_of"](example["load"](folder)(ids), labels)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_another_kind_of_model_is_refused_by_name(example: dict, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "modernbert"}')
    with pytest.raises(SystemExit, match="--architecture roberta"):
        example["load"](tmp_path)


def test_it_stays_short_enough_to_read() -> None:
    assert len(BERT.read_text(encoding="utf-8").splitlines()) <= 200
