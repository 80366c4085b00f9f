from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from filiberto.tokens.stream import TokenStream, open_stream
from filiberto.train import cooccurrence, prepare
from filiberto.train.checkpoint import State
from tests.conftest import MINIATURE
from tests.train.conftest import SPECIAL, job_of
from tests.train.test_sampler import stream_of

COLOURS, BEASTS, VERBS, SOUNDS = range(10, 20), range(20, 30), range(30, 40), range(40, 50)
VOCAB = 64


def text_of(folder: Path) -> TokenStream:
    """Colours stand beside verbs, beasts beside sounds, whichever of them."""
    draw = np.random.default_rng(0)
    made = [
        [int(draw.choice(kind)) for kind in ((COLOURS, VERBS), (BEASTS, SOUNDS))[n % 2] * 2]
        for n in range(4_001)
    ]
    stream = stream_of(folder, made)
    stream.header.update(vocab_size=VOCAB, special_ids=SPECIAL)
    return stream


def test_tokens_that_stand_among_the_same_others_are_near_each_other(tmp_path: Path) -> None:
    made = cooccurrence.embeddings(text_of(tmp_path), width=8, seed=0)
    assert made.shape == (VOCAB, 8)
    near = (made @ made.T).numpy()
    for kind in (COLOURS, BEASTS, VERBS, SOUNDS):
        others = [n for n in range(10, 50) if n not in kind]
        alike = near[np.ix_(kind, kind)].mean()
        assert alike > near[np.ix_(kind, others)].mean() + 0.5


def test_what_is_special_or_was_never_read_has_none(tmp_path: Path) -> None:
    made = cooccurrence.embeddings(text_of(tmp_path), width=8, seed=0)
    read = torch.zeros(VOCAB, dtype=torch.bool)
    read[10:50] = True
    torch.testing.assert_close(made.norm(dim=1), read.float())


def test_on_which_side_the_others_stand_tells_apart(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    made = [[int(draw.choice(COLOURS)), int(draw.choice(VERBS))] for _ in range(2_000)]
    made += [[int(draw.choice(VERBS)), int(draw.choice(BEASTS))] for _ in range(2_000)]
    stream = stream_of(tmp_path, made)
    stream.header.update(vocab_size=VOCAB, special_ids=SPECIAL)
    found = cooccurrence.embeddings(stream, width=8, seed=0)
    own = found[[*COLOURS, *BEASTS]]
    own = torch.nn.functional.normalize(own - own.mean(0), dim=1)  # without the company they share
    near, half = (own @ own.T).numpy(), len(COLOURS)
    assert near[:half, :half].mean() > near[:half, half:].mean() + 0.5


def test_pairs_are_counted_by_side_and_by_distance(tmp_path: Path) -> None:
    stream = stream_of(tmp_path, [[10, 11, 12, 13, 14, 10], [15], [16]])
    stream.header.update(vocab_size=VOCAB, special_ids=SPECIAL)
    counts = cooccurrence._counts(stream)
    # The most frequent comes first, the others in their order.
    assert counts.shape == (VOCAB, 5, 7)
    assert not counts[..., 5:].any()
    assert not counts[15:].any()  # a document of one token has nobody near
    before, after, two_before, two_after, around = (
        {token: counts[token, place, :5].tolist() for token in (10, 11, 12)} for place in range(5)
    )
    assert around[11] == pytest.approx([1 + 1 / 4, 0, 1, 1 / 2, 1 / 3])
    assert around[12] == pytest.approx([1 / 2 + 1 / 3, 1, 0, 1, 1 / 2])
    assert around[10] == pytest.approx([2 / 5, 1 + 1 / 4, 1 / 2 + 1 / 3, 1 / 3 + 1 / 2, 1 / 4 + 1])
    assert before == {10: [0, 0, 0, 0, 1], 11: [1, 0, 0, 0, 0], 12: [0, 1, 0, 0, 0]}
    assert after == {10: [0, 1, 0, 0, 0], 11: [0, 0, 1, 0, 0], 12: [0, 0, 0, 1, 0]}
    assert two_before == {10: [0, 0, 0, 1, 0], 11: [0, 0, 0, 0, 0], 12: [1, 0, 0, 0, 0]}
    assert two_after == {10: [0, 0, 1, 0, 0], 11: [0, 0, 0, 1, 0], 12: [0, 0, 0, 0, 1]}
    assert not counts[list(SPECIAL.values())].any()


def test_a_text_is_read_in_parts_and_a_long_one_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = text_of(tmp_path)
    whole = cooccurrence._counts(stream)
    monkeypatch.setattr(cooccurrence, "_PART_TOKENS", 1_000)
    parts = cooccurrence._counts(stream)
    assert len(stream) % 1_000
    assert 0.97 < parts.sum() / whole.sum() < 1.0  # but for pairs over the ends of parts
    share = cooccurrence._counts(stream, most_tokens=6_000).sum() / parts.sum()
    assert share == pytest.approx(6_000 / len(stream), rel=0.05)


def test_association_is_more_than_chance_and_never_less_than_none() -> None:
    counts = torch.tensor([[8.0, 0.0], [0.0, 8.0], [4.0, 4.0], [0.0, 0.0]])
    found = cooccurrence.ppmi(counts[:, None])[:, 0]
    expected = torch.tensor([[2.0, 1.0], [1.0, 2.0], [1.0, 1.0], [1.0, 1.0]]).log()
    torch.testing.assert_close(found, expected)


def test_the_signs_of_singular_vectors_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = text_of(tmp_path)
    made = cooccurrence.embeddings(stream, width=8, seed=0)
    factorise = torch.svd_lowrank

    def turned(*given, **options):
        left, values, right = factorise(*given, **options)
        signs = torch.where(torch.arange(len(values)) % 3 == 0, -1.0, 1.0)
        return left * signs, values, right * signs

    monkeypatch.setattr(torch, "svd_lowrank", turned)
    torch.testing.assert_close(cooccurrence.embeddings(stream, width=8, seed=0), made)


@pytest.mark.parametrize("architecture", ["modernbert", "roberta"])
def test_a_new_model_begins_with_them(run: Path, architecture: str) -> None:
    job = job_of(run, replace(MINIATURE, architecture=architecture))
    weight = job.model.get_input_embeddings().weight
    before = weight.detach().clone()
    begun, state = prepare.taken_up(job, run, fingerprint="", exact=False)
    assert state.seconds > 0
    stream = open_stream(run / "tokens", split="train")
    made = cooccurrence.embeddings(stream, width=weight.shape[1], seed=job.seed)
    known = made.any(1)
    assert known.float().mean() > 0.3
    assert torch.equal(weight[~known], before[~known])
    assert torch.equal(weight[known], made[known] * (cooccurrence.RMS * weight.shape[1] ** 0.5))
    sizes = weight[known].square().mean(1).sqrt()
    torch.testing.assert_close(sizes, torch.full_like(sizes, cooccurrence.RMS))
    assert begun.model.get_output_embeddings().weight is weight


def test_random_ones_stay_where_they_are_asked_for(run: Path) -> None:
    job = job_of(run, replace(MINIATURE, embeddings="random"))
    before = job.model.get_input_embeddings().weight.detach().clone()
    assert cooccurrence.give_embeddings(job, run) == 0.0
    assert torch.equal(job.model.get_input_embeddings().weight, before)


def test_one_that_begins_again_begins_with_the_same(run: Path) -> None:
    job = job_of(run, MINIATURE)
    prepare.write_plan(run, job.plan, key="")
    cooccurrence.give_embeddings(job, run)
    expected = job.model.get_input_embeddings().weight.detach().clone()
    with torch.no_grad():
        job.model.get_input_embeddings().weight.zero_()
    again, state = prepare.begun_again(
        job, run, stuck=State(step=4, fingerprint="", seconds=1_000.0)
    )
    assert torch.equal(again.model.get_input_embeddings().weight, expected)
    assert 1_000 < state.seconds < 1_100


def test_a_short_training_reads_no_more_than_it_is_worth(run: Path) -> None:
    read: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        usual = TokenStream.read
        patch.setattr(TokenStream, "read", lambda self, at, n: read.append(n) or usual(self, at, n))
        job = job_of(run, replace(MINIATURE, max_steps=2))
        cooccurrence.give_embeddings(job, run)
    assert sum(read) == 2 * cooccurrence.MOST_SHARE * 2 * 512
    assert sum(read) < 2 * len(open_stream(run / "tokens", split="train"))


@pytest.mark.parametrize("documents", [[[10]], [[10] * 50], [[10, 11]], [[10], [11], [12]]])
def test_of_a_text_that_says_nothing_they_are_numbers_all_the_same(
    tmp_path: Path, documents: list[list[int]]
) -> None:
    stream = stream_of(tmp_path, documents)
    stream.header.update(vocab_size=VOCAB, special_ids=SPECIAL)
    made = cooccurrence.embeddings(stream, width=8, seed=0)
    assert made.shape == (VOCAB, 8)
    assert made.isfinite().all()
