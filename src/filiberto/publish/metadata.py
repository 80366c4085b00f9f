"""What the Hub lists of a published model: language, licence, data sets, tags, figures.

run, report  ->  ModelCardData  ->  YAML
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from filiberto.corpus.hub_choice import Choice
from filiberto.evaluate.history import History, bare

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

# The Hub's names; where there is none, a figure is a share of what is right.
_METRICS = {"F1": "f1"}
_TASKS = {"classes": "text-classification"}


def metadata(
    name: str,
    facts: dict[str, Any],
    metrics: dict[str, Any],
    history: History,
    choice: Choice | None,
    *,
    licence: str | None,
) -> str:
    """The head of a card, as YAML.

    Args:
        name: OWNER/NAME.
        facts: of the training.
        metrics: of the report.
        history: of the run.
        choice: of text from the Hub.
        licence: of the model; None leaves it unsaid.
    """
    from huggingface_hub import ModelCardData

    measured = list(_measured(metrics, choice))
    return ModelCardData(
        language=history.code.split("-")[0] or None,
        license=licence,
        library_name="transformers",
        pipeline_tag="fill-mask",
        tags=["filiberto", facts["plan"]["architecture"]],
        datasets=[choice.dataset] if choice else None,
        metrics=list(dict.fromkeys(result.metric_type for result in measured)),
        model_name=name.split("/")[1],
        eval_results=measured or None,
    ).to_yaml()


def _measured(metrics: dict[str, Any], choice: Choice | None) -> Iterator[EvalResult]:
    """The model's own figures as the Hub lists them."""
    from huggingface_hub import EvalResult

    held_out = partial(
        EvalResult,
        task_type="fill-mask",
        dataset_type=choice.dataset if choice else "text",
        dataset_name="validation text, kept apart from training",
    )
    for kind, title, value in (
        ("bits_per_byte", "Bits per byte of hidden words", metrics.get("bits_per_byte")),
        ("accuracy", "Hidden words guessed whole", metrics.get("word_accuracy")),
    ):
        if value is not None:
            yield held_out(metric_type=kind, metric_name=title, metric_value=round(value, 4))
    for row in metrics.get("pairs") or []:
        if row["phenomenon"] == "all":
            yield EvalResult(
                task_type="fill-mask",
                dataset_type="minimal-pairs",
                dataset_name="minimal pairs",
                metric_type="accuracy",
                metric_name="Pairs whose good sentence is likelier",
                metric_value=round(row["accuracy"], 4),
            )
    for entry in metrics.get("probes") or []:
        for row in (row for row in entry["rows"] if row["kind"] == "model"):
            yield EvalResult(
                task_type=_TASKS.get(entry["task"], "token-classification"),
                dataset_type=bare(entry["data"]),
                dataset_name=bare(entry["data"]),
                dataset_split="test",
                metric_type=_METRICS.get(entry["measure"], "accuracy"),
                metric_name=f"{entry['measure']} ({entry['title'].lower()}, after fine-tuning)",
                metric_value=round(row["mean"], 4),
            )
