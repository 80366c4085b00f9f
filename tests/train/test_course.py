"""The learning rate's way to zero, and that it gets there on time."""

import dataclasses
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filiberto.errors import TryAgainError
from filiberto.train import checkpoint, loop
from filiberto.train.checkpoint import State
from filiberto.train.course import Course, Pace
from filiberto.train.job import Job
from filiberto.train.plan import MOST_VALIDATIONS, revised
from filiberto.train.prepare import taken_up
from filiberto.train.records import read_lines
from filiberto.train.step import Pending
from tests.conftest import MINIATURE
from tests.train.conftest import job_of


def shares(course: Course) -> list[float]:
    return [course.share(step) for step in range(course.max_steps + 1)]


def planned(*, warmup_steps: int, max_steps: int, decay_share: float = 1.0) -> Course:
    return Course.planned(warmup_steps=warmup_steps, max_steps=max_steps, decay_share=decay_share)


def test_the_rate_climbs_and_falls_in_straight_lines() -> None:
    course = planned(warmup_steps=2, max_steps=6)
    assert shares(course) == pytest.approx([0.5, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0])


def test_the_docstrings_example_holds() -> None:
    course = planned(warmup_steps=2, max_steps=6, decay_share=0.5)
    assert shares(course)[:6] == pytest.approx([0.5, 1.0, 1.0, 1.0, 2 / 3, 1 / 3])


def test_by_default_it_is_level_until_the_last_two_fifths(run: Path) -> None:
    course = job_of(run, dataclasses.replace(MINIATURE, max_steps=100)).course
    assert course.share(59) == course.share(60) == course.share(5) == 1.0
    assert course.share(80) == pytest.approx(0.5)


def test_drawn_anew_it_goes_on_from_where_it_stands() -> None:
    course = planned(warmup_steps=1, max_steps=4).drawn_to(6, at=2)
    assert shares(course)[2:] == pytest.approx([0.5, 0.375, 0.25, 0.125, 0.0])
    assert course.drawn_to(4, at=3).share(3) == pytest.approx(0.375)


def test_while_it_is_level_the_fall_moves_with_the_end() -> None:
    course = planned(warmup_steps=10, max_steps=100, decay_share=0.2)
    for end in (200, 50, 100):
        moved = course.drawn_to(end, at=20)
        assert moved == planned(warmup_steps=10, max_steps=end, decay_share=0.2)
        course = moved


def test_where_the_fall_would_have_begun_already_it_begins_now() -> None:
    course = planned(warmup_steps=10, max_steps=100, decay_share=0.2).drawn_to(60, at=50)
    assert shares(course)[49:61] == pytest.approx([1.0, *(n / 10 for n in range(10, -1, -1))])


def test_once_it_falls_it_does_not_become_level_again() -> None:
    course = planned(warmup_steps=10, max_steps=100, decay_share=0.2).drawn_to(110, at=90)
    assert shares(course)[90:] == pytest.approx([n / 40 for n in range(20, -1, -1)])
    assert course.drawn_to(400, at=100).share(250) == pytest.approx(0.125)


def test_an_end_within_the_warm_up_ends_that_too() -> None:
    course = planned(warmup_steps=10, max_steps=100, decay_share=0.2)
    assert course.drawn_to(50, at=4) == planned(warmup_steps=10, max_steps=50, decay_share=0.2)
    short = course.drawn_to(6, at=4)
    assert shares(short) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.25, 0.0])


def test_what_has_ended_climbs_to_where_a_longer_plan_would_stand() -> None:
    course = planned(warmup_steps=2, max_steps=10).extended_to(20, at=10, warmup_steps=2)
    assert shares(course)[9:] == pytest.approx(
        [1 / 9, 0, 0.2, *(0.05 * n for n in range(8, -1, -1))]
    )


def test_with_a_level_stretch_it_climbs_back_to_the_peak() -> None:
    course = planned(warmup_steps=2, max_steps=10, decay_share=0.2)
    longer = course.extended_to(30, at=10, warmup_steps=2)
    assert [longer.share(step) for step in (10, 11, 12, 24, 27)] == [0, 0.5, 1, 1, 0.5]
    assert longer.drawn_to(40, at=11).share(32) == 1.0


def test_what_stands_higher_already_goes_straight_down() -> None:
    course = planned(warmup_steps=1, max_steps=100)
    assert course.extended_to(60, at=50, warmup_steps=2) == course.drawn_to(60, at=50)
    longer = course.extended_to(200, at=50, warmup_steps=10)
    assert shares(longer)[50:61:10] == pytest.approx([0.5, 0.7])
    assert longer.drawn_to(300, at=55).share(60) == longer.share(60)


@given(
    warmup=st.integers(1, 30),
    ends=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    decay=st.floats(0.05, 1.0),
)
def test_whatever_is_drawn_it_ends_at_zero_and_never_climbs_after_the_warm_up(
    warmup: int, ends: list[int], decay: float
) -> None:
    course = planned(warmup_steps=warmup, max_steps=max(warmup, 40), decay_share=decay)
    at, seen = 0, []
    for further in ends:
        course = course.drawn_to(at + further, at=at)
        assert [step for step, _ in course.knots] == sorted({step for step, _ in course.knots})
        seen += [course.share(step) for step in range(at, at + (further + 1) // 2)]
        at += (further + 1) // 2
    seen += [course.share(step) for step in range(at, course.max_steps + 1)]
    assert seen[-1] == 0 or at > course.max_steps
    assert all(0 <= share <= 1 for share in seen)
    top = seen.index(max(seen))
    assert seen[top:] == sorted(seen[top:], reverse=True)


def test_the_pace_is_that_of_the_last_steps() -> None:
    pace = Pace(seconds=1_000.0, planned_steps=1_000)
    assert pace.end(0, 0.0, share=1.0) is None
    assert pace.end(10, 10.0, share=1.0) == 1_000
    for step in range(20, 220, 10):
        pace.end(step, 10 + 4.0 * (step - 10), share=0.9)
    assert pace.end(220, 850.0, share=0.8) == 220 + round(150 / 4)


def test_however_late_the_rate_gets_a_way_to_zero() -> None:
    pace = Pace(seconds=100.0, planned_steps=1_000)
    pace.end(0, 0.0, share=1.0)
    assert pace.end(50, 200.0, share=1.0) == 60
    assert pace.end(55, 220.0, share=0.5) == 60
    assert pace.end(60, 240.0, share=0.0) == 61


class Machine:
    """A clock that steps move: each takes as long as `cost` says of the time."""

    def __init__(self, cost: Callable[[float], float]) -> None:
        self.now, self.cost, self.rates = 1_000.0, cost, []
        self.validated: list[int] = []

    def __call__(self) -> float:
        return self.now


def timed(
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    machine: Machine,
    *,
    most_steps: int | None = None,
    **revision: Any,
) -> State:
    """A training that was planned for 200 steps of a second each, or the rest of it."""
    job = job_of(run, dataclasses.replace(MINIATURE, max_steps=200, log_steps=2))
    plan = dataclasses.replace(job.plan, time_seconds=200.0, validate_steps=10)
    if most_steps is not None:
        plan = dataclasses.replace(plan, most_steps=most_steps)
    if revision:
        plan = revised(plan, job.settings, **revision)
    job, state = taken_up(dataclasses.replace(job, plan=plan), run, fingerprint="mine", exact=False)
    take = loop.train_step

    def slow(job: Job, step: int, *rest: Any, **more: Any) -> Pending:
        machine.now += machine.cost(machine.now - 1_000.0)
        machine.rates.append(job.course.share(step))
        return take(job, step, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", slow)
        return loop.train_loop(
            job,
            run,
            state=state,
            checkpoint_seconds=1e9,
            on_validation=lambda _: machine.validated.append(len(machine.rates)) or "",
            clock=machine,
        )


def timed_until(
    seconds: float, run: Path, monkeypatch: pytest.MonkeyPatch, machine: Machine
) -> None:
    """The same, with a signal after so many seconds."""
    asked = nullcontext(lambda: machine.now >= 1_000.0 + seconds)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "stop_requested", lambda: asked)
        timed(run, monkeypatch, machine)


@pytest.mark.parametrize(
    "cost",
    [
        lambda gone: 1.0,
        lambda gone: 0.5,
        lambda gone: 4.0,
        lambda gone: 1.0 if gone < 100 else 3.0,
        lambda gone: 3.0 if gone < 100 else 1.0,
        lambda gone: 2.0 if gone % 40 < 20 else 0.5,
    ],
    ids=["as planned", "faster", "slower", "slower later", "faster later", "by turns"],
)
def test_it_ends_on_time_at_rate_zero_whatever_the_machine_does(
    run: Path, monkeypatch: pytest.MonkeyPatch, cost: Callable[[float], float]
) -> None:
    machine = Machine(cost)
    state = timed(run, monkeypatch, machine)
    assert state.seconds == pytest.approx(200.0, rel=0.05)
    assert state.step == state.course.max_steps == len(machine.rates)  # type: ignore[union-attr]
    # One step of the fall, and what it may be where the pace has to be learned anew.
    one = 3 / (0.2 * len(machine.rates))
    assert 0 < machine.rates[-1] < one
    steps = [abs(b - a) for a, b in zip(machine.rates[20:], machine.rates[21:], strict=False)]
    assert max(steps) < one  # no leap
    lines = [line for line in read_lines(run / "metrics.jsonl") if "learning_rate" in line]
    assert lines[-1]["learning_rate"] < 2 * one * MINIATURE.peak_lr  # type: ignore[operator]
    # As many validations as the plan wanted, or nearly: not one every ten steps however many come.
    assert len(machine.validated) <= MOST_VALIDATIONS + 1
    assert machine.validated[-1] == state.step


def test_it_ends_early_where_the_text_bears_no_more(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(lambda gone: 0.5)
    state = timed(run, monkeypatch, machine, most_steps=150)
    assert state.step == 150
    assert machine.rates[-1] < 0.05


def test_what_was_lost_before_a_restart_counts(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def until_80(gone: float) -> float:
        if gone >= 80:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        timed(run, monkeypatch, Machine(until_80))
    # The only checkpoint is the first: 80 steps are lost, and their time is gone.
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-00000000"]
    machine = Machine(lambda gone: 1.0)
    timed(run, monkeypatch, machine)
    assert machine.now - 1_000.0 == pytest.approx(120.0, abs=8)


def test_a_training_without_a_checkpoint_begins_with_all_its_time(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed(run, monkeypatch, Machine(lambda gone: 1.0))
    shutil.rmtree(run / "checkpoints")
    machine = Machine(lambda gone: 1.0)
    timed(run, monkeypatch, machine)
    assert machine.now - 1_000.0 == pytest.approx(200.0, rel=0.05)


def test_a_stopped_training_keeps_its_course(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(lambda gone: 2.0)
    with pytest.raises(TryAgainError, match=r"stopped after step 51 of 100;"):
        timed_until(100.0, run, monkeypatch, machine)
    course = checkpoint.read_state(run / "checkpoints" / "step-00000051").course
    assert course is not None
    assert course.max_steps == pytest.approx(100, abs=2)
    done = timed(run, monkeypatch, machine)
    assert done.seconds == pytest.approx(200.0, rel=0.05)


def test_more_time_goes_on_from_the_end_and_up_and_down_again(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed(run, monkeypatch, Machine(lambda gone: 1.0))
    machine = Machine(lambda gone: 2.0)
    state = timed(run, monkeypatch, machine, seconds=100.0, at_step=200, spent_seconds=200.0)
    assert state.seconds == pytest.approx(300.0, rel=0.02)
    assert state.step == 200 + len(machine.rates)
    # 100 steps were planned, 6 of them to climb to where 300 steps would have it; 50 are taken.
    assert machine.rates.index(max(machine.rates)) == 6
    assert max(machine.rates) == pytest.approx((300 - 206) / (0.4 * 300))
    assert machine.rates[-1] < 0.03
    steps = [line["step"] for line in read_lines(run / "metrics.jsonl") if "loss" in line]
    assert steps == sorted(set(steps))
    assert steps[-1] == state.step - state.step % 2


def test_less_time_goes_down_from_where_the_rate_stands(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TryAgainError, match=r"stopped after step 51 of 200;"):
        timed_until(50.0, run, monkeypatch, Machine(lambda gone: 1.0))
    machine = Machine(lambda gone: 1.0)
    state = timed(run, monkeypatch, machine, seconds=40.0, at_step=51, spent_seconds=51.0)
    assert state.seconds == pytest.approx(91.0, abs=2)
    assert machine.rates == sorted(machine.rates, reverse=True)
    # 40 of 91 steps are left, and the last two fifths of them all falls.
    assert machine.rates.count(1.0) == pytest.approx(5, abs=1)
    assert machine.rates[-1] < 0.06
