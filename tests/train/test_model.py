import torch
from transformers import RobertaForMaskedLM

from filiberto.train.attention import block_diagonal
from filiberto.train.model import (
    SIZES,
    TokenBatch,
    masked_logits,
    masked_loss,
    new_model,
    num_parameters,
    roberta_config,
)

SPECIAL = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}
DOCUMENTS = ([0, 10, 11, 12, 2], [0, 20, 21, 2], [0, 30, 31, 32, 33, 34, 2])


def model_of(seed: int = 0) -> RobertaForMaskedLM:
    config = roberta_config(SIZES["tiny"], vocab_size=64, row_length=16, special_ids=SPECIAL)
    return new_model(config, seed=seed).eval()


def packed(documents: tuple[list[int], ...]) -> TokenBatch:
    ids = torch.tensor([[token for document in documents for token in document]])
    owner = [n for n, document in enumerate(documents) for _ in document]
    place = [p for document in documents for p in range(len(document))]
    slots = torch.arange(ids.shape[1])[None]
    return TokenBatch(ids, torch.tensor([owner]), torch.tensor([place]), slots, ids.clone())


def test_changing_one_document_changes_no_other_documents_logits() -> None:
    model = model_of()
    before = masked_logits(model, packed(DOCUMENTS))
    changed = masked_logits(model, packed((DOCUMENTS[0], [0, 40, 41, 2], DOCUMENTS[2])))
    mine = torch.tensor([n == 1 for n, document in enumerate(DOCUMENTS) for _ in document])
    # Bit for bit: the attention weights outside a document are exactly zero.
    assert torch.equal(before[~mine], changed[~mine])
    assert not torch.allclose(before[mine], changed[mine])


def test_a_packed_document_has_the_logits_it_has_alone_in_stock_transformers() -> None:
    model = model_of()
    together = masked_logits(model, packed(DOCUMENTS))
    alone = [model(input_ids=torch.tensor([document])).logits[0] for document in DOCUMENTS]
    # fp32 sums in another order: 1e-5 is forty times the spacing of floats near 2.
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def test_the_loss_counts_slots_alone_and_spare_ones_not() -> None:
    model = model_of()
    batch = packed(DOCUMENTS)
    slots, labels = torch.tensor([[2, 7, 15]]), torch.tensor([[11, 20, -100]])
    batch = TokenBatch(batch.input_ids, batch.document_ids, batch.position_ids, slots, labels)
    logits = masked_logits(model, packed(DOCUMENTS)).log_softmax(-1)
    expected = -(logits[2, 11] + logits[7, 20])
    torch.testing.assert_close(masked_loss(model, batch), expected, atol=1e-5, rtol=0)


def test_block_diagonal_keeps_documents_apart() -> None:
    mask = block_diagonal(torch.tensor([[0, 0, 1]]))
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


def test_parameters_are_counted_as_transformers_counts_them() -> None:
    for size in ("tiny", "mini", "small"):
        config = roberta_config(SIZES[size], vocab_size=500, row_length=32, special_ids=SPECIAL)
        counted = sum(p.numel() for p in new_model(config, seed=0).parameters())
        assert num_parameters(SIZES[size], vocab_size=500, row_length=32)[1] == counted
