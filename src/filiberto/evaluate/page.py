"""The report as a page of its own: no script, nothing fetched, all text escaped.

run folder (what is there of it), metrics -> tables, plots -> report.html
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from filiberto import __version__
from filiberto.config import RECIPE_FILE
from filiberto.console import readable_number, readable_seconds
from filiberto.evaluate import tuning
from filiberto.evaluate.advice import advice
from filiberto.evaluate.plots import Plot, Series, draw
from filiberto.evaluate.probe_lines import errors_removed
from filiberto.train.records import METRICS, TIMINGS, read_lines

BREAKDOWNS = {
    "by_source": "source",
    "by_frequency": "how frequent the word is in training",
    "by_length": "tokens a word has",
}


def page(run: Path, metrics: dict[str, Any]) -> str:
    """The page of a run's report.

    Args:
        run: the run folder; what it lacks of plan, corpus or curves is left out.
        metrics: as metrics.json holds them.
    """
    import jinja2

    source = resources.files("filiberto.evaluate").joinpath("report.html.jinja").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": readable_number, "seconds": readable_seconds}
    plan = metrics.get("plan")
    return environment.from_string(source).render(
        m=metrics,
        models=models(metrics),
        plan=plan,
        language=_language(run),
        corpus=_json(run / "corpus" / "report.json"),
        sheet=_json(run / "tokenizer" / "sheet.json"),
        surroundings=_json(run / "environment.json"),
        seconds=max((line["seconds"] for line in read_lines(run / TIMINGS)), default=None),
        curves=[(plot.title, draw(plot)) for plot in curves(run)],
        reliability=_reliability(metrics),
        breakdowns=BREAKDOWNS,
        probes=metrics.get("probes", []),
        budget=tuning,
        errors_removed=errors_removed,
        advice=advice(plan, validation_loss=metrics["validation_loss"]) if plan else [],
        version=__version__,
    )


def models(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """The run's model, that which it began from and others, each with its figures and a `name`."""
    found = [metrics]
    if "before" in metrics:
        found.append({"name": "before the training", **metrics["before"]})
    return found + metrics.get("against", [])


def curves(run: Path) -> list[Plot]:
    """Loss, learning rate and speed over the tokens that were read, as far as they are known."""
    plan = _json(run / "plan.json")
    if plan is None:
        return []
    step_tokens = plan["batch_rows"] * plan["row_length"]
    lines = [*read_lines(run / METRICS), *read_lines(run / TIMINGS)]

    def series(key: str, name: str, **options: Any) -> list[Series]:
        points = [(line["step"] * step_tokens / 1e6, line[key]) for line in lines if key in line]
        points = [(x, y) for x, y in points if y is not None]
        return [Series(name, points, **options)] if points else []

    x = "million tokens read"
    wanted: Iterable[tuple[str, str, list[Series], bool]] = (
        (
            "Loss",
            "nats a hidden token",
            [*series("loss", "training"), *series("validation_loss", "validation", dotted=True)],
            False,
        ),
        ("Learning rate", "of AdamW", series("learning_rate", "learning rate"), True),
        ("Speed", "tokens a second", series("tokens_per_second", "speed"), True),
    )
    return [
        Plot(title=title, x=x, y=y, series=found, from_zero=zero)
        for title, y, found, zero in wanted
        if any(len(one.points) > 1 for one in found)
    ]


def _reliability(metrics: dict[str, Any]) -> Any:
    found = [
        Series(
            model["name"],
            [(b["confidence"], b["accuracy"]) for b in model["calibration"]["bins"]],
            dotted=True,
        )
        for model in models(metrics)
        if model.get("calibration", {}).get("bins")
    ]
    if not found:
        return None
    return draw(
        Plot(
            title="Calibration",
            x="how sure the model is of its first guess",
            y="how often it is right",
            series=found,
            from_zero=True,
            diagonal=True,
        )
    )


def _language(run: Path) -> str:
    path = run / RECIPE_FILE
    if not path.is_file():
        return ""
    return str(tomllib.loads(path.read_text(encoding="utf-8")).get("language", ""))


def _json(path: Path, load: Callable[[str], Any] = json.loads) -> Any:
    """What a file of the run holds; None where it is missing, as on a machine that only trained."""
    return load(path.read_text(encoding="utf-8")) if path.is_file() else None
