import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from filiberto.train.architecture import arithmetic_of
from filiberto.train.attention import MaskedAttention, block_diagonal
from filiberto.train.batch import TokenBatch
from filiberto.train.model import MaskedLoss, masked_logits
from filiberto.train.roberta import first_position
from filiberto.train.sizes import SIZES, Shape, num_parameters
from tests.train.conftest import model_of

DOCUMENTS = ([0, 10, 11, 12, 2], [0, 20, 21, 2], [0, 30, 31, 32, 33, 34, 2])
BOTH = pytest.mark.parametrize("architecture", ["roberta", "modernbert"])
# Four layers: ModernBERT's first and last see far, the two between near.
SHAPE = Shape(4, 64, 2)


def packed(documents: tuple[list[int], ...]) -> TokenBatch:
    """All documents in one row, every position a slot."""
    ids = torch.tensor([[token for document in documents for token in document]])
    owner = torch.tensor([[n for n, document in enumerate(documents) for _ in document]])
    place = torch.tensor([[p for document in documents for p in range(len(document))]])
    return batch_of(ids, owner, place, torch.arange(ids.shape[1])[None], ids.clone())


def batch_of(
    ids: Tensor, owner: Tensor, place: Tensor, slots: Tensor, labels: Tensor
) -> TokenBatch:
    return TokenBatch(
        input_ids=ids,
        position_ids=place,
        slots=slots,
        labels=labels,
        attention=MaskedAttention(block_diagonal(owner, owner)),
        attention_at_slots=MaskedAttention(block_diagonal(owner.gather(1, slots), owner)),
        num_labels=int((labels != -100).sum()),
    )


def random_batch(rows: int, *, vocab: int, length: int = 16, slots: int = 5) -> TokenBatch:
    """Rows of documents of three to six tokens, with some spare slots."""
    draw = torch.Generator().manual_seed(1)
    ids = torch.randint(5, vocab, (rows, length), generator=draw)
    owner = torch.arange(length).expand(rows, -1) // 4
    owner = owner.where(torch.arange(length) != 4, owner - 1)
    place = torch.stack([(owner == owner[:, i : i + 1])[:, :i].sum(1) for i in range(length)], 1)
    where = torch.rand(rows, length, generator=draw).argsort(1)[:, :slots].sort(1).values
    labels = ids.gather(1, where)
    labels[0, -2:] = -100
    return batch_of(ids, owner, place, where, labels)


def stock_hidden(model: Any, batch: TokenBatch) -> Tensor:
    """The last hidden states at the slots by transformers' own classes."""
    attention = batch.attention
    assert isinstance(attention, MaskedAttention)
    mask: Any = attention.mask
    positions = batch.position_ids
    if model.config.model_type == "roberta":
        positions = positions + first_position(model.config)
    else:
        near = attention.within(model.config.sliding_window)
        mask = {"full_attention": mask, "sliding_attention": near.mask}
    hidden = model.base_model(
        input_ids=batch.input_ids, attention_mask=mask, position_ids=positions
    ).last_hidden_state
    index = batch.slots[:, :, None].expand(-1, -1, hidden.shape[-1])
    return hidden.gather(1, index).flatten(0, 1)


def stock_loss(model: Any, batch: TokenBatch) -> Tensor:
    """The loss by transformers' own classes and torch's own function."""
    hidden = stock_hidden(model, batch)
    if model.config.model_type == "roberta":
        logits = model.lm_head(hidden)
    else:
        logits = model.decoder(model.head(hidden))
    return torch.nn.functional.cross_entropy(logits, batch.labels.flatten(), reduction="sum")


def gradients(model: Any, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@BOTH
@pytest.mark.parametrize("checkpointed", [False, True])
def test_loss_and_gradients_are_those_of_stock_transformers(
    architecture: Any, checkpointed: bool
) -> None:
    model, batch = model_of(architecture, shape=SHAPE), random_batch(6, vocab=64)
    loss = MaskedLoss(model, dtype=torch.float32, checkpointed=checkpointed)(batch)
    expected = stock_loss(model, batch)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    found, wanted = gradients(model, loss), gradients(model, expected)
    assert found.keys() == wanted.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, wanted[name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.bfloat16, 2e-2), (torch.float16, 2e-3)])
@BOTH
def test_half_precision_is_near(architecture: Any, dtype: torch.dtype, bound: float) -> None:
    model, batch = model_of(architecture), random_batch(6, vocab=64)
    loss = MaskedLoss(model, dtype=dtype)(batch)
    expected = stock_loss(model, batch)
    assert loss.dtype == torch.float32
    assert abs(loss.item() / expected.item() - 1) < bound
    found, wanted = gradients(model, loss), gradients(model, expected)
    for name, gradient in found.items():
        assert gradient.dtype == torch.float32
        error = (gradient - wanted[name]).norm() / wanted[name].norm().clamp(min=1e-3)
        assert error < 20 * bound, name


@BOTH
def test_dropout_drops_what_stock_transformers_drops(architecture: Any) -> None:
    model, batch = model_of(architecture, dropout=0.3).train(), random_batch(8, vocab=64)
    hidden_at_slots = arithmetic_of(model).hidden_at_slots
    with torch.no_grad():
        for name, weight in model.base_model.named_parameters():  # fresh ones let little through
            if any(end in name for end in ("value.weight", "output.dense.weight", "Wo.weight")):
                weight *= 30
        ours = [hidden_at_slots(model, batch, dtype=torch.float32) for _ in range(400)]
        stock = [stock_hidden(model, batch) for _ in range(400)]
    # The spread of each number over the draws, on average: less by 5 % where one is left out.
    spread, wanted = (torch.stack(draws).std(0).mean() for draws in (ours, stock))
    assert abs(spread / wanted - 1) < 0.01


@BOTH
def test_changing_one_document_changes_no_other_documents_logits(architecture: Any) -> None:
    model = model_of(architecture)
    before = masked_logits(model, packed(DOCUMENTS))
    changed = masked_logits(model, packed((DOCUMENTS[0], [0, 40, 41, 2], DOCUMENTS[2])))
    mine = torch.tensor([n == 1 for n, document in enumerate(DOCUMENTS) for _ in document])
    # Bit for bit: the attention weights outside a document are exactly zero.
    assert torch.equal(before[~mine], changed[~mine])
    assert not torch.allclose(before[mine], changed[mine])


@BOTH
def test_a_packed_document_has_the_logits_it_has_alone_in_stock_transformers(
    architecture: Any,
) -> None:
    model = model_of(architecture, shape=SHAPE)
    together = masked_logits(model, packed(DOCUMENTS))
    alone = [model(input_ids=torch.tensor([document])).logits[0] for document in DOCUMENTS]
    # fp32 sums in another order: 1e-5 is forty times the spacing of floats near 2.
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def test_the_loss_counts_slots_alone_and_spare_ones_not() -> None:
    model = model_of()
    labels = torch.full((1, 16), -100)
    labels[0, 2], labels[0, 7] = 11, 20
    batch = dataclasses.replace(packed(DOCUMENTS), labels=labels)
    logits = masked_logits(model, packed(DOCUMENTS)).log_softmax(-1)
    expected = -(logits[2, 11] + logits[7, 20])
    loss = MaskedLoss(model, dtype=torch.float32)(batch)
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=0)


def test_block_diagonal_keeps_documents_apart() -> None:
    owner = torch.tensor([[0, 0, 1]])
    mask = block_diagonal(owner, owner)
    assert mask.tolist() == [[[[True, True, False], [True, True, False], [False, False, True]]]]


def test_the_seed_alone_decides_the_weights() -> None:
    torch.manual_seed(5)
    first, state = model_of(seed=1), torch.get_rng_state()
    torch.manual_seed(9)
    second, third = model_of(seed=1), model_of(seed=2)
    name, weight = next(iter(first.named_parameters()))
    assert torch.equal(weight, dict(second.named_parameters())[name])
    assert not torch.equal(weight, dict(third.named_parameters())[name])
    torch.manual_seed(5)
    assert torch.equal(state, torch.get_rng_state())


@BOTH
def test_parameters_are_counted_as_transformers_counts_them(architecture: Any) -> None:
    for size in ("tiny", "mini", "small"):
        facts: Any = {"vocab_size": 500, "row_length": 32}
        model = model_of(architecture, shape=SIZES[size], **facts)
        counted = sum(p.numel() for p in model.parameters())
        assert num_parameters(SIZES[size], architecture=architecture, **facts)[1] == counted


def test_a_size_has_as_many_parameters_with_gates_as_without() -> None:
    for size, shape in SIZES.items():
        plain, gated = (
            num_parameters(shape, vocab_size=1, row_length=1, architecture=kind)[0]
            for kind in ("roberta", "modernbert")
        )
        assert gated == pytest.approx(plain, rel=0.05), size
