"""The figures of models side by side, the same for the page and for a paper.

metrics.json -> models -> rows of cells, what is best marked
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from filiberto.evaluate.history import bare

Model = dict[str, Any]

UNIGRAM = "unigram model"
UNIGRAM_TOLD = (
    "The unigram model guesses each token by its share of the training text (add-one smoothed), "
    "whatever stands around it."
)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Something that models are measured by.

    Attributes:
        name: of it.
        note: what it is of.
        value: its value; None where a model was not measured by it.
        better: which values are.
        digits: behind the point.
        percent: whether it is told in percent.
        by_token: whether it compares models of one vocabulary only.
        spread: ends of the 95 % interval, where there is one.
    """

    name: str
    note: str
    value: Callable[[Model], float | None]
    better: Literal["low", "high"] = "high"
    digits: int = 1
    percent: bool = True
    by_token: bool = False
    spread: Callable[[Model], tuple[float, float] | None] = lambda model: None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A figure: as it was measured, and as it is shown."""

    value: float | None
    text: str
    spread: str = ""
    best: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """A measure with a cell for each model."""

    measure: Measure
    cells: list[Cell]


def models(metrics: Model) -> list[Model]:
    """The model of the report, then those it is compared with, named without their places."""
    found = [metrics, *(metrics.get("against") or [])]
    return [{**model, "name": bare(str(model.get("name", "")))} for model in found]


def baselines(metrics: Model) -> list[Model]:
    """What the models are shown beside: the unigram model, where the run has its tokens."""
    found = metrics.get("unigram")
    return [{**found, "name": UNIGRAM}] if found else []


def rows(compared: Sequence[Model], beside: Sequence[Model] = ()) -> list[Row]:
    """Every measure that a model or baseline has."""
    made = (row(measure, compared, beside) for measure in MEASURES)
    return [one for one in made if any(cell.value is not None for cell in one.cells)]


def row(measure: Measure, compared: Sequence[Model], beside: Sequence[Model] = ()) -> Row:
    """A measure of some models, the best marked where they can be compared; then of baselines."""
    every = [*compared, *beside]
    values = [measure.value(model) for model in every]
    known = [value for value in values[: len(compared)] if value is not None]
    comparable = len(set(known)) > 1 and not measure.by_token
    best = (max if measure.better == "high" else min)(known) if comparable else None
    cells = [
        Cell(
            value=value,
            text=shown(value, measure),
            spread=_spread(measure, model),
            best=best is not None and value == best and number < len(compared),
        )
        for number, (value, model) in enumerate(zip(values, every, strict=True))
    ]
    return Row(measure=measure, cells=cells)


def shown(value: float | None, measure: Measure) -> str:
    """A value as a person reads it; a dash where there is none."""
    if value is None:
        return "–"
    return f"{100 * value if measure.percent else value:.{measure.digits}f}"


def prompts_right(model: Model) -> tuple[int, int]:
    """In how many prompts a right answer comes first, of those whose answers are known."""
    ranks = [
        prompt.get("rank")
        for prompt in model.get("prompts") or []
        if all(hole.get("answers") for hole in prompt.get("holes") or [prompt])
    ]
    return ranks.count(1), len(ranks)


def _prompts_share(model: Model) -> float | None:
    right, count = prompts_right(model)
    return right / count if count else None


def _spread(measure: Measure, model: Model) -> str:
    ends = measure.spread(model)
    return "" if ends is None else " to ".join(shown(end, measure) for end in ends)


def _of(*keys: str) -> Callable[[Model], float | None]:
    """What lies under some keys; None where one is missing."""

    def value(model: Model) -> float | None:
        found: Any = model
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    return value


def _all_pairs(model: Model) -> dict[str, Any] | None:
    rows = (row for row in model.get("pairs") or [] if row["phenomenon"] == "all")
    return next(rows, None)


def _pairs_right(model: Model) -> float | None:
    found = _all_pairs(model)
    return found["accuracy"] if found else None


def _pairs_spread(model: Model) -> tuple[float, float] | None:
    found = _all_pairs(model)
    return (found["low"], found["high"]) if found else None


def _choices_right(model: Model) -> float | None:
    found = model.get("choices")
    return found["right"] / found["count"] if found and found["count"] else None


def _choices_spread(model: Model) -> tuple[float, float] | None:
    found = model.get("choices") or {}
    return (found["low"], found["high"]) if "low" in found else None


def _interval(*keys: str) -> Callable[[Model], tuple[float, float] | None]:
    """The 95 % interval that lies under some keys; None where there is none."""
    value = _of(*keys)

    def spread(model: Model) -> tuple[float, float] | None:
        found: Any = value(model)
        return (found[0], found[1]) if found else None

    return spread


BITS = Measure(
    name="Bits per byte",
    note="of words hidden whole",
    value=_of("bits_per_byte"),
    better="low",
    digits=3,
    percent=False,
    spread=_interval("intervals", "bits_per_byte"),
)
WORDS = Measure(
    name="Whole words right, %",
    note="",
    value=_of("word_accuracy"),
    spread=_interval("intervals", "word_accuracy"),
)

MEASURES = (
    BITS,
    WORDS,
    Measure(
        name="Pseudo-log-likelihood",
        note="bits per byte, one word hidden at a time",
        value=_of("pseudo_likelihood", "bits_per_byte"),
        better="low",
        digits=3,
        percent=False,
        spread=_interval("pseudo_likelihood", "interval"),
    ),
    Measure(
        name="Minimal pairs right, %",
        note="",
        value=_pairs_right,
        spread=_pairs_spread,
    ),
    Measure(
        name="Unseen combinations right, %",
        note="",
        value=_choices_right,
        spread=_choices_spread,
    ),
    Measure(name="Prompts right, %", note="at the first guess", value=_prompts_share),
    Measure(
        name="Single tokens right, %",
        note="at the first guess",
        value=_of("token_accuracy", "top1"),
        by_token=True,
        spread=_interval("intervals", "top1"),
    ),
    Measure(
        name="Among the first five, %",
        note="single tokens",
        value=_of("token_accuracy", "top5"),
        by_token=True,
        spread=_interval("intervals", "top5"),
    ),
    Measure(
        name="Calibration error, %",
        note="expected, of single tokens",
        value=_of("calibration", "expected_error"),
        better="low",
        by_token=True,
    ),
)
