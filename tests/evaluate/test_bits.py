import copy
import dataclasses
import math
import shutil
from pathlib import Path

import pytest

from filiberto import tokenizer, tokens, train
from filiberto.config import TokenizerConfig
from filiberto.evaluate.bits import (
    Score,
    bits_per_byte,
    is_hidden,
    windows,
    word_costs,
    word_tokens,
)
from filiberto.evaluate.model import Reader, load_reader
from tests.conftest import MINIATURE, italian_lines

DOCUMENTS = [(f"d{n}", text) for n, text in enumerate(italian_lines(60))]


@pytest.fixture(scope="module")
def reader(mini_run: Path) -> Reader:
    return load_reader(mini_run)


def quiet(amount: float, note: str = "") -> None:
    pass


def test_models_rank_by_what_they_learned_and_not_by_their_vocabulary(
    mini_run: Path, tmp_path: Path
) -> None:
    bits: dict[tuple[int, int], float] = {}
    losses: dict[tuple[int, int], float] = {}
    for entries in (500, 1_500):
        run = tmp_path / str(entries)
        shutil.copytree(mini_run / "corpus", run / "corpus")
        tokenizer.build(run, settings=TokenizerConfig(vocab_size=entries), language="it")
        tokens.build(run)
        for steps in (8, 200):
            settings = dataclasses.replace(MINIATURE, max_steps=steps)
            made = train.build(run, settings=settings, size="tiny", language="it", force=True)
            losses[entries, steps] = made.facts["validation_loss"]
            score = bits_per_byte(load_reader(run), DOCUMENTS, share=0.15, advance=quiet)
            bits[entries, steps] = score.bits_per_byte
    little = (bits[500, 8], bits[1_500, 8])
    much = (bits[500, 200], bits[1_500, 200])
    assert max(much) < min(little) / 2
    # Two that learned alike are alike, whatever the loss of their tokens says.
    for one, other in (little, much):
        assert one == pytest.approx(other, rel=0.1)
    assert losses[1_500, 200] > 1.1 * losses[500, 200]


def test_hidden_words_are_a_matter_of_document_and_place() -> None:
    chosen = [is_hidden("a:1", word, share=0.15) for word in range(20_000)]
    # Three standard deviations of a share of 0.15 in 20,000 draws are 0.0076.
    assert sum(chosen) / len(chosen) == pytest.approx(0.15, abs=0.0076)
    assert chosen != [is_hidden("a:2", word, share=0.15) for word in range(20_000)]


def test_a_words_tokens_include_the_one_that_carries_its_space() -> None:
    offsets = [(0, 4), (4, 8), (8, 10), (10, 11)]
    assert word_tokens(offsets, 5, 10) == (1, 3)
    assert word_tokens(offsets, 0, 4) == (0, 1)


def test_windows_hold_every_token_once_and_every_chosen_word_whole(reader: Reader) -> None:
    text = " ".join(italian_lines(12))
    ids = reader.tokenizer.encode(text, add_special_tokens=False).ids
    found = list(windows(reader, "doc", text, share=1.0))
    assert [token for window in found for token in window.ids[1:-1]] == ids
    assert len(found) > 3
    assert all(len(window.ids) <= reader.max_length for window in found)
    words = [word for window in found for word in window.words]
    assert len(words) == len(text.split())
    assert sum(word.num_bytes for word in words) == sum(len(w.encode()) for w in text.split())


def test_the_cost_of_a_word_is_that_of_its_tokens_from_left_to_right(reader: Reader) -> None:
    (window,) = windows(reader, "doc", "Anna legge", share=1.0)
    _, word = window.words
    mask = reader.special_ids["<mask>"]
    expected = 0.0
    for step in range(len(word)):
        shown = list(window.ids)
        hidden = [w for w in window.words if len(w) > step or w is word]
        for other in window.words:
            keep = step if other in hidden and len(other) > step else 0
            shown[other.start + keep : other.stop] = [mask] * (len(other) - keep)
        place = word.start + step
        (scores,) = reader.log_probabilities([shown], [[place]])
        expected -= scores[0, window.ids[place]].item()
    assert word_costs(reader, [window])[0][1].nats == pytest.approx(expected, rel=1e-5)


def test_batching_changes_nothing(reader: Reader) -> None:
    batch = [w for d, text in DOCUMENTS[:20] for w in windows(reader, d, text, share=0.3)]
    together = word_costs(reader, batch)
    alone = [word_costs(reader, [window])[0] for window in batch]
    for one, other in zip(together, alone, strict=True):
        # fp32 sums over padded and unpadded rows differ in the last places.
        assert [c.nats for c in one] == pytest.approx([c.nats for c in other], abs=1e-4)


def test_a_uniform_model_pays_the_logarithm_of_its_vocabulary(reader: Reader) -> None:
    uniform = load_reader_copy(reader)
    for parameter in uniform.model.parameters():
        parameter.data.zero_()
    score = bits_per_byte(uniform, DOCUMENTS, share=0.5, advance=quiet)
    tokens = sum(
        len(word)
        for document, text in DOCUMENTS
        for window in windows(uniform, document, text, share=0.5)
        for word in window.words
    )
    expected = tokens * math.log2(uniform.model.config.vocab_size) / score.num_bytes
    assert score.bits_per_byte == pytest.approx(expected, rel=1e-4)


def load_reader_copy(reader: Reader) -> Reader:
    return dataclasses.replace(reader, model=copy.deepcopy(reader.model))


def test_training_lowers_the_bits(reader: Reader) -> None:
    random = load_reader_copy(reader)
    random.model.init_weights()
    for parameter in random.model.parameters():
        parameter.data.normal_(std=0.02)
    trained = bits_per_byte(reader, DOCUMENTS, share=0.3, advance=quiet)
    untrained = bits_per_byte(random, DOCUMENTS, share=0.3, advance=quiet)
    assert trained.bits_per_byte < 0.8 * untrained.bits_per_byte
    assert trained.words == untrained.words


def test_the_interval_is_that_of_resampled_documents(reader: Reader) -> None:
    score = bits_per_byte(reader, DOCUMENTS, share=0.3, advance=quiet)
    assert sum(one.words for one in score.documents.values()) == score.words
    for name, value in (
        ("bits_per_byte", score.bits_per_byte),
        ("word_accuracy", score.words_right / score.words),
    ):
        low, high = score.intervals[name]
        assert value is not None
        assert low < value < high
    # All documents alike leave nothing to chance; one alone tells nothing.
    text = " ".join(italian_lines(3))
    alike = [(name, text) for name in "abc"]
    (low, high) = bits_per_byte(reader, alike, share=1.0, advance=quiet).intervals["bits_per_byte"]
    assert low == pytest.approx(high)
    assert bits_per_byte(reader, alike[:1], share=1.0, advance=quiet).intervals == {}


def test_no_words_are_no_bits() -> None:
    assert Score().bits_per_byte is None


def test_a_run_without_spaces_counts_in_parts(reader: Reader) -> None:
    text = "parola" * 40
    found = list(windows(reader, "doc", text, share=1.0))
    words = [word for window in found for word in window.words]
    assert len(words) >= len(text) // 32
    # Every token counts once and every byte with it, but where a window had to end inside a part.
    assert sum(word.num_bytes for word in words) == pytest.approx(len(text), abs=64)


def test_a_written_mask_is_text(reader: Reader) -> None:
    (window,) = windows(reader, "doc", "Anna <mask> legge", share=1.0)
    assert reader.special_ids["<mask>"] not in window.ids
