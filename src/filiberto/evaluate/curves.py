"""The curves of a training as plots: over the tokens that were read, with the time above.

metrics.jsonl, timings.jsonl  ->  loss, bits per byte, learning rate, speed
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filiberto.evaluate.history import History
from filiberto.evaluate.plots import Plot, Points, Series

# Seconds, and how they are told.
_TIMES = (
    *((n, f"{n} s") for n in (5, 10, 20, 30)),
    *((60 * n, f"{n} min") for n in (1, 2, 5, 10, 15, 30)),
    *((3_600 * n, f"{n} h") for n in (1, 2, 3, 6, 12)),
    *((86_400 * n, f"{n} d") for n in (1, 2, 5, 10, 20)),
)
_MOST_TIMES = 3


def curves(history: History) -> list[Plot]:
    """Plots of what is known; a curve of a single point is none."""
    plan = history.plan
    if plan is None:
        return []
    step_tokens = plan["batch_rows"] * plan["row_length"]

    def series(name: str, key: str, lines: Sequence[dict[str, Any]], **options: Any) -> Series:
        points = [
            (line["step"] * step_tokens / 1e6, float(line[key]))
            for line in lines
            if line.get(key) is not None
        ]
        return Series(name, points, **options)

    loss = series("training", "loss", history.curves, faint=True)
    validation = series("validation", "validation_loss", history.curves, dotted=True)
    bits = series("validation", "validation_bits_per_byte", history.curves, dotted=True, colour=1)
    rate = series("learning rate", "learning_rate", history.curves)
    speed = series("speed", "tokens_per_second", history.clock)
    times = time_ticks(
        [(line["step"] * step_tokens / 1e6, line["seconds"]) for line in history.clock]
    )
    x = "million tokens read"
    plots = [
        Plot(title="Loss", x=x, y="nats a hidden token", series=[loss, validation], above=times),
        Plot(title="Bits per byte", x=x, y="of hidden tokens", series=[bits], above=times),
        Plot(title="Learning rate", x=x, y="of AdamW", series=[rate], above=times, from_zero=True),
        Plot(title="Speed", x=x, y="tokens a second", series=[speed], above=times, from_zero=True),
    ]
    return [plot for plot in plots if any(len(one.points) > 1 for one in plot.series)]


def time_ticks(clock: Points) -> list[tuple[float, str]]:
    """Where on the axis of tokens a few round times lie.

    Args:
        clock: pairs of tokens read and seconds, both growing.
    """
    if not clock:
        return []
    total = clock[-1][1]
    step = next(((n, told) for n, told in _TIMES if total / n < _MOST_TIMES + 1), None)
    if step is None:
        return []
    seconds, told = step
    number, unit = told.split()
    count = int(total / seconds)
    return [(_when(clock, n * seconds), f"{n * int(number)} {unit}") for n in range(1, count + 1)]


def _when(clock: Points, seconds: float) -> float:
    """Tokens read by then, in a straight line between two records."""
    before = (0.0, 0.0)
    for tokens, at in clock:
        if at >= seconds:
            share = (seconds - before[1]) / (at - before[1])
            return before[0] + share * (tokens - before[0])
        before = (tokens, at)
    return before[0]
