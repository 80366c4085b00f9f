"""Stage 1, corpus: what the text is like and what became of it, as JSON and as a page.

ledger, sides, texts seen while writing  ->  report.json  ->  report.html
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from filiberto import scripts
from filiberto.corpus.characters import code_points
from filiberto.corpus.decide import Sides
from filiberto.corpus.ledger import Ledger
from filiberto.corpus.lines import Repeated, line_keys
from filiberto.corpus.reasons import Reason
from filiberto.corpus.records import RECORD_BITS
from filiberto.runfolder import safeio

NUM_LINES = 10
_NUM_EXAMPLES = 3
_EXAMPLE_CHARACTERS = 300
_SCRIPT_BYTES = 16 << 20  # about so much text is looked at for its scripts
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_FILES = ("report.json", "report.html")


class Seen:
    """Collects texts for the report while all of them pass by."""

    def __init__(
        self, book: Ledger, sides: Sides, lines: Sequence[Repeated], *, names: Sequence[str]
    ) -> None:
        """Choose the examples: the first, the middle and the last record of each reason."""
        self._book, self._sides, self._names = book, sides, names
        self._examples: dict[Reason, list[int]] = {}
        for reason in Reason:
            rows = np.flatnonzero(sides.reason == reason)
            if reason is not Reason.NONE and len(rows):
                chosen = np.linspace(0, len(rows) - 1, _NUM_EXAMPLES).astype(int)
                self._examples[reason] = np.unique(rows[chosen]).tolist()
        self._lines = {int(np.searchsorted(book.index, line.index)): [] for line in lines}
        for line in lines:
            self._lines[int(np.searchsorted(book.index, line.index))].append(line)
        shown = [row for rows in self._examples.values() for row in rows]
        wanted = {*shown, *sides.original[shown].tolist(), *self._lines}
        self._wanted = np.array(sorted(wanted), np.int64)
        self._texts: dict[int, str] = {}
        self._repeated: list[tuple[Repeated, str]] = []
        self._scripts = np.zeros(len(scripts.SCRIPTS) + 1, np.int64)
        self._step = int(book.num_bytes.sum(dtype=np.int64)) // _SCRIPT_BYTES + 1
        self._windows = 0

    def add(self, window: slice, rows: pa.Table) -> None:
        """Look at the records of a window.

        Args:
            window: their rows in the ledger.
            rows: their text.
        """
        first, last = np.searchsorted(self._wanted, [window.start, window.stop])
        for row in self._wanted[first:last].tolist():
            text = rows["text"][row - window.start].as_py()
            self._texts[row] = _shortened(text)
            self._repeated += _lines_in(text, self._lines.get(row, []))
        if self._windows % self._step == 0:
            kept = rows["text"].filter(pa.array(self._sides.kept[window])).combine_chunks()
            counts = np.bincount(code_points(kept))
            codes = np.flatnonzero(counts)
            np.add.at(self._scripts, scripts.numbers(codes.tolist()), counts[codes])
        self._windows += 1

    def facts(self) -> dict[str, Any]:
        """Examples by reason, repeated lines, and characters by script."""
        repeated = sorted(self._repeated, key=lambda pair: (-pair[0].count, pair[0].index))
        total = max(1, int(self._scripts[1:].sum()))
        shares = zip(scripts.SCRIPTS, self._scripts[1:].tolist(), strict=True)
        return {
            "examples": {
                reason.label: [self._example(row) for row in rows]
                for reason, rows in self._examples.items()
            },
            "repeated_lines": [
                {"count": line.count, "id": self._identity(line.index), "line": text}
                for line, text in repeated
            ],
            "script_shares": {
                name: round(count / total, 6)
                for name, count in sorted(shares, key=lambda share: -share[1])
                if count
            },
        }

    def _example(self, row: int) -> dict[str, Any]:
        example = {"id": self._identity(int(self._book.index[row])), "text": self._texts[row]}
        original = int(self._sides.original[row])
        if original != row:
            example["duplicate_of"] = self._identity(int(self._book.index[original]))
            if self._sides.reason[row] == Reason.NEAR_DUPLICATE:
                example["original"] = self._texts[original]
        return example

    def _identity(self, index: int) -> str:
        return f"{self._names[index >> RECORD_BITS]}:{index & ((1 << RECORD_BITS) - 1)}"


def write(
    folder: Path, facts: dict[str, Any], book: Ledger, sides: Sides, seen: Seen, *, masked: bool
) -> None:
    """Write report.json and report.html into the stage's folder.

    Args:
        facts: of `funnel.count`.
        masked: whether personal data is masked.
    """
    report = {
        "funnel": facts,
        "masked": masked,
        "characters": {
            "train": _quantiles(book.num_characters[sides.train]),
            "validation": _quantiles(book.num_characters[sides.validation]),
        },
        **seen.facts(),
    }
    safeio.write_json(folder / _FILES[0], report)
    (folder / _FILES[1]).write_text(page(report), encoding="utf-8")


def page(report: dict[str, Any]) -> str:
    """The report as a page of its own, with all text escaped and nothing fetched."""
    import jinja2

    template = resources.files("filiberto.corpus").joinpath("report.html.jinja").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template).render(**report)


def _quantiles(lengths: np.ndarray) -> dict[str, float]:
    """How long documents are, in characters."""
    if not len(lengths):
        return {}
    quantiles = np.quantile(lengths, _QUANTILES, method="nearest").tolist()
    return {
        **{f"{100 * q:.0f}%": int(n) for q, n in zip(_QUANTILES, quantiles, strict=True)},
        "mean": round(float(lengths.mean()), 1),
        "max": int(lengths.max()),
    }


def _lines_in(text: str, wanted: list[Repeated]) -> list[tuple[Repeated, str]]:
    if not wanted:
        return []
    lines = text.split("\n")
    keys = line_keys(pa.array(lines, pa.large_string())).tolist()
    return [(line, _shortened(lines[keys.index(line.key)])) for line in wanted]


def _shortened(text: str) -> str:
    text = text[: _EXAMPLE_CHARACTERS + 1]
    if len(text) > _EXAMPLE_CHARACTERS:
        text = text[:_EXAMPLE_CHARACTERS] + "…"
    return text
