"""What the trainings of `recipes.py` come to: figures, a table, a plot."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

from step import spread

# Okabe and Ito's, told apart by all eyes.
COLOURS = ("#e69f00", "#d55e00", "#0072b2", "#009e73")
MARKERS = "sD^o"
# Between two labels, of the height of a panel.
APART = 0.06


def summed(
    figures: dict[str, tuple[list[dict[str, Any]], list[float]]], *, nats: float, ours: str
) -> dict[str, Any]:
    """Of each recipe its speed, its trainings, its curve, and how soon we are where it ends.

    Args:
        figures: by recipe its trainings (tokens, rate, curves by seed, seconds before the first
            step), and tokens a second, turn after turn.
        nats: a token that are one bit a byte.
        ours: the recipe that the others are compared with.
    """
    before = {recipe: max(one["before"] for one in f) / 60 for recipe, (f, _) in figures.items()}
    rate = {recipe: 60 * statistics.median(speeds) for recipe, (_, speeds) in figures.items()}
    points = {recipe: points_of(found) for recipe, (found, _) in figures.items()}
    result = {}
    for recipe, (found, speeds) in figures.items():
        rows = []
        for one in found:
            ends = {seed: curve[-1]["loss"] for seed, curve in one["curves"].items()}
            minutes = before[recipe] + one["tokens"] / rate[recipe]
            row = {"tokens": one["tokens"], "rate": one["rate"], "minutes": round(minutes, 2)}
            row["loss"] = spread(list(ends.values()))
            row["bits_per_byte"] = spread([loss / nats for loss in ends.values()])
            row["seeds"] = len(ends)
            if recipe != ours:
                both = [seed for seed in ends if seed in points[ours]]
                first = [first_at(points[ours][seed], ends[seed]) for seed in both]
                sooner = [tokens for tokens in first if tokens is not None]
                mine = [before[ours] + tokens / rate[ours] for tokens in sooner]
                row["ours_minutes"] = spread(mine)
                row["times_sooner"] = spread([minutes / each for each in mine])
                row["never"] = len(first) - len(mine)
            rows.append(row)
        curve = [
            (tokens, round(before[recipe] + tokens / rate[recipe], 3), round(loss / nats, 4))
            for tokens, loss in front(points[recipe])
        ]
        measured = {"tokens_per_second": spread(speeds), "turns": len(speeds)}
        result[recipe] = {**measured, "trainings": rows, "curve": curve}
    return result


def points_of(trainings: list[dict[str, Any]]) -> dict[int, dict[float, float]]:
    """By seed the least loss after so many tokens, of whatever length of training."""
    found: dict[int, dict[float, float]] = {}
    for one in trainings:
        for seed, curve in one["curves"].items():
            least = found.setdefault(seed, {})
            for point in curve:
                least[point["tokens"]] = min(point["loss"], least.get(point["tokens"], math.inf))
    return found


def first_at(points: dict[float, float], loss: float) -> float | None:
    """The fewest tokens that were enough for a loss."""
    return min((tokens for tokens, reached in points.items() if reached <= loss), default=None)


def front(points: dict[int, dict[float, float]]) -> list[tuple[float, float]]:
    """Medians over seeds, where none is as good with fewer tokens."""
    best, found = math.inf, []
    for tokens in sorted(set().union(*points.values())):
        loss = statistics.median(least[tokens] for least in points.values() if tokens in least)
        if loss < best:
            best = loss
            found.append((tokens, loss))
    return found


def show(size: str, recipes: dict[str, Any]) -> None:
    print(
        f"\n{size:22} tokens/s   read  minutes  loss                    bits/byte    ours   times"
    )
    for recipe, found in recipes.items():
        for row in found["trainings"]:
            loss = "{median:.3f} ({min:.3f} to {max:.3f})".format(**row["loss"])
            ours, times = (
                row.get(key, {}).get("median", math.nan) for key in ("ours_minutes", "times_sooner")
            )
            print(
                f"{recipe:22} {found['tokens_per_second']['median']:8,.0f} "
                f"{row['tokens'] / 1e6:5.2f}M {row['minutes']:8.2f}  {loss:23} "
                f"{row['bits_per_byte']['median']:9.3f} {ours:7.2f} {times:7.1f}  "
                f"{row['rate'] or ''}"
            )


def plot(sizes: dict[str, Any], path: Path, *, without: str) -> None:
    """Two panels a size; one recipe stands in the table alone."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    shape = {"figsize": (10, 4 * len(sizes)), "sharey": "row", "squeeze": False}
    figure, grid = plt.subplots(len(sizes), 2, layout="constrained", **shape)
    for (size, recipes), row in zip(sizes.items(), grid, strict=True):
        for axes, place, scale in zip(row, (1, 0), (1, 1e6), strict=True):
            ends = []
            shown = [recipe for recipe in recipes if recipe != without]
            for recipe, colour, marker in zip(shown, COLOURS, MARKERS, strict=False):
                curve = recipes[recipe]["curve"]
                x = [point[place] / scale for point in curve]
                y = [point[2] for point in curve]
                axes.plot(x, y, color=colour, marker=marker, markersize=3, linewidth=1.2)
                ends.append((x[-1], y[-1], recipe, colour))
            axes.set_xscale("log")
            axes.set_xlim(right=6 * max(x for x, *_ in ends))  # room for the labels
            axes.xaxis.set_major_formatter("{x:g}")
            axes.spines[["top", "right"]].set_visible(False)
            label(axes, ends)
        row[0].set_xlabel(f"{size}: minutes on this machine")
        row[1].set_xlabel(f"{size}: tokens, millions")
        row[0].set_ylabel("bits per byte")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def label(axes: Any, ends: list[tuple[float, float, str, str]]) -> None:
    """Names beside the ends of the lines, from below, none over another."""
    low, high = axes.get_ylim()
    place = -math.inf
    for x, y, name, colour in sorted(ends, key=lambda end: end[1]):
        place = max(y, place + APART * (high - low))
        axes.annotate(
            name, (x, place), (6, 0), textcoords="offset points", color=colour, va="center", size=9
        )
