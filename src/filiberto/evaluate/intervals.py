"""Intervals as small pictures that stand in a line of a table: a dot, and whiskers around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from filiberto.evaluate.plots import COLOURS, picture

_WIDTH, _LINE, _EDGE = 150, 12, 5


@dataclass(frozen=True)
class Interval:
    """A value between two others; `colour` is the number of the model's."""

    name: str
    low: float
    value: float
    high: float
    colour: int = 0


@dataclass(frozen=True)
class Axis:
    """What the pictures of one table share: both ends, and a value that is worth a line."""

    low: float
    high: float
    guide: float | None = None

    @classmethod
    def around(cls, intervals: Sequence[Interval], *, guide: float | None = None) -> Axis:
        """As wide as all of them need."""
        ends = [end for one in intervals for end in (one.low, one.high)]
        ends += [] if guide is None else [guide]
        low, high = min(ends, default=0.0), max(ends, default=1.0)
        return cls(low, high if high > low else low + 1e-9, guide)

    def place(self, value: float) -> float:
        """Where a value stands, in units of the picture."""
        share = (value - self.low) / (self.high - self.low)
        return round(_EDGE + share * (_WIDTH - 2 * _EDGE), 1)


def draw(intervals: Sequence[Interval], axis: Axis, *, title: str) -> Markup:
    """Some intervals below each other.

    Args:
        intervals: from top to bottom.
        axis: of the table.
        title: what they are of.
    """
    height = _LINE * len(intervals) + 4
    parts = []
    if axis.guide is not None:
        at = axis.place(axis.guide)
        parts.append(f'<polyline class="diagonal" points="{at},0 {at},{height}"/>')
    for number, one in enumerate(intervals):
        y, colour = _LINE * (number + 0.5) + 2, one.colour % COLOURS
        low, value, high = (axis.place(at) for at in (one.low, one.value, one.high))
        parts.append(f'<polyline class="s{colour}" points="{low},{y} {high},{y}"/>')
        parts.append(f'<circle class="s{colour}" cx="{value}" cy="{y}" r="3.2"/>')
    said = "; ".join(
        f"{one.name} {100 * one.value:.1f} %, from {100 * one.low:.1f} to {100 * one.high:.1f}"
        for one in intervals
    )
    return picture("".join(parts), title, said, width=_WIDTH, height=height)
