"""The flags of each command: from a recipe's settings and their docstrings to tyro and back.

recipe, argv  ->  parse  ->  overridden  ->  recipe
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from filiberto.config import SECTIONS, Recipe, setting_docs
from filiberto.errors import UsageError

# The flags each command takes, beside those of its own section (`run` takes all sections).
_SOURCE = ("text", "hub", "hub_config", "hub_split", "max_text")
_SOURCE += ("documents", "text_field", "engine")
_WATCHING = ("wandb", "trackio")
_TESTS = ("pairs", "treebank", "entities", "classes", "against", "benchmarks")
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": (
        *_SOURCE,
        "weights",
        "language",
        "init_from",
        "time",
        "size",
        "architecture",
        "seed",
        "checkpoint_every",
        "price_per_hour",
        "backup",
        *_WATCHING,
    ),
    "plan": (
        *_SOURCE,
        *("language", "init_from", "time", "size", "architecture", "price_per_hour"),
    ),
    "corpus": (*_SOURCE, "language", "seed"),
    "tokenizer": ("language", "init_from", "seed"),
    "tokens": ("weights",),
    "train": (
        *("time", "size", "architecture", "language", "seed", "checkpoint_every"),
        *("price_per_hour", "backup"),
        *_WATCHING,
    ),
    "evaluate": (*_SOURCE, "language", "price_per_hour", *_TESTS),
}

# And what is no setting of a recipe.
_OWN = {
    "run": ("exact",),
    "train": ("more", "exact"),
    "plan": ("hardware", "json"),
    "evaluate": ("out",),
}

# Settings of a section that have a short flag too.
SHORT = {
    **dict.fromkeys(("documents", "text_field", "engine"), "corpus"),
    "weights": "tokens",
    "architecture": "train",
    **dict.fromkeys(_TESTS, "evaluate"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageArguments:
    """What every stage's command takes beside settings."""

    run: Path | None = None
    """Folder of the run, such as runs/it."""
    recipe: str | None = None
    """Recipe to start from: a TOML file, or the name of a shipped one."""
    force: bool = False
    """Build again what is finished, throwing the old away."""
    more: str | None = None
    """Time that a training gets on top of what it has left, such as 2h, also when it is finished;
    the learning rate climbs again before it goes to zero."""
    exact: bool = False
    """Refuse to go on with a stopped training where it would not come to the same bits: on another
    machine, or with other versions, threads or processes than it began with."""
    hardware: str | None = None
    """A GPU that is not here, such as t4, a100 or h100, to be estimated for."""
    json: bool = False
    """Print JSON."""
    out: Path | None = None
    """Folder for the report on a model that is named in the place of RUN, as a folder or OWNER/NAME
    on the Hub; --text is what it is measured on."""


def parse_stage(
    command: str,
    arguments: list[str],
    *,
    base: Recipe,
    sections: tuple[str, ...],
    description: str,
) -> Any:
    """RUN, a stage's daily flags and whole sections, whose defaults a recipe gives.

    Args:
        command: a key of COMMANDS.
        base: where what is not given comes from.
        sections: the names of the sections of which each setting is a flag.
        description: what the help says of the command.

    Returns:
        An object with a field for each flag.
    """
    import tyro

    own = _OWN.get(command, ())
    names = ("run", "recipe", "force", *own, *COMMANDS[command], *sections)
    if command == "plan":
        names = tuple(name for name in names if name != "force")
    # A setting that has a short flag is told once.
    helping = not {"-h", "--help"}.isdisjoint(arguments)
    told = {(section, name) for name, section in SHORT.items() if helping and name in names}
    fields = [
        *_fields(StageArguments, StageArguments()),
        *_fields(Recipe, base),
        *(_short_field(name, section, base) for name, section in SHORT.items()),
    ]
    flags = [
        _section(name, default, hidden={n for section, n in told if section == name})
        if dataclasses.is_dataclass(default)
        else _flag(name, hint, doc, default, both_ways=hasattr(base, name))
        for name, hint, doc, default in fields
        if name in names
    ]
    return tyro.cli(
        dataclasses.make_dataclass(command, flags, frozen=True, kw_only=True),
        args=_gathered(arguments, several=_of_several_values(base, names)),
        prog=f"filiberto {command}",
        description=description,
    )


def _of_several_values(recipe: Recipe, names: Sequence[str]) -> dict[str, str]:
    """The flags that take more than one value, each by its short name where a command has it."""
    flags = {name: name for name, hint, *_ in _fields(Recipe, recipe) if get_origin(hint) is tuple}
    for section in SECTIONS:
        settings = getattr(recipe, section)
        for name, hint, *_ in _fields(type(settings), settings):
            if get_origin(hint) is tuple:
                long = f"{section}.{name}"
                short = name if SHORT.get(name) == section and name in names else long
                flags |= {long: short, short: short}
    return {_dashed(name): _dashed(short) for name, short in flags.items()}


def _dashed(name: str) -> str:
    return f"--{name}".replace("_", "-")


def _gathered(arguments: list[str], *, several: dict[str, str]) -> list[str]:
    """The words of a command with all values of a flag in one place; of two tyro forgets one.

    --text a --size tiny --text b  ->  --size tiny --text a b
    """
    found: list[str] = []
    values: dict[str, list[str]] = {}
    into = found
    for word in arguments:
        flag, equals, value = word.partition("=")
        if known := several.get(flag.replace("_", "-")):
            into = values.setdefault(known, [])
            if equals:
                into.append(value)
                into = found
            continue
        if word.startswith("-"):
            into = found
        into.append(word)
    return [*found, *(word for flag, some in values.items() for word in (flag, *some))]


def _fields(section: type, values: Any) -> list[tuple[str, Any, str | None, Any]]:
    """Name, type, help and default of each setting of a section."""
    docs, hints = setting_docs(section), get_type_hints(section)
    return [
        (f.name, hints[f.name], docs.get(f.name), getattr(values, f.name))
        for f in dataclasses.fields(section)
    ]


def _short_field(name: str, section: str, base: Recipe) -> tuple[str, Any, str | None, Any]:
    """A setting of a section as a flag of its own, unset where it is not given."""
    settings = getattr(base, section)
    hint, doc, value = next(
        field[1:] for field in _fields(type(settings), settings) if field[0] == name
    )
    long = _dashed(f"{section}.{name}")
    told = f"{doc} Short for {long}{f' (default: {value})' if _is_told(value) else ''}."
    return (name, bool, told, False) if hint is bool else (name, hint | None, told, None)


def _section(name: str, values: Any, *, hidden: set[str]) -> tuple[str, Any, Any]:
    """A section of the recipe as a field whose settings are flags `--name.setting`."""
    flags = [
        _flag(*field, both_ways=True, hidden=field[0] in hidden)
        for field in _fields(type(values), values)
    ]
    space = {"__doc__": type(values).__doc__}
    typed = dataclasses.make_dataclass(name, flags, frozen=True, kw_only=True, namespace=space)
    return name, typed, dataclasses.field(default=typed())


def _flag(
    name: str,
    hint: Any,
    doc: str | None,
    default: Any,
    *,
    both_ways: bool = False,
    hidden: bool = False,
) -> tuple[str, Any, Any]:
    """A field of the dataclass that tyro reads: with its help, and a default worth telling.

    A switch that a recipe may have set can be turned off too: `both_ways`.
    """
    from tyro import conf

    markers: list[Any] = [conf.Suppress] if hidden else []
    if name == "run":
        markers.append(conf.Positional)
    if not both_ways:
        markers.append(conf.FlagCreatePairsOff)
    about = conf.arg(
        help=doc,
        metavar="RUN" if name == "run" else None if hint is bool else _metavar(hint),
        help_behavior_hint=None if _is_told(default) else "",
    )
    return name, Annotated[hint, about, *markers], dataclasses.field(default=default)


def _is_told(default: Any) -> bool:
    """Whether a default says something in the help."""
    return default is not False and default not in (None, "", ())


def _metavar(hint: Any) -> str:
    """What stands for a value in the help: STR, FLOAT, STR ..., INT|auto, line|file."""
    if hint is bool:
        return "True|False"
    if get_origin(hint) is Literal:
        return "|".join(map(str, get_args(hint)))
    if get_origin(hint) is tuple:
        return f"{_metavar(get_args(hint)[0])} ..."
    if kinds := get_args(hint):
        return "|".join(_metavar(kind) for kind in kinds if kind is not NoneType)
    return hint.__name__.upper()


def overridden(base: Recipe, parsed: Any) -> Recipe:
    """A recipe with what the flags of `parse_stage` say in its place."""
    names = [f.name for f in dataclasses.fields(base) if hasattr(parsed, f.name)]
    given = {name: _value(getattr(base, name), getattr(parsed, name)) for name in names}
    recipe = dataclasses.replace(base, **given)
    for name, section in SHORT.items():
        if getattr(parsed, name, None) not in (None, False):
            settings = dataclasses.replace(
                getattr(recipe, section), **{name: getattr(parsed, name)}
            )
            recipe = dataclasses.replace(recipe, **{section: settings})
    # The end of the run that a flag sets takes the place of the recipe's.
    before = base.ends
    changed = {name for name, end in recipe.ends.items() if end is not None and end != before[name]}
    return recipe.ended_by(*changed) if changed else recipe


def _value(before: Any, parsed: Any) -> Any:
    """A setting as the recipe holds it, or a section with what its flags say."""
    if not dataclasses.is_dataclass(before):
        return parsed
    return type(before)(**{f.name: getattr(parsed, f.name) for f in dataclasses.fields(before)})


def parse_places(
    command: str,
    arguments: list[str],
    flags: type,
    *,
    usage: str,
    beside: str = "",
    description: str,
) -> tuple[Path, tuple[str, ...], Any]:
    """RUN, the words after it, and the flags of a command that reads a run.

    Args:
        command: its name.
        arguments: what was given to it.
        flags: a dataclass of them.
        usage: its words.
        beside: what a word after RUN is.
        description: what it does.

    Raises:
        UsageError: too few or too many words, or no such folder and no backup of it.
    """
    import tyro

    conf = tyro.conf
    places = f"Folder of the run. {beside}".strip()
    about = conf.arg(metavar=usage, help=places, help_behavior_hint="")
    words = ("words", Annotated[tuple[str, ...], conf.Positional, about])
    options = [_flag(*field) for field in _fields(flags, flags())]
    parsed = tyro.cli(
        dataclasses.make_dataclass(command, [words, *options]),
        args=arguments,
        prog=f"filiberto {command}",
        description=description,
    )
    if usage == "RUN" and len(parsed.words) > 1:
        raise UsageError("takes a run folder and nothing more", hint=f"filiberto {command} RUN")
    if not parsed.words or len(parsed.words) > 2:
        raise UsageError("takes a run folder and at most one more word", hint=f"{command} {usage}")
    run = Path(parsed.words[0])
    if not run.is_dir() and not getattr(parsed, "backup", None):
        raise UsageError(f"{run} is no folder", hint="make a run first: filiberto run")
    return run, parsed.words[1:], parsed
