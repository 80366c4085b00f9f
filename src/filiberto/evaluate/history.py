"""How a model came about, as far as its run folder tells: for the report.

recipe.toml plan.json environment.json corpus/ tokenizer/ *.jsonl  ->  History

A machine that only trained has no corpus, and a model from elsewhere has no run: what is not there
is None or empty.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from filiberto.config import RECIPE_FILE, Recipe, TrainConfig
from filiberto.errors import UsageError
from filiberto.initial import INITIAL
from filiberto.recipe import load_recipe
from filiberto.runfolder import manifest, safeio
from filiberto.train.records import METRICS, TIMINGS, read_lines

KINDS = {"roberta": "RoBERTa", "modernbert": "ModernBERT"}

# An absolute path, up to its last part: a report is shown to others.
_PLACE = re.compile(r"(?<![\w.:/<])(?:/|~/|[A-Za-z]:\\)(?:[^\s/\\]+[/\\])+(?=[^\s/\\])")


@dataclass(frozen=True, kw_only=True)
class History:
    """What is known of a training and of its text.

    Attributes:
        language: its English name.
        code: of ISO 639, for the `lang` of what is shown in that language.
        began_from: name of the model that it began from; None where it began anew.
        settings: of the training.
        embeddings: what it began with; None for a training that does not say, and for a model that
            it began from.
        price_per_hour: of the machine, where it is said.
        plan: as plan.json has it.
        environment: as environment.json has it.
        funnel: the account of all records, as corpus/report.json has it.
        sheet: of the vocabulary.
        curves: lines of metrics.jsonl.
        clock: lines of timings.jsonl.
    """

    language: str = ""
    code: str = ""
    began_from: str | None = None
    settings: TrainConfig | None = None
    embeddings: str | None = None
    price_per_hour: float | None = None
    plan: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    funnel: dict[str, Any] | None = None
    sheet: dict[str, Any] | None = None
    curves: list[dict[str, Any]] = field(default_factory=list)
    clock: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seconds(self) -> float | None:
        """Of training."""
        return max((line["seconds"] for line in self.clock if "seconds" in line), default=None)

    @property
    def cost(self) -> float | None:
        """Of the training, at the price that is said."""
        if self.seconds is None or self.price_per_hour is None:
            return None
        return self.price_per_hour * self.seconds / 3_600

    @property
    def kilowatt_hours(self) -> float | None:
        """Of the training, by the machine's counters; None where these were not read."""
        joules = [
            line["watts"] * max(0.0, line["seconds"] - before.get("seconds", 0.0))
            for before, line in pairwise([{}, *self.clock])
            if "watts" in line
        ]
        return sum(joules) / 3.6e6 if joules else None

    @property
    def sources(self) -> list[tuple[str, int]]:
        """Names of the text's sources and the bytes that were kept of each, largest first."""
        accounts = self.funnel["sources"] if self.funnel else {}
        sizes = ((name, account["kept_bytes"]) for name, account in accounts.items())
        return sorted(sizes, key=lambda item: (-item[1], item[0]))


def of(run: Path | None) -> History:
    """What a run folder tells.

    Args:
        run: None for a model without one.

    Raises:
        StateError: a file of it is damaged.
    """
    if run is None:
        return History()
    recipe = _recipe(run)
    code = recipe.language if recipe else ""
    corpus = _json(run / "corpus" / "report.json")
    began_from = manifest.read(run / INITIAL)
    trained = None if began_from else manifest.read(run / "model")
    return History(
        language=_language(code),
        code=code,
        began_from=began_from.facts["name"] if began_from else None,
        settings=recipe.train if recipe else None,
        embeddings=trained.settings.get("embeddings") if trained else None,
        price_per_hour=recipe.price_per_hour if recipe else None,
        plan=_json(run / "plan.json"),
        environment=_json(run / "environment.json"),
        funnel=corpus["funnel"] if corpus else None,
        sheet=_json(run / "tokenizer" / "sheet.json"),
        curves=list(read_lines(run / METRICS)),
        clock=list(read_lines(run / TIMINGS)),
    )


def price_per_hour(run: Path) -> float | None:
    """Of the machine that trains a run, where it is said."""
    recipe = _recipe(run)
    return recipe.price_per_hour if recipe else None


def bare(text: str) -> str:
    """A text with the last part of each absolute path that is in it.

    Example:
        `no such file: /srv/it/model` is `no such file: model`.
    """
    return _PLACE.sub("", text)


def _recipe(run: Path) -> Recipe | None:
    with suppress(UsageError):  # there is none, or of another version: not ours to judge
        return load_recipe(run / RECIPE_FILE)
    return None


def _language(code: str) -> str:
    from filiberto.corpus import languages

    return languages.find(code).name if code else ""


def _json(path: Path) -> dict[str, Any] | None:
    hint = "make it again with --force of its stage, or remove it"
    return safeio.read_json(path, hint=hint) if path.is_file() else None
