"""The probes of a report as plain lines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

_COLUMN = 28


def probe_lines(probes: Sequence[dict[str, Any]]) -> list[str]:
    """A block for each labelled set, a line for each model, a column for each measure."""
    lines: list[str] = []
    for _, group in groupby(probes, key=lambda entry: (entry["data"], entry["task"])):
        entries = list(group)
        lines += ["", *_block(entries)]
    return lines


def errors_removed(entry: dict[str, Any], row: dict[str, Any]) -> float | None:
    """The share of the random model's errors that another makes no more; None without them."""
    base = next((other["mean"] for other in entry["rows"] if other["kind"] == "random"), None)
    return None if base is None or base >= 1 else 1 - (1 - row["mean"]) / (1 - base)


def _block(entries: list[dict[str, Any]]) -> list[str]:
    first = entries[0]
    seen = first["seen_sentences"]
    known = f", {seen} of them in the training text" if seen else ""
    titles = ", ".join(f"{entry['title'].lower()} ({entry['measure']})" for entry in entries)
    lines = [
        f"fine-tuned on {first['data']}: {titles}",
        f"  {first['test_sentences']:,} test sentences{known}; mean of the seeds, 95 % interval by "
        "resampled sentences, errors fewer than with random weights",
    ]
    rows = zip(*(entry["rows"] for entry in entries), strict=True)
    width = max(len(row["name"]) for row in first["rows"])
    for same in rows:
        cells = [_cell(entry, row) for entry, row in zip(entries, same, strict=True)]
        line = "  ".join(f"{cell:<{_COLUMN}}" for cell in cells).rstrip()
        lines.append(f"  {same[0]['name']:<{width}}  {line}")
        if "unseen_mean" in same[0]:
            means = " · ".join(f"{100 * row['unseen_mean']:.1f}" for row in same)
            lines[-1] += f"   ({means} without those)"
    return lines


def _cell(entry: dict[str, Any], row: dict[str, Any]) -> str:
    mean, low, high = (100 * row[key] for key in ("mean", "low", "high"))
    fewer = errors_removed(entry, row) if row["kind"] in ("model", "against") else None
    gain = "" if fewer is None else f"  {-100 * fewer:+.0f} % errors"
    return f"{entry['measure']} {mean:.1f} ({low:.1f} to {high:.1f}){gain}"
