"""Plots of curves, and small pictures of intervals."""

import pytest

from filiberto.evaluate import intervals
from filiberto.evaluate.curves import curves, time_ticks
from filiberto.evaluate.history import History
from filiberto.evaluate.intervals import Axis, Interval
from filiberto.evaluate.plots import Plot, Series, draw, ticks
from tests.evaluate.rich_report import HOSTILE, clock, course, plan


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (3.1, 9.7), (1e-5, 3e-4), (-2, 2), (5, 5), (0, 0), (12_345, 99_999)]
)
def test_ticks_are_few_and_hold_the_values(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 10
    assert found[0] <= low
    assert found[-1] >= high
    assert found == sorted(set(found))


def test_a_long_curve_is_drawn_with_few_points() -> None:
    many = Series("loss", [(float(n), 9 / (n + 1)) for n in range(10_000)])
    drawn = draw(Plot(title="a < b", x="steps", y="nats", series=[many]))
    assert len(drawn) < 12_000
    assert "a &lt; b" in drawn
    assert "loss from 9 to 0.0009" in drawn


def test_names_in_a_plot_are_shown_as_they_are() -> None:
    line = Series(HOSTILE, [(0.0, 1.0), (1.0, 2.0)])
    drawn = draw(Plot(title=HOSTILE, x=HOSTILE, y=HOSTILE, series=[line], above=[(0.5, HOSTILE)]))
    assert "<script" not in drawn
    assert "<img" not in drawn


def test_a_plot_of_one_value_has_no_division_by_nothing() -> None:
    flat = Series("rate", [(0.0, 0.0), (0.0, 0.0)])
    assert "NaN" not in draw(Plot(title="a", x="b", y="c", series=[flat], from_zero=True))


def test_a_heavy_point_is_as_large_as_its_weight() -> None:
    line = Series("m", [(0.1, 0.1), (0.9, 0.9)], dotted=True, weights=[400, 100])
    drawn = draw(Plot(title="a", x="b", y="c", series=[line], diagonal=True))
    assert 'r="9.0"' in drawn
    assert 'r="4.5"' in drawn  # a quarter of the area


def test_the_curves_of_a_training_are_four() -> None:
    found = curves(History(plan=plan(), curves=course(), clock=clock()))
    assert [plot.title for plot in found] == ["Loss", "Bits per byte", "Learning rate", "Speed"]
    assert found[0].key == [("training", 0), ("validation", 1)]
    assert found[0].series[0].points[-1][0] == pytest.approx(1_860 * 4_096 / 1e6)
    assert curves(History(curves=course())) == []
    short = History(plan=plan(), curves=course()[:2])
    assert [plot.title for plot in curves(short)] == ["Loss", "Learning rate"]


def test_the_time_stands_where_its_tokens_were_read() -> None:
    # A million tokens a minute, then half as many.
    lines = [(1.0, 60.0), (10.0, 600.0), (15.0, 1_200.0)]
    assert time_ticks(lines) == [(10.0, "10 min"), (15.0, "20 min")]
    assert time_ticks([(2.0, 30.0)]) == [
        (pytest.approx(2 / 3), "10 s"),
        (pytest.approx(4 / 3), "20 s"),
        (2.0, "30 s"),
    ]
    assert time_ticks([]) == []
    assert len(time_ticks([(1.0, 86_400.0 * 5)])) <= 3


def test_an_interval_is_told_in_words_and_stays_in_its_picture() -> None:
    some = [Interval("m", 0.2, 0.5, 0.8), Interval("n", 0.1, 0.2, 0.3, 1)]
    axis = Axis.around(some, guide=0.5)
    assert (axis.low, axis.high) == (0.1, 0.8)
    drawn = intervals.draw(some, axis, title=HOSTILE)
    assert "m 50.0 %, from 20.0 to 80.0; n 20.0 %, from 10.0 to 30.0" in drawn
    assert "<script" not in drawn
    alone = Interval("m", 0.5, 0.5, 0.5)
    assert "nan" not in intervals.draw([alone], Axis.around([alone]), title="a").casefold()
