"""Recipes on disk and their soundness.

    defaults < recipe files (TOML) < flags   ->   Recipe   ->   recipe.toml in the run folder

Standard library only.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from filiberto.config import (
    DEFAULT_TIME,
    SECTIONS,
    Recipe,
    parse_bytes,
    parse_seconds,
    parse_weights,
)
from filiberto.errors import UsageError


def load_recipe(*paths: Path) -> Recipe:
    """Read recipe files, of which a later one goes before an earlier one.

    Raises:
        UsageError: a file is missing, is no TOML, or holds unknown keys or wrong values; all
            problems of a file are named at once.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        data = _read_toml(path)
        recipe_from_dict(data, origin=path.name)
        merged = _over(merged, data)
    return recipe_from_dict(merged, origin=paths[-1].name if paths else "recipe")


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Two recipes in one: sections are joined, and one end of the run replaces another."""
    both = {name: below.get(name, {}) | above.get(name, {}) for name in SECTIONS}
    train = above.get("train", {})
    ends = [name for name in ("max_steps", "epochs") if name in train]
    merged = {**below, **above, **both}
    if ends or "time" in above:
        for name in {"max_steps", "epochs"}.difference(ends):
            merged["train"].pop(name, None)
        if "time" not in above:
            merged.pop("time", None)
    return merged


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{path}: no such recipe", hint="the shipped ones: filiberto recipes"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None


def recipe_from_dict(data: dict[str, Any], *, origin: str) -> Recipe:
    """Build a checked recipe from nested dictionaries, as TOML gives them.

    Raises:
        UsageError: unknown keys or values of the wrong type, all of them in one message.
    """
    problems: list[str] = []
    recipe = _build(Recipe, data, section="", problems=problems)
    problems += check_recipe(recipe)
    if problems:
        raise UsageError("\n".join(f"{origin}{problem}" for problem in problems))
    return recipe


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """The recipe as nested dictionaries that TOML can hold: unset values are left out."""
    return _without_none(dataclasses.asdict(recipe))


def check_recipe(recipe: Recipe) -> list[str]:
    """Name each value of a recipe that lies out of its range or contradicts another.

    Returns:
        Problems that begin with ` [section]: ` or `: `, to be put behind the recipe's name.
    """
    problems = []
    for name in SECTIONS:
        for key, value in dataclasses.asdict(getattr(recipe, name)).items():
            allowed = _ALLOWED[name].get(key)
            if isinstance(value, float) and not math.isfinite(value):
                problems.append(f" [{name}]: `{key}` is {value!r}; it must be finite")
            elif allowed and isinstance(value, (int, float)) and not allowed.holds(value):
                problems.append(f" [{name}]: `{key}` is {value!r}; it must be {allowed.words}")
    train = recipe.train
    if isinstance(train.batch_tokens, int) and train.batch_tokens < train.row_length:
        problems.append(
            f" [train]: `batch_tokens` is {train.batch_tokens}; it must be a row or more"
        )
    if recipe.init_from and recipe.size != "auto":
        problems.append(": `init_from` brings its own size; leave `size` out")
    price = recipe.price_per_hour
    if price is not None and not 0 <= price < math.inf:
        problems.append(f": `price_per_hour` is {price!r}; it must be 0 or more")
    given = [f"`{name}`" for name, end in recipe.ends.items() if end is not None]
    if len(given) > 1:
        problems.append(f": {' and '.join(given)} each end the run; keep one")
    problems += [problem for check in _CHECKS.items() if (problem := _problem(recipe, *check))]
    return problems


def _problem(recipe: Recipe, key: str, check: Callable[[Recipe], object]) -> str | None:
    try:
        check(recipe)
    except UsageError as error:
        section, _, name = key.rpartition(".")
        return f" [{section}]: `{name}`: {error}" if section else f": `{name}`: {error}"
    return None


def _known_language(recipe: Recipe) -> str:
    from filiberto.corpus import languages

    return languages.canonical(recipe.language) if recipe.language else ""


# Texts that must mean something; the check raises where they do not.
_CHECKS: dict[str, Callable[[Recipe], object]] = {
    "time": lambda recipe: parse_seconds(recipe.time or DEFAULT_TIME),
    "checkpoint_every": lambda recipe: parse_seconds(recipe.checkpoint_every),
    "max_text": lambda recipe: parse_bytes(recipe.max_text),
    "language": _known_language,
    "tokens.weights": lambda recipe: parse_weights(recipe.tokens.weights),
}


class _Allowed(typing.NamedTuple):
    """Which numbers a setting may have, as a test and in words."""

    holds: Callable[[float], bool]
    words: str


_AT_LEAST_0 = _Allowed(lambda n: n >= 0, "0 or more")
_AT_LEAST_1 = _Allowed(lambda n: n >= 1, "1 or more")
_POSITIVE = _Allowed(lambda n: n > 0, "more than 0")
_SHARE = _Allowed(lambda n: 0 <= n <= 1, "0 to 1")
_SHARE_ABOVE_0 = _Allowed(lambda n: 0 < n <= 1, "more than 0, at most 1")
_BELOW_1 = _Allowed(lambda n: 0 <= n < 1, "from 0 to below 1")
_BETWEEN = _Allowed(lambda n: 0 < n < 1, "between 0 and 1")

_ALLOWED: dict[str, dict[str, _Allowed]] = {
    "corpus": {
        "validation_share": _Allowed(lambda n: 0 <= n <= 0.5, "0 to 0.5"),
        "validation_min_bytes": _AT_LEAST_0,
        "validation_max_bytes": _AT_LEAST_0,
        "max_bad_share": _SHARE,
        "phrasebook_bytes": _AT_LEAST_1,
    },
    "tokenizer": {
        "vocab_size": _Allowed(lambda n: 300 <= n <= 1_000_000, "300 to 1000000"),
        "min_frequency": _AT_LEAST_1,
        "max_sample_bytes": _AT_LEAST_1,
        "max_sample_words": _AT_LEAST_1,
    },
    "tokens": {"shard_tokens": _AT_LEAST_1},
    "train": {
        "row_length": _Allowed(lambda n: 8 <= n <= 8192, "8 to 8192"),
        "micro_batch_tokens": _AT_LEAST_1,
        "max_steps": _AT_LEAST_1,
        "epochs": _POSITIVE,
        "peak_lr": _POSITIVE,
        "muon_lr": _POSITIVE,
        "warmup_share": _BELOW_1,
        "decay_share": _SHARE_ABOVE_0,
        "weight_decay": _AT_LEAST_0,
        "beta1": _BELOW_1,
        "beta2": _BELOW_1,
        "epsilon": _POSITIVE,
        "clip_norm": _POSITIVE,
        "mask_rate": _BETWEEN,
        "dropout": _BELOW_1,
        "validate_steps": _AT_LEAST_1,
        "validation_tokens": _AT_LEAST_1,
        "log_steps": _AT_LEAST_1,
        "checkpoint_steps": _AT_LEAST_1,
    },
    "evaluate": {
        "max_bytes": _AT_LEAST_1,
        "word_share": _SHARE_ABOVE_0,
        "likelihood_words": _AT_LEAST_1,
    },
}


def _without_none(data: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in data.items()
        if value is not None
    }


def _build(cls: type, data: dict[str, Any], *, section: str, problems: list[str]) -> Any:
    hints = typing.get_type_hints(cls)
    place = f" [{section}]: " if section else ": "
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in hints:
            nearest = difflib.get_close_matches(key, hints, n=1)
            tail = f"\n  hint: did you mean `{nearest[0]}`?" if nearest else ""
            problems.append(f"{place}unknown key `{key}`{tail}")
        elif dataclasses.is_dataclass(hints[key]) and isinstance(value, dict):
            values[key] = _build(hints[key], value, section=key, problems=problems)
        elif (converted := _convert(value, hints[key])) is _WRONG:
            problems.append(f"{place}`{key}` is {value!r}; it must be {_words(hints[key])}")
        else:
            values[key] = converted
    return cls(**values)


_WRONG = object()


def _convert(value: Any, hint: Any) -> Any:
    """The value as the type wants it (a list as a tuple, an int as a float), or `_WRONG`."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        options = [_convert(value, option) for option in typing.get_args(hint)]
        return next((option for option in options if option is not _WRONG), _WRONG)
    if origin is Literal:
        return value if value in typing.get_args(hint) else _WRONG
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            return _WRONG
        values = [_convert(entry, typing.get_args(hint)[0]) for entry in value]
        return _WRONG if _WRONG in values else tuple(values)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    fits = isinstance(hint, type) and isinstance(value, hint)
    return value if fits and not (isinstance(value, bool) and hint is not bool) else _WRONG


def _words(hint: Any) -> str:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(h) for h in typing.get_args(hint) if h is not type(None))
    if origin is Literal:
        return ", ".join(repr(v) for v in typing.get_args(hint))
    if origin is tuple:
        entry = typing.get_args(hint)[0]
        return "a list of texts" if entry is str else f"a list of {_words(entry)}"
    names = {int: "a whole number", float: "a number", str: "text in quotes"}
    return names.get(hint, "a section")
