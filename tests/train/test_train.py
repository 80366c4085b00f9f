import dataclasses
import errno
import json
import math
import shutil
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from filiberto import train
from filiberto.config import TrainConfig
from filiberto.errors import (
    BadDataError,
    DivergedError,
    InexactError,
    OtherRunError,
    StateError,
    TryAgainError,
    UnfinishedStageError,
)
from filiberto.tokens.stream import open_stream
from filiberto.train import checkpoint, loop, prepare, speed
from filiberto.train.course import Pace
from filiberto.train.job import Job
from filiberto.train.records import Records, read_lines
from filiberto.train.step import Pending, batches_of, train_step
from tests.conftest import MINIATURE
from tests.train.conftest import SHORT, job_of, step_of


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let the process die just before it takes a step, as a kill would."""
    take = loop.train_step

    def dying(job: Job, number: int, *rest: Any, **more: Any) -> Pending:
        if number == step and "stopping" in more:  # not where the speed is measured
            raise KeyboardInterrupt
        return take(job, number, *rest, **more)

    monkeypatch.setattr(loop, "train_step", dying)


def stopped_at(
    step: int, run: Path, monkeypatch: pytest.MonkeyPatch, settings: TrainConfig, **more: Any
) -> None:
    """Train, and die just before a step."""
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            train.build(run, settings=settings, size="tiny", **more)


@pytest.mark.parametrize(
    "how", [{}, {"dropout": 0.1}, {"architecture": "modernbert"}, {"precision": "bf16"}], ids=str
)
def test_a_killed_run_goes_on_to_the_same_bits(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]
) -> None:
    settings = dataclasses.replace(SHORT, **{"precision": "fp32", **how})
    whole = shutil.copytree(run, tmp_path / "whole")
    train.build(whole, settings=settings, size="tiny")
    for step in (3, 7):
        stopped_at(step, run, monkeypatch, settings)
    train.build(run, settings=settings, size="tiny")
    assert same(weights(run), weights(whole))
    assert (run / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    steps = [line["step"] for line in read_lines(run / "timings.jsonl")]
    assert steps == sorted(set(steps))


def test_the_scale_that_fp16_has_found_is_kept(run: Path) -> None:
    settings = dataclasses.replace(SHORT, precision="fp16")
    job = job_of(run, settings)
    job.scaler.load_state_dict(job.scaler.state_dict() | {"scale": 512.0, "_growth_tracker": 7})
    saver = loop._Saver(job, run / "checkpoints", seconds=600, begins_at=0)
    with closing(Records(run, metrics_bytes=0, step=0, trackers=())) as records:
        saver.save(checkpoint.State(step=3, fingerprint="mine"), records)
    after, _ = prepare.taken_up(job_of(run, settings), run, fingerprint="mine", exact=True)
    assert after.scaler.state_dict() == job.scaler.state_dict()
    assert job_of(run, SHORT).scaler.state_dict() == {}


def test_a_signal_saves_and_the_next_run_goes_on(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import signal

    settings = dataclasses.replace(SHORT, checkpoint_steps=1_000)
    whole = shutil.copytree(run, tmp_path / "whole")
    train.build(whole, settings=settings, size="tiny")
    take = loop.train_step

    def signalled(job: Job, number: int, *rest: Any, **more: Any) -> Pending:
        if number == 5 and "stopping" in more:
            os.kill(os.getpid(), signal.SIGTERM)
        return take(job, number, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", signalled)
        with pytest.raises(TryAgainError, match="stopped after step 7 of 12"):
            train.build(run, settings=settings, size="tiny")
    assert (run / "checkpoints" / "step-00000007").is_dir()
    train.build(run, settings=settings, size="tiny")
    assert same(weights(run), weights(whole))


def test_records_that_were_cut_are_missed(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_at(9, run, monkeypatch, SHORT)
    (run / "metrics.jsonl").write_bytes((run / "metrics.jsonl").read_bytes()[:50])
    train.build(run, settings=SHORT, size="tiny")
    assert "metrics.jsonl is shorter than when the checkpoint was saved" in capsys.readouterr().out


def failing_saves(monkeypatch: pytest.MonkeyPatch, steps: set[int]) -> None:
    """Let the disk be full at the checkpoints of some steps."""
    save = checkpoint.store.save

    def full(folder: Path, *, step: int, **more: Any) -> Path:
        if step in steps:
            raise OSError(errno.ENOSPC, "No space left on device")
        return save(folder, step=step, **more)

    monkeypatch.setattr(checkpoint.store, "save", full)


def test_two_saves_that_fail_do_not_end_a_training_and_a_third_does(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = dataclasses.replace(SHORT, checkpoint_steps=2)
    with monkeypatch.context() as patch:
        failing_saves(patch, {4, 6, 8})
        with pytest.raises(StateError, match=r"checkpoint 8 could not be saved .* No space left"):
            train.build(run, settings=settings, size="tiny")
    told = capsys.readouterr().out
    assert "saved step 2\n" in told
    assert told.count("No space left on device; training goes on") == 2
    kept = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert kept == ["step-00000000", "step-00000002"]
    with monkeypatch.context() as patch:
        failing_saves(patch, {4, 8})
        train.build(run, settings=settings, size="tiny")
    assert sorted(path.name for path in (run / "checkpoints").iterdir())[-1] == "step-00000012"


@pytest.mark.parametrize("step", [0, 12])
def test_the_first_save_and_the_last_must_not_fail(
    run: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    failing_saves(monkeypatch, {step})
    with pytest.raises(StateError, match=f"checkpoint {step} could not be saved"):
        train.build(run, settings=dataclasses.replace(SHORT, checkpoint_steps=5), size="tiny")
    assert not (run / "model" / "manifest.json").exists()


def test_a_training_stopped_before_its_export_takes_no_step_more(run: Path) -> None:
    train.build(run, settings=SHORT, size="tiny")
    before, metrics = weights(run), (run / "metrics.jsonl").read_bytes()
    shutil.rmtree(run / "model")
    done = train.build(run, settings=SHORT, size="tiny")
    assert done.facts["plan"]["max_steps"] == SHORT.max_steps
    assert sorted(path.name for path in (run / "checkpoints").iterdir())[-1] == "step-00000012"
    assert same(weights(run), before)
    assert (run / "metrics.jsonl").read_bytes() == metrics


def test_micro_batches_change_nothing_but_rounding(run: Path) -> None:
    results = []
    for micro in (512, 128, 32):
        settings = dataclasses.replace(SHORT, micro_batch_tokens=micro, precision="fp32")
        job = job_of(run, settings)
        results.append([step_of(job, step).loss for step in range(5)])
    # 5 AdamW steps in fp32 whose sums run in another order.
    assert results[1] == pytest.approx(results[0], rel=1e-4)
    assert results[2] == pytest.approx(results[0], rel=1e-4)


def test_learning_goes_below_the_unigram_entropy_and_shuffled_labels_do_not(run: Path) -> None:
    stream = open_stream(run / "tokens", split="train")
    counts = Counter(stream.read(0, len(stream)).tolist())
    for token in (0, 2):
        del counts[token]
    total = sum(counts.values())
    entropy = -sum(c / total * math.log(c / total) for c in counts.values())
    settings = dataclasses.replace(MINIATURE, max_steps=150)
    job = job_of(run, settings)
    for step in range(150):
        step_of(job, step)
    assert loop.validate(job).loss < 0.7 * entropy

    shuffled = job_of(run, settings)
    draw = np.random.default_rng(0)
    for step in range(150):
        batches = [
            dataclasses.replace(batch, labels=batch.labels.flatten()[order].view_as(batch.labels))
            for batch in batches_of(shuffled, step)
            for order in [draw.permutation(batch.labels.numel())]
        ]
        train_step(shuffled, step, batches)
    assert loop.validate(shuffled).loss > 0.95 * entropy


def test_validation_is_the_same_whatever_was_trained(run: Path) -> None:
    first = job_of(run, MINIATURE)
    second = job_of(run, dataclasses.replace(MINIATURE, mask_rate=0.4, micro_batch_tokens=64))
    # The same rows in other batches: fp32 sums in another order.
    assert loop.validate(first).loss == pytest.approx(loop.validate(second).loss, rel=1e-5)


def test_a_gradient_that_is_no_number_changes_nothing_and_ends_after_three(run: Path) -> None:
    settings = dataclasses.replace(SHORT, embeddings="random")
    job = job_of(run, settings)
    next(iter(job.model.parameters())).data[5] = float("nan")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("filiberto.train.prepare.new_job", lambda *_, **__: job)
        with pytest.raises(DivergedError, match="not finite at steps 0 to 2"):
            train.build(run, settings=settings, size="tiny")
    before = job_of(run, settings)
    next(iter(before.model.parameters())).data[5] = float("nan")
    for one, other in zip(before.model.parameters(), job.model.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def test_metrics_hold_what_the_arithmetic_decides_and_tensorboard_the_same(mini_run: Path) -> None:
    lines = list(read_lines(mini_run / "metrics.jsonl"))
    assert {"step", "loss", "learning_rate", "gradient_norm"} == set(lines[0])
    assert [line["step"] for line in lines if "validation_loss" in line][-1] == 40
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(mini_run / "tensorboard")).Reload()
    losses = [(e.step, e.value) for e in board.Scalars("loss")]
    expected = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    assert losses == [(step, pytest.approx(loss, rel=1e-6)) for step, loss in expected]


def test_a_finished_training_is_not_repeated(mini_run: Path) -> None:
    before = (mini_run / "model" / "manifest.json").stat().st_mtime_ns
    train.build(mini_run, settings=MINIATURE, size="tiny", language="it")
    assert (mini_run / "model" / "manifest.json").stat().st_mtime_ns == before


def test_another_training_is_not_overwritten_unasked(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_at(5, run, monkeypatch, SHORT)
    other = dataclasses.replace(SHORT, mask_rate=0.2)
    with pytest.raises(OtherRunError, match="a training with other settings"):
        train.build(run, settings=other, size="tiny")
    assert (run / "checkpoints" / "step-00000004").is_dir()
    train.build(run, settings=other, size="tiny", force=True)
    assert train.build(run, settings=other, size="tiny").settings["mask_rate"] == 0.2


def test_a_forced_training_that_is_stopped_goes_on_without_force(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train.build(run, settings=dataclasses.replace(SHORT, mask_rate=0.2), size="tiny")
    whole = shutil.copytree(run, tmp_path / "whole")
    train.build(whole, settings=SHORT, size="tiny", force=True)
    stopped_at(7, run, monkeypatch, SHORT, force=True)
    with monkeypatch.context() as patch:
        stop_at(patch, 3)  # never reached: it goes on after step 4
        train.build(run, settings=SHORT, size="tiny")
    assert same(weights(run), weights(whole))


def test_force_throws_nothing_away_before_all_else_is_sound(run: Path) -> None:
    train.build(run, settings=SHORT, size="tiny")
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    too_long = dataclasses.replace(SHORT, row_length=8_192, batch_tokens=8_192)
    with pytest.raises(BadDataError, match="the validation text has"):
        train.build(run, settings=too_long, size="tiny", force=True)
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before


def test_what_changes_no_weight_may_change_between_stop_and_start(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shutil.copytree(run, tmp_path / "whole")
    train.build(whole, settings=SHORT, size="tiny")
    stopped_at(5, run, monkeypatch, SHORT)
    other = dataclasses.replace(
        SHORT, log_steps=2, validate_steps=5, checkpoint_steps=3, validation_tokens=64, device="cpu"
    )
    train.build(run, settings=other, size="tiny")
    assert same(weights(run), weights(whole))
    validated = [
        line["step"] for line in read_lines(run / "metrics.jsonl") if "validation_loss" in line
    ]
    assert validated[-2:] == [10, 12]


def test_another_machine_is_named_and_gets_micro_batches_of_its_own(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_at(5, run, monkeypatch, SHORT)
    path = run / "environment.json"
    path.write_text(path.read_text().replace('"threads": ', '"threads": 9'))
    micro = dataclasses.replace(SHORT, micro_batch_tokens=128)
    with pytest.raises(InexactError, match="another threads, micro-batch"):
        train.build(run, settings=micro, size="tiny", exact=True)
    stopped_at(8, run, monkeypatch, micro)
    assert "going on with another threads, micro-batch" in capsys.readouterr().out
    with pytest.raises(InexactError, match="other surroundings"):
        train.build(run, settings=SHORT, size="tiny", exact=True)
    done = train.build(run, settings=micro, size="tiny")
    assert "going on with another micro-batch: right, but" in capsys.readouterr().out
    assert (done.facts["plan"]["batch_rows"], done.facts["plan"]["micro_rows"]) == (8, 2)
    assert done.facts["exact"] is False


def test_a_run_that_stays_where_it_is_is_exact(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_at(5, run, monkeypatch, SHORT, exact=True)
    done = train.build(run, settings=SHORT, size="tiny", exact=True)
    assert done.facts["exact"] is True
    assert "bit-exact" not in capsys.readouterr().out


def test_the_tokenizer_beside_the_model_knows_how_much_it_reads(run: Path) -> None:
    train.build(run, settings=SHORT, size="tiny")
    config = json.loads((run / "model" / "tokenizer_config.json").read_text())
    assert config["model_max_length"] == SHORT.row_length


def test_text_shorter_than_a_row_is_refused(run: Path) -> None:
    with pytest.raises(BadDataError, match="tokens, one row has 8192"):
        train.build(run, settings=TrainConfig(row_length=8_192, max_steps=1), size="tiny")


def test_tokens_must_be_finished(tmp_path: Path) -> None:
    with pytest.raises(UnfinishedStageError, match="tokens is unfinished"):
        train.build(tmp_path, settings=SHORT, size="tiny")


def test_tokens_of_another_tokenizer_are_refused(run: Path) -> None:
    path = run / "tokenizer" / "tokenizer.json"
    path.write_text(path.read_text().replace('"Ġ', '"ġ', 1))
    with pytest.raises(StateError, match="was made with another tokenizer"):
        train.build(run, settings=SHORT, size="tiny")


def test_the_plan_is_kept_for_the_rerun(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed = dataclasses.replace(SHORT, max_steps=None)
    monkeypatch.setattr(speed, "measure_speed", lambda *_, **__: (100.0, 8))
    monkeypatch.setattr(Pace, "end", lambda *_, **__: None)  # or it would use the time there is
    stopped_at(3, run, monkeypatch, timed, time="1m")
    planned = json.loads((run / "plan.json").read_text())
    # 60 s less 8 % at 100 tokens/s, half of it for validation, 512 tokens a step
    assert planned["max_steps"] == 5
    monkeypatch.setattr(speed, "measure_speed", lambda *_, **__: (900.0, 8))
    done = train.build(run, settings=timed, size="tiny", time="1m", elapsed=30)
    assert done.facts["plan"]["max_steps"] == 5
