"""The unigram model, and its place in a report."""

import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from filiberto import evaluate
from filiberto.config import EvaluateConfig
from filiberto.evaluate.bits import bits_per_byte
from filiberto.evaluate.calibration import calibration
from filiberto.evaluate.model import load_reader
from filiberto.evaluate.report import summary_text
from filiberto.evaluate.unigram import UnigramReader, unigram_reader
from filiberto.runfolder import manifest
from filiberto.tokens.stream import open_stream
from tests.conftest import italian_lines

DOCUMENTS = [(f"d{number}", line) for number, line in enumerate(italian_lines(90))]


def quiet(amount: float, note: str = "", *, total: float | None = None) -> None:
    pass


@pytest.fixture(scope="module")
def unigram(mini_run: Path) -> UnigramReader:
    return unigram_reader(load_reader(mini_run), open_stream(mini_run / "tokens", split="train"))


@pytest.fixture(scope="module")
def counts(mini_run: Path) -> Counter[int]:
    """How often the training text has each token that is not special."""
    stream = open_stream(mini_run / "tokens", split="train")
    found = Counter(stream.read(0, len(stream)).tolist())
    for token in stream.header["special_ids"].values():
        del found[token]
    return found


def test_a_token_costs_what_its_share_of_the_training_text_says(
    mini_run: Path, unigram: UnigramReader, counts: Counter[int]
) -> None:
    header = open_stream(mini_run / "tokens", split="train").header
    total = counts.total() + header["vocab_size"]
    nats, words = 0.0, 0
    for _, text in DOCUMENTS:
        found = unigram.document_tokenizer.encode(text, add_special_tokens=False)
        # A space that is a token of its own belongs to no word.
        pairs = zip(found.ids, found.offsets, strict=True)
        ids = [token for token, (begin, end) in pairs if text[begin:end].strip()]
        nats -= sum(math.log((1 + counts[token]) / total) for token in ids)
        words += len(text.split())
    score = bits_per_byte(unigram, DOCUMENTS, share=1.0, advance=quiet)
    assert score.words == words
    assert score.nats == pytest.approx(nats, rel=1e-5)


def test_its_guesses_are_the_most_frequent_tokens(
    unigram: UnigramReader, counts: Counter[int]
) -> None:
    (row,) = unigram.log_probabilities([[0, 5, 6, 2]], [[1, 2]])
    assert row.double().exp().sum(1).tolist() == pytest.approx([1.0, 1.0], abs=1e-5)
    guesses = row.topk(5).indices.tolist()
    assert guesses[0] == guesses[1]
    # Of those that are as frequent as each other either may be guessed.
    assert [counts[token] for token in guesses[0]] == [n for _, n in counts.most_common(5)]


def test_it_is_right_as_often_as_its_guesses_are_in_the_text(
    unigram: UnigramReader, counts: Counter[int]
) -> None:
    found = calibration(unigram, DOCUMENTS, advance=quiet)["token_accuracy"]
    assert found["tokens"] > 100
    shares = [sum(n for _, n in counts.most_common(k)) / counts.total() for k in (1, 5)]
    for measured, share in zip((found["top1"], found["top5"]), shares, strict=True):
        deviation = (share * (1 - share) / found["tokens"]) ** 0.5
        assert measured == pytest.approx(share, abs=4 * deviation)


SETTINGS = EvaluateConfig(max_bytes=4_000, likelihood_words=20)


def test_a_report_has_it_beside_the_model(mini_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(mini_run, run)
    facts = evaluate.build(run, settings=SETTINGS).facts
    bits = facts["unigram"]["bits_per_byte"]
    assert bits != facts["bits_per_byte"]
    assert f"unigram model        {bits:.3f} " in summary_text(facts)
    page = (run / "report" / "report.html").read_text(encoding="utf-8")
    assert '<th scope="col" class="model">unigram model</th>' in page
    assert f'<data value="{bits}">' in page
    assert "The unigram model guesses each token" in page
    assert f"unigram model & {bits:.3f} & " in (run / "report" / "table.tex").read_text()


@pytest.mark.parametrize("kind", ["gone", "a shard is gone", "others"])
def test_without_the_tokens_that_the_model_has_read_there_is_none(
    mini_run: Path, tmp_path: Path, kind: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(mini_run, run)
    if kind == "gone":
        shutil.rmtree(run / "tokens")
    elif kind == "a shard is gone":
        next((run / "tokens").glob("train-*.tokens")).unlink()
    else:
        other: Any = manifest.require(run, "tokens")
        (run / "tokens" / "more").write_text("x")
        manifest.finish(
            run / "tokens",
            stage="tokens",
            settings=other.settings,
            inputs=other.inputs,
            facts=other.facts,
            seconds=1.0,
        )
    facts = evaluate.build(run, settings=SETTINGS).facts
    assert "unigram" not in facts
    assert "unigram" not in summary_text(facts)
    assert "unigram" not in (run / "report" / "report.html").read_text(encoding="utf-8")
