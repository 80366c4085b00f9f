"""What is written down and told while a training goes on."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from filiberto import train
from filiberto.corpus import reading
from filiberto.runfolder import manifest
from filiberto.tokens import token_bytes
from filiberto.tokens.stream import open_stream
from filiberto.train import watch
from filiberto.train.checkpoint import State
from filiberto.train.job import Job
from filiberto.train.prepare import unigram_loss
from filiberto.train.records import METRICS, TIMINGS, Records, read_lines
from filiberto.train.step import StepResult
from filiberto.train.watch import Validation, Watch
from tests.conftest import MINIATURE
from tests.train.conftest import SHORT, job_of

Captured = pytest.CaptureFixture[str]


class Watched:
    """A training of one step a second and a line a step, without its arithmetic."""

    def __init__(self, run: Path, *, metrics_bytes: int = 0) -> None:
        self.job: Job = job_of(run, replace(SHORT, max_steps=100, log_steps=1))
        self.job = replace(self.job, full_speed=2 * 512.0)
        self.state = State(step=0, fingerprint="mine")
        self.notes: list[str] = []
        self.records = Records(run, metrics_bytes=metrics_bytes, step=0)
        self.watch = Watch(
            self.state,
            records=self.records,
            meter=None,
            advance=lambda amount, note="", *, total=None: self.notes.append(note),
            on_validation=lambda result: "",
        )

    def step(self, loss: float) -> None:
        result = StepResult(
            loss=loss * 100,
            num_labels=100,
            norm=1.0,
            finite=True,
            stopping=False,
            scale=1.0,
            share=0.5,
        )
        self.state = replace(self.state, seconds=self.state.step + 1.0)
        self.state = self.watch.account(self.job, self.state, result)


@pytest.fixture
def watched(run: Path) -> Iterator[Watched]:
    made = Watched(run)
    yield made
    made.records.close()


def test_speed_and_utilisation_are_those_since_the_last_line(run: Path, watched: Watched) -> None:
    watched.step(3.0)
    watched.step(2.5)
    lines = list(read_lines(run / TIMINGS))
    assert [line["tokens_per_second"] for line in lines] == [512.0, 512.0]
    assert [line["mfu"] for line in lines] == [0.5, 0.5]
    assert [line["loss"] for line in read_lines(run / METRICS)] == [3.0, 2.5]
    assert watched.notes[-1] == "loss 2.500 · learning rate 0.0015 · MFU 50 %"


def test_a_jump_of_the_loss_is_named_once_and_noise_is_not(
    watched: Watched, capsys: Captured
) -> None:
    for number in range(20):
        watched.step(3.0 + 0.05 * (number % 3))
    assert capsys.readouterr().out == ""
    watched.step(3.9)
    watched.step(3.8)
    told = capsys.readouterr().out
    assert told.count("has jumped from 3.0") == 1
    assert "to 3.90" in told
    watched.step(3.0)
    watched.step(4.5)
    assert capsys.readouterr().out.count("has jumped") == 1


@pytest.mark.parametrize("stopped", [False, True], ids=["", "stopped before the last"])
@pytest.mark.parametrize(
    ("losses", "stuck"),
    [
        ([6.01, 6.0, 6.0], True),
        ([6.5, 6.0, 5.9], False),  # better than frequencies
        ([6.5, 6.2, 6.1], False),  # on its way down
        ([6.0, 6.2, 6.2], True),
    ],
)
def test_what_only_knows_frequencies_late_is_stuck(
    run: Path, watched: Watched, losses: list[float], stuck: bool, stopped: bool
) -> None:
    job = replace(watched.job, unigram_loss=6.0)
    job = replace(
        job, plan=replace(job.plan, batch_rows=1_000), course=job.course.drawn_to(400, at=0)
    )
    for step, loss in zip((20, 90, 110), losses, strict=True):
        if stopped and step == 110:
            length = watched.records.metrics_bytes
            watched.records.close()
            watched = Watched(run, metrics_bytes=length)
        watched.watch.validated(job, step, Validation(loss=loss, accuracy=0.1))
        assert watched.watch.is_stuck == (stuck and step == 110)
    watched.records.close()


def test_few_steps_or_tokens_are_no_sign_of_it(watched: Watched) -> None:
    job = replace(watched.job, unigram_loss=6.0)
    for step in (20, 90, 110):  # of 512 tokens
        watched.watch.validated(job, step, Validation(loss=6.0, accuracy=0.1))
        assert not watched.watch.is_stuck


def test_a_stuck_training_begins_again_with_lower_rates(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    for name in ("_STUCK_STEPS", "_STUCK_TOKENS"):
        monkeypatch.setattr(watch, name, 0)
    settings = replace(MINIATURE, architecture="roberta", optimizer="adamw", peak_lr=0.1)
    settings = replace(settings, max_steps=120, validate_steps=20, log_steps=5)
    done = train.build(run, settings=settings, size="tiny")
    told = capsys.readouterr().out
    assert told.count("Beginning again with a quarter") == done.facts["plan"]["slowed"] > 0
    unigram = unigram_loss(run)
    assert done.facts["validation_loss"] < unigram - 0.05
    steps = [line["step"] for line in read_lines(run / METRICS) if "loss" in line]
    assert steps == list(range(5, 121, 5))
    plan = json.loads((run / "plan.json").read_text())
    assert plan["peak_lr"] == 0.1 / 4 ** plan["slowed"]


def test_a_validation_says_bits_per_byte_where_the_bytes_are_known(
    run: Path, watched: Watched, capsys: Captured
) -> None:
    result = Validation(loss=4 * math.log(2), accuracy=0.25)
    watched.watch.validated(watched.job, 10, result)
    watched.watch.validated(replace(watched.job, token_bytes=2.5), 20, result)
    without, line = list(read_lines(run / METRICS))
    assert set(without) == {"step", "validation_loss", "validation_accuracy"}
    assert line["validation_bits_per_byte"] == pytest.approx(4 / 2.5)
    told = capsys.readouterr().out.splitlines()
    assert [" bits per byte" in line for line in told] == [False, True]
    assert "validation loss 2.773 (1.600 bits per byte of hidden tokens) · 25.0 % of" in told[1]


def test_a_copy_of_the_tokens_knows_the_bytes_of_a_token(run: Path, mini_run: Path) -> None:
    text = [
        text
        for batch in reading.documents(mini_run / "corpus", split="validation")
        for _, text in batch
    ]
    count = len(open_stream(run / "tokens", split="validation"))
    assert not (run / "corpus").exists()
    found = token_bytes(manifest.require(run, "tokens"))
    assert found == sum(len(one.encode()) for one in text) / count


def test_tokens_whose_bytes_nobody_counted_are_no_error(run: Path) -> None:
    made = manifest.require(run, "tokens")
    del made.facts["validation"]["bytes"]
    assert token_bytes(made) is None


def test_the_loss_of_frequencies_is_a_cross_entropy(run: Path) -> None:
    counts = []
    for split in ("train", "validation"):
        stream = open_stream(run / "tokens", split=split)
        special = set(stream.header["special_ids"].values())
        ids = stream.read(0, len(stream)).tolist()
        counts.append(Counter(token for token in ids if token not in special))
    train, validation = counts
    total = sum(train.values()) + stream.header["vocab_size"]
    cost = sum(n * -math.log((train[token] + 1) / total) for token, n in validation.items())
    # By hand every entry counts once more, special ones too.
    assert unigram_loss(run) == pytest.approx(cost / sum(validation.values()), rel=1e-9)
