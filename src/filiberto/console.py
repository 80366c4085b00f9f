"""What a person sees while filiberto works: lines, and progress fit for where they are read.

A colour terminal gets a moving bar, a notebook a line that is written over, a pipe or a log file a
plain line every few seconds. Results go to standard output, progress to standard error.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

PLAIN_INTERVAL_SECONDS = 10.0
NOTEBOOK_INTERVAL_SECONDS = 1.0


class Advance(Protocol):
    """Reports work done since the last call, with a few words on how it goes."""

    def __call__(self, amount: float, note: str = "", *, total: float | None = None) -> None:
        """Count `amount` more, of another total if there is one."""
        ...


def printable(text: str) -> str:
    """A text from outside with a `?` for whatever could steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


_silent = False


def be_silent() -> None:
    """Say nothing more in this process: one of those that train together tells the story."""
    global _silent
    _silent = True


def say(line: str = "", *, style: str | None = None) -> None:
    """Print one line of the story to standard output, at once.

    Args:
        line: plain text; nothing in it is taken for markup.
        style: colour and weight as `rich` names them, seen on a colour terminal only.
    """
    if _silent:
        return
    if style is None or not sys.stdout.isatty():
        print(line, flush=True)
        return
    from rich.console import Console

    Console().print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def readable_seconds(seconds: float) -> str:
    """A duration as a person says it: `42 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def readable_number(number: float) -> str:
    """A count in a few figures: `5.3`, `950`, `12.3k`, `4.56M`, `1.20G`."""
    if abs(number) >= 999_950_000:
        return f"{number / 1e9:.2f}G"
    if abs(number) >= 999_950:
        return f"{number / 1e6:.2f}M"
    if abs(number) >= 10_000:
        return f"{number / 1e3:.1f}k"
    return f"{number:.1f}" if 0 < abs(number) < 10 else f"{number:.0f}"


def _readable_rate(rate: float, unit: str) -> str:
    """`7.2k tokens/s`; of what takes long, `1 min 40 s each`."""
    if 0 < rate < 0.5:
        return f"{readable_seconds(1 / rate)} each"
    return f"{readable_number(rate)} {unit}/s"


@contextmanager
def progress(what: str, *, total: float, unit: str, done: float = 0.0) -> Iterator[Advance]:
    """Show how far a piece of work is, its rate and the time left.

    Args:
        what: the work, in a word or two.
        total: all of it, in `unit`.
        unit: what is counted, such as `bytes` or `tokens`.
        done: how much of it was done before, which says nothing about the rate.
    """
    if _silent:
        yield lambda amount, note="", *, total=None: None
        return
    # A notebook feigns a terminal for its `!commands`.
    of_command = sys.stderr.isatty() and "JPY_PARENT_PID" in os.environ
    in_notebook = "ipykernel" in sys.modules or of_command
    if sys.stderr.isatty() and not in_notebook:
        with _bar(what, total=total, unit=unit, done=done) as advance:
            yield advance
        return
    plain = PlainProgress(what, total=total, unit=unit, done=done, in_place=in_notebook)
    try:
        yield plain
    finally:
        plain.end()


class PlainProgress:
    """A line now and then, for a pipe or a log; for a notebook one that is written over."""

    def __init__(
        self,
        what: str,
        *,
        total: float,
        unit: str,
        done: float = 0.0,
        in_place: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._total, self._unit, self._clock = what, total, unit, clock
        self._in_place, self._width = in_place, 0
        self._interval = NOTEBOOK_INTERVAL_SECONDS if in_place else PLAIN_INTERVAL_SECONDS
        self._done = self._before = done
        self._note = ""
        self._start = self._last = clock()

    def __call__(self, amount: float, note: str = "", *, total: float | None = None) -> None:
        """Count `amount` more, and print a line if the last one is old."""
        self._done += amount
        self._total = self._total if total is None else total
        self._note = note or self._note
        now = self._clock()
        if now - self._last < self._interval:
            return
        self._last = now
        self._print(self._line(now))

    def end(self) -> None:
        """Leave the line that is written over, if there is one."""
        if self._width:
            print(file=sys.stderr, flush=True)

    def _line(self, now: float) -> str:
        rate = (self._done - self._before) / (now - self._start)
        left = max(0.0, self._total - self._done) / rate if rate else 0.0
        share = min(100.0, 100 * self._done / self._total) if self._total else 100.0
        parts = [
            f"{self._what}: {share:.0f} %",
            _readable_rate(rate, self._unit),
            *([f"{readable_seconds(left)} left"] if rate else []),
            *([self._note] if self._note else []),
        ]
        return " · ".join(parts)

    def _print(self, line: str) -> None:
        if not self._in_place:
            print(line, file=sys.stderr, flush=True)
            return
        print("\r" + line.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = len(line)


@contextmanager
def _bar(what: str, *, total: float, unit: str, done: float) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as Left
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(_readable_rate(task.speed or 0, unit), style="cyan")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        Rate(),
        Left(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )
    # Results must reach a pipe though the bar is on a terminal.
    to_terminal = sys.stdout.isatty()
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=to_terminal
    ) as bar:
        task = bar.add_task(what, total=total, note="")
        bar.update(task, completed=done)

        def advance(amount: float, note: str = "", *, total: float | None = None) -> None:
            bar.update(task, advance=amount, total=total)
            if note:
                bar.update(task, note=note)

        yield advance
