"""Line plots as SVG that follows the colours of the page around it.

series of points -> scales, ticks, paths -> <svg role="img"> with a title and a description
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 640, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 12, 12, 44
_MAX_POINTS = 400


@dataclass(frozen=True)
class Series:
    """A line of a plot.

    Attributes:
        name: in the key.
        points: by growing x.
        dotted: each point is shown by itself.
    """

    name: str
    points: Points
    dotted: bool = False


@dataclass(frozen=True, kw_only=True)
class Plot:
    """What is plotted.

    Attributes:
        title: a short name.
        x: what runs to the right, with its unit.
        y: what runs upwards, with its unit.
        series: the lines, at least one with a point.
        from_zero: the y axis begins at 0.
        diagonal: both axes go from 0 to 1 and a line of y = x is drawn, for what should lie on it.
    """

    title: str
    x: str
    y: str
    series: Sequence[Series]
    from_zero: bool = False
    diagonal: bool = False
    description: str = field(default="")


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.begin + share * (self.end - self.begin), 1)


def draw(plot: Plot) -> Markup:
    """The plot as one `<svg>` element, with all text escaped."""
    points = [point for series in plot.series for point in series.points]
    points += [(0.0, 0.0), (1.0, 1.0)] if plot.diagonal else []
    xs, ys = ([point[axis] for point in points] for axis in (0, 1))
    x_ticks = ticks(min(xs), max(xs))
    y_ticks = ticks(0.0 if plot.from_zero else min(ys), max(ys))
    x = _Scale(min(xs), max(max(xs), min(xs) + 1e-9), _LEFT, _WIDTH - _RIGHT)
    y = _Scale(y_ticks[0], y_ticks[-1], _HEIGHT - _BOTTOM, _TOP)
    parts = [_grid(x, y, [t for t in x_ticks if min(xs) <= t <= max(xs)], y_ticks)]
    if plot.diagonal:
        parts.append(_line("diagonal", [(x(0), y(0)), (x(1), y(1))]))
    for number, series in enumerate(plot.series):
        placed = [(x(a), y(b)) for a, b in _thinned(series.points)]
        if series.dotted:
            parts += [f'<circle class="s{number}" cx="{a}" cy="{b}" r="3.5"/>' for a, b in placed]
        if len(placed) > 1:
            parts.append(_line(f"s{number}", placed))
    parts += [
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" '
        f'text-anchor="middle">{escape(plot.x)}</text>',
        f'<text transform="translate(14 {(_TOP + _HEIGHT - _BOTTOM) / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(plot.y)}</text>',
    ]
    title, said = escape(plot.title), escape(plot.description or description(plot))
    return Markup(  # noqa: S704 (all else in it are numbers)
        f'<svg role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-label="{title}: {said}">'
        f"<title>{title}</title><desc>{said}</desc>{''.join(parts)}</svg>"
    )


def description(plot: Plot) -> str:
    """What a plot shows, in words."""
    told = []
    for series in plot.series:
        if series.points:
            (_, first), (_, last) = series.points[0], series.points[-1]
            told.append(f"{series.name} from {first:.3g} to {last:.3g}")
    return f"{plot.y} by {plot.x}: {'; '.join(told)}."


def ticks(low: float, high: float) -> list[float]:
    """Four to nine round numbers that reach from below one bound to above the other."""
    if high - low < 1e-12 * max(1.0, abs(high)):
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def _grid(x: _Scale, y: _Scale, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> str:
    made, below = [], _HEIGHT - _BOTTOM + 18
    for tick in y_ticks:
        made.append(_line("grid", [(_LEFT, y(tick)), (_WIDTH - _RIGHT, y(tick))]))
        made.append(
            f'<text x="{_LEFT - 6}" y="{y(tick) + 4}" text-anchor="end">{_label(tick)}</text>'
        )
    made += [
        f'<text x="{x(tick)}" y="{below}" text-anchor="middle">{_label(tick)}</text>'
        for tick in x_ticks
    ]
    return "".join(made)


def _line(name: str, points: Points) -> str:
    path = " ".join(f"{a},{b}" for a, b in points)
    return f'<polyline class="{name}" points="{path}"/>'


def _thinned(points: Points) -> Points:
    """Few enough points to draw: the mean of neighbours."""
    size = -(-len(points) // _MAX_POINTS)
    if size <= 1:
        return points
    groups = (points[start : start + size] for start in range(0, len(points), size))
    return [
        (sum(a for a, _ in group) / len(group), sum(b for _, b in group) / len(group))
        for group in groups
    ]


def _label(value: float) -> str:
    if value and abs(value) < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{round(value, 6):,.10g}"
