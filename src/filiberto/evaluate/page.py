"""The report as a page of its own: no script, nothing fetched, all text escaped.

run folder (what is there of it), metrics -> history, rows, plots -> report.html
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from filiberto import __version__
from filiberto.console import readable_number, readable_seconds
from filiberto.evaluate import budget, intervals, results
from filiberto.evaluate.advice import advice, ground
from filiberto.evaluate.curves import curves
from filiberto.evaluate.history import KINDS, History, bare, of
from filiberto.evaluate.intervals import Axis, Interval
from filiberto.evaluate.marks import marks_told
from filiberto.evaluate.plots import COLOURS, Plot, Series, draw
from filiberto.evaluate.probe_lines import errors_removed
from filiberto.evaluate.sentences import sentences

BREAKDOWNS = {
    "by_source": "By source",
    "by_frequency": "By how frequent the word is in training",
    "by_length": "By tokens a word has",
}


def page(run: Path | None, metrics: dict[str, Any]) -> str:
    """The page of a report.

    Args:
        run: the run folder; what it lacks is left out. None for a model from elsewhere.
        metrics: as metrics.json holds them; what was not measured is left out.

    Raises:
        StateError: a file of the run is damaged.
    """
    history = of(run)
    plan = metrics.get("plan") or history.plan
    compared = results.models(metrics)
    beside = results.baselines(metrics)
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            m=metrics,
            name=compared[0]["name"] or (run.resolve().name if run else "Model"),
            models=compared,
            history=history,
            plan=plan,
            kinds=KINDS,
            rows=results.rows(compared, beside),
            beside=beside,
            unigram_told=results.UNIGRAM_TOLD,
            before=_before(metrics),
            plots=[(plot, draw(plot)) for plot in curves(history)],
            reliability=_reliability(compared),
            breakdowns=[
                (
                    title,
                    metrics[key],
                    [_by_name(model.get(key)) for model in compared],
                )
                for key, title in BREAKDOWNS.items()
                if len(metrics.get(key) or []) > 1
            ],
            measures=(results.BITS, results.WORDS),
            pairs=_pairs(compared),
            probes=[_probe(entry, compared) for entry in metrics.get("probes") or []],
            budget=budget,
            sentences=sentences(compared),
            prompts_right=results.prompts_right(metrics),
            marks=marks_told(metrics["marks"]) if metrics.get("marks") else "",
            before_sentences=sentences([{"name": "", **(metrics.get("before") or {})}]),
            advice=_advice(plan, metrics, history) if plan else [],
            ground=ground(),
            colours=COLOURS,
            version=__version__,
        )
    )


def _environment() -> Any:
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("filiberto.evaluate", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": readable_number,
        "seconds": readable_seconds,
        "bare": bare,
        "shown": results.shown,
    }
    return made


def _before(metrics: dict[str, Any]) -> list[results.Row]:
    """The measures of the model that the training began from, then of what became of it."""
    before = metrics.get("before")
    return results.rows([before, metrics]) if before else []


def _by_name(groups: Sequence[dict[str, Any]] | None) -> dict[str, dict[str, Any]]:
    return {group["name"]: group for group in groups or []}


def _reliability(compared: Sequence[results.Model]) -> tuple[Plot, Markup] | None:
    found = [
        Series(
            model["name"],
            [(b["confidence"], b["accuracy"]) for b in model["calibration"]["bins"]],
            dotted=True,
            weights=[b["count"] for b in model["calibration"]["bins"]],
            colour=number,
        )
        for number, model in enumerate(compared)
        if (model.get("calibration") or {}).get("bins")
    ]
    if not found:
        return None
    plot = Plot(
        title="Calibration",
        x="how sure the model is of its first guess",
        y="how often it is right",
        series=found,
        from_zero=True,
        diagonal=True,
    )
    return plot, draw(plot)


def _pairs(compared: Sequence[results.Model]) -> list[dict[str, Any]]:
    """A row for each phenomenon, with the models' figures and a picture of their intervals."""
    names = [row["phenomenon"] for row in compared[0].get("pairs") or []]
    tables = [{row["phenomenon"]: row for row in model.get("pairs") or []} for model in compared]
    if names[1:] == ["all"]:  # of one phenomenon alone
        names = names[:1]
    shown = {
        name: [
            Interval(
                compared[number]["name"],
                table[name]["low"],
                table[name]["accuracy"],
                table[name]["high"],
                number,
            )
            for number, table in enumerate(tables)
            if name in table
        ]
        for name in names
    }
    axis = Axis.around([one for some in shown.values() for one in some], guide=0.5)
    return [
        {
            "phenomenon": name,
            "cells": [table.get(name) for table in tables],
            "picture": intervals.draw(shown[name], axis, title=name),
        }
        for name in names
    ]


def _probe(entry: dict[str, Any], compared: Sequence[results.Model]) -> dict[str, Any]:
    """An entry with, for each row, a picture of its interval and the errors it removes."""
    entry = {**entry, "rows": [{**row, "name": bare(row["name"])} for row in entry["rows"]]}
    colours = {model["name"]: number for number, model in enumerate(compared)}
    shown = [
        Interval(row["name"], row["low"], row["mean"], row["high"], colours.get(row["name"], 5))
        for row in entry["rows"]
    ]
    base = next((row["mean"] for row in entry["rows"] if row["kind"] == "random"), None)
    # The most frequent label would make all others lie close together.
    is_far = [row["kind"] == "majority" for row in entry["rows"]]
    near = [one for one, far in zip(shown, is_far, strict=True) if not far]
    axis = Axis.around(near, guide=base)
    rows = [
        {
            **row,
            "picture": intervals.draw([one], axis, title=entry["measure"]) if one in near else "",
            "fewer": errors_removed(entry, row) if row["kind"] in ("model", "against") else None,
        }
        for row, one in zip(entry["rows"], shown, strict=True)
    ]
    return {**entry, "rows": rows, "unseen": any("unseen_mean" in row for row in rows)}


def _advice(plan: dict[str, Any], metrics: dict[str, Any], history: History) -> list[str]:
    return advice(
        plan,
        validation_loss=metrics.get("validation_loss"),
        settings=history.settings,
        from_scratch=not metrics.get("before") and history.began_from is None,
    )
