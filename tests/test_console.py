import sys

import pytest

from filiberto import console
from filiberto.console import (
    NOTEBOOK_INTERVAL_SECONDS,
    PLAIN_INTERVAL_SECONDS,
    PlainProgress,
)

Captured = pytest.CaptureFixture[str]


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nothing_is_said_before_the_interval(clock: Clock, capsys: Captured) -> None:
    advance = PlainProgress("tokens", total=100, unit="bytes", clock=clock)
    for _ in range(5):
        advance(10)
    clock.now += PLAIN_INTERVAL_SECONDS - 0.01
    advance(10)
    assert capsys.readouterr() == ("", "")


def test_a_line_has_share_rate_time_left_and_note(clock: Clock, capsys: Captured) -> None:
    advance = PlainProgress("train", total=40_000, unit="tokens", clock=clock)
    advance(5_000)
    clock.now += 10
    advance(5_000, "loss 2.50")
    # 10,000 of 40,000 in 10 s: 1,000 a second, and 30 s for the other 30,000.
    assert capsys.readouterr() == ("", "train: 25 % · 1000 tokens/s · 30 s left · loss 2.50\n")


def test_a_line_without_a_note_ends_with_the_time(clock: Clock, capsys: Captured) -> None:
    advance = PlainProgress("corpus", total=200, unit="bytes", clock=clock)
    clock.now += 20
    advance(100)
    assert capsys.readouterr().err == "corpus: 50 % · 5.0 bytes/s · 20 s left\n"


def test_of_what_takes_long_the_time_of_each_is_told(clock: Clock, capsys: Captured) -> None:
    advance = PlainProgress("tune", total=3, unit="trainings", clock=clock)
    clock.now += 100
    advance(1)
    assert capsys.readouterr().err == "tune: 33 % · 1 min 40 s each · 3 min 20 s left\n"


def test_a_total_that_changes_changes_share_and_time(clock: Clock, capsys: Captured) -> None:
    advance = PlainProgress("train", total=40_000, unit="tokens", clock=clock)
    clock.now += 10
    advance(10_000, total=20_000)
    assert capsys.readouterr().err == "train: 50 % · 1000 tokens/s · 10 s left\n"


def test_a_note_stays_until_there_is_another(clock: Clock, capsys: Captured) -> None:
    advance = PlainProgress("train", total=100, unit="tokens", clock=clock)
    advance(1, "one")
    clock.now += 10
    advance(1)
    clock.now += 10
    advance(1, "two")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("left · one")
    assert second.endswith("left · two")


def test_the_interval_counts_from_the_last_line(clock: Clock, capsys: Captured) -> None:
    advance = PlainProgress("train", total=100, unit="tokens", clock=clock)
    for _ in range(10):
        clock.now += 4
        advance(1)
    # At 12, 24 and 36 of 40 seconds: the first tick at least ten seconds after the last line.
    shares = [line.split(" · ")[0] for line in capsys.readouterr().err.splitlines()]
    assert shares == ["train: 3 %", "train: 6 %", "train: 9 %"]


def test_work_done_before_counts_to_the_share_and_not_to_the_rate(
    clock: Clock, capsys: Captured
) -> None:
    advance = PlainProgress("train", total=1_000, unit="tokens", done=800, clock=clock)
    clock.now += 10
    advance(100)
    # 100 in 10 s: 10 a second; 900 of 1,000 are done, so 10 s are left.
    assert capsys.readouterr().err == "train: 90 % · 10 tokens/s · 10 s left\n"


def test_where_nothing_has_moved_no_end_is_promised(clock: Clock, capsys: Captured) -> None:
    advance = PlainProgress("train", total=1_000, unit="tokens", clock=clock)
    clock.now += 10
    advance(0)
    line = capsys.readouterr().err
    assert line.startswith("train: 0 %")
    assert "0 s left" not in line


def test_nothing_to_do_is_all_done(clock: Clock, capsys: Captured) -> None:
    advance = PlainProgress("tokens", total=0, unit="bytes", clock=clock)
    clock.now += 10
    advance(0)
    assert capsys.readouterr().err.startswith("tokens: 100 %")


def test_more_than_was_expected_is_all(clock: Clock, capsys: Captured) -> None:
    advance = PlainProgress("tokens", total=10, unit="bytes", clock=clock)
    clock.now += 10
    advance(20)
    line = capsys.readouterr().err
    assert line.startswith("tokens: 100 %")
    assert "· 0 s left" in line


def test_a_pipe_gets_plain_progress(capsys: Captured) -> None:
    with console.progress("tokens", total=10, unit="bytes", done=5) as advance:
        assert isinstance(advance, PlainProgress)
    assert capsys.readouterr() == ("", "")


def test_a_line_in_place_covers_the_one_before(clock: Clock, capsys: Captured) -> None:
    advance = PlainProgress("train", total=40, unit="tokens", in_place=True, clock=clock)
    for note in ("a long note", "short"):
        clock.now += NOTEBOOK_INTERVAL_SECONDS
        advance(10, note)
    advance.end()
    first = "train: 25 % · 10 tokens/s · 3 s left · a long note"
    second = "train: 50 % · 10 tokens/s · 2 s left · short"
    assert capsys.readouterr() == ("", f"\r{first}\r{second:<{len(first)}}\n")


def test_a_notebook_gets_a_line_in_place(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    monkeypatch.setattr(console, "NOTEBOOK_INTERVAL_SECONDS", 0.0)
    with console.progress("tokens", total=10, unit="bytes") as advance:
        advance(5)
    shown = capsys.readouterr().err
    assert shown.startswith("\rtokens: 50 %")
    assert shown.endswith("\n")


def outside_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


def test_a_command_in_a_notebook_gets_it_too_though_a_terminal_is_feigned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    with console.progress("tokens", total=10, unit="bytes") as advance:
        assert isinstance(advance, PlainProgress)


def test_a_terminal_gets_a_bar_on_standard_error(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside_notebooks(monkeypatch)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with console.progress("tokens", total=10, unit="bytes") as advance:
        assert not isinstance(advance, PlainProgress)
        advance(5, "[bold]half[/bold]")
    assert capsys.readouterr().out == ""


def test_under_a_bar_results_still_go_to_the_pipe(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside_notebooks(monkeypatch)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with console.progress("train", total=10, unit="tokens"):
        console.say("step 1")
    assert capsys.readouterr().out == "step 1\n"


@pytest.mark.parametrize("style", [None, "bold cyan"])
def test_a_line_is_said_as_it_is(capsys: Captured, style: str | None) -> None:
    console.say("[1/5] corpus [red]<mask>[/red]", style=style)
    assert capsys.readouterr() == ("[1/5] corpus [red]<mask>[/red]\n", "")


def test_nothing_in_a_styled_line_is_markup(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    console.say("[1/5] corpus [red]<mask>[/red]", style="bold cyan")
    assert "[1/5] corpus [red]<mask>[/red]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (0.4, "0 s"),
        (42, "42 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_seconds_are_readable(seconds: float, text: str) -> None:
    assert console.readable_seconds(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.04, "0.0"),
        (5.34, "5.3"),
        (10, "10"),
        (950, "950"),
        (9_999, "9999"),
        (10_000, "10.0k"),
        (12_345, "12.3k"),
        (999_900, "999.9k"),
        (1_000_000, "1.00M"),
        (4_560_000, "4.56M"),
        (1_200_000_000, "1.20G"),
        (-12_345, "-12.3k"),
    ],
)
def test_numbers_are_readable(number: float, text: str) -> None:
    assert console.readable_number(number) == text
