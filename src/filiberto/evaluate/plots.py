"""Line plots as SVG that follows the colours of the page around it.

series of points -> scales, ticks, paths -> <svg role="img"> with a title and a description

A plot is drawn as wide as a phone is, so that its letters are as large there as anywhere; wider
pages put two beside each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from filiberto.console import readable_number

Points = Sequence[tuple[float, float]]

COLOURS = 6
"""Of series and models; a seventh has the first one's."""

_WIDTH, _HEIGHT, _SQUARE = 350, 220, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 46, 26, 38
_MAX_POINTS = 200
_APART = 12  # between the figures at the ends of two lines
_RADIUS, _LARGEST = 2.6, 9.0


@dataclass(frozen=True)
class Series:
    """A line of a plot.

    Attributes:
        name: in the key.
        points: by growing x.
        dotted: each point is shown by itself.
        faint: a thin line, for what wavers.
        weights: of the points, which are drawn with as much area.
        colour: None for its number in the plot.
    """

    name: str
    points: Points
    dotted: bool = False
    faint: bool = False
    weights: Sequence[float] = ()
    colour: int | None = None


@dataclass(frozen=True, kw_only=True)
class Plot:
    """What is plotted.

    Attributes:
        title: a short name.
        x: what runs to the right, with its unit.
        y: what runs upwards, with its unit; the page shows it beside the title.
        series: the lines; those without points are left out.
        from_zero: the y axis begins at 0.
        diagonal: both axes go from 0 to 1 and a line of y = x is drawn, for what should lie on it.
        above: places on the x axis with what is said of them at the upper edge.
    """

    title: str
    x: str
    y: str
    series: Sequence[Series]
    from_zero: bool = False
    diagonal: bool = False
    above: Sequence[tuple[float, str]] = ()

    @property
    def key(self) -> list[tuple[str, int]]:
        """Names of the lines and the numbers of their colours."""
        return [
            (one.name, (number if one.colour is None else one.colour) % COLOURS)
            for number, one in enumerate(self.series)
            if one.points
        ]


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
    height = _SQUARE if plot.diagonal else _HEIGHT
    points = [point for series in plot.series for point in series.points]
    points += [(0.0, 0.0), (1.0, 1.0)] if plot.diagonal else []
    xs, ys = ([point[axis] for point in points] for axis in (0, 1))
    first = 0.0 if plot.above or plot.diagonal else min(xs)
    x_ticks = ticks(first, max(xs), about=4)
    y_ticks = ticks(0.0 if plot.from_zero else min(ys), max(ys))
    x = _Scale(first, max(max(xs), first + 1e-9), _LEFT, _WIDTH - _RIGHT)
    y = _Scale(y_ticks[0], y_ticks[-1], height - _BOTTOM, _TOP)
    parts = [_grid(x, y, [t for t in x_ticks if first <= t <= max(xs)], y_ticks)]
    if plot.diagonal:
        parts.append(_line("diagonal", [(x(0), y(0)), (x(1), y(1))]))
    else:
        parts += [_above(x(place), told) for place, told in plot.above]
    drawn = [one for one in plot.series if one.points]
    for series, (_, colour) in zip(drawn, plot.key, strict=True):
        parts.append(_drawn(series, colour, x, y))
    if not plot.diagonal:
        parts.append(_ends(drawn, plot.key, x, y))
    parts.append(
        f'<text class="axis" x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{height - 4}" '
        f'text-anchor="middle">{escape(plot.x)}</text>'
    )
    return picture("".join(parts), plot.title, description(plot), width=_WIDTH, height=height)


def picture(parts: str, title: str, said: str, *, width: int, height: int) -> Markup:
    """An `<svg>` element with its text alternative.

    Args:
        parts: of it, safe already.
        title: of the picture.
        said: what it shows, in words.
    """
    title, said = escape(title), escape(said)
    return Markup(  # noqa: S704 (all else in it are numbers)
        f'<svg role="img" viewBox="0 0 {width} {height}" aria-label="{title}: {said}">'
        f"<title>{title}</title><desc>{said}</desc>{parts}</svg>"
    )


def description(plot: Plot) -> str:
    """What a plot shows, in words."""
    told = []
    for series in plot.series:
        if series.points:
            (_, first), (_, last) = series.points[0], series.points[-1]
            told.append(f"{series.name} from {first:.3g} to {last:.3g}")
    return f"{plot.y} by {plot.x}: {'; '.join(told)}."


def ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """A few round numbers that reach from below one bound to above the other.

    Args:
        low: the least value.
        high: the greatest.
        about: so many steps, or up to twice as many.
    """
    if high - low < 1e-12 * max(1.0, abs(high)):
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def _grid(x: _Scale, y: _Scale, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> str:
    made, below = [], y.begin + 15
    for tick in y_ticks:
        made.append(_line("grid", [(_LEFT, y(tick)), (_WIDTH - _RIGHT, y(tick))]))
        made.append(
            f'<text x="{_LEFT - 7}" y="{y(tick) + 3.5}" text-anchor="end">{_label(tick)}</text>'
        )
    made += [
        f'<text x="{x(tick)}" y="{below}" text-anchor="middle">{_label(tick)}</text>'
        for tick in x_ticks
    ]
    return "".join(made)


def _above(place: float, told: str) -> str:
    tick = _line("tick", [(place, _TOP - 8), (place, _TOP - 3)])
    return f'{tick}<text x="{place}" y="{_TOP - 12}" text-anchor="middle">{escape(told)}</text>'


def _drawn(series: Series, colour: int, x: _Scale, y: _Scale) -> str:
    dots = series.points if series.dotted else ()
    heaviest = max(series.weights, default=0.0)
    parts = []
    for number, (a, b) in enumerate(dots):
        radius = _RADIUS
        if heaviest:
            radius = max(1.5, _LARGEST * math.sqrt(series.weights[number] / heaviest))
        parts.append(f'<circle class="s{colour}" cx="{x(a)}" cy="{y(b)}" r="{radius:.1f}"/>')
    if len(series.points) > 1:
        faint = " faint" if series.faint else ""
        line = [(x(a), y(b)) for a, b in _thinned(series.points)]
        parts.insert(0, _line(f"s{colour}{faint}", line))
    return "".join(parts)


def _ends(drawn: Sequence[Series], key: Sequence[tuple[str, int]], x: _Scale, y: _Scale) -> str:
    """The last figure of each line beside its end, the upper ones first, none on another."""
    ends = [
        (y(one.points[-1][1]), one, colour) for one, (_, colour) in zip(drawn, key, strict=True)
    ]
    made, lowest, right = [], -math.inf, x.end + 6
    for place, one, colour in sorted(ends, key=lambda end: end[0]):
        lowest = max(place + 3.5, lowest + _APART)
        told = _figure(one.points[-1][1])
        made.append(f'<text class="t{colour}" x="{right}" y="{lowest:.1f}">{told}</text>')
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
    if value and abs(value) < 0.01:
        power = math.floor(math.log10(abs(value)) + 1e-9)
        return f"{value / 10.0**power:.3g}e{power}"
    return readable_number(value) if abs(value) >= 10_000 else f"{round(value, 6):,.10g}"


def _figure(value: float) -> str:
    if abs(value) >= 100:
        return readable_number(value) if abs(value) >= 10_000 else f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 0.01 else _label(float(f"{value:.1e}"))
