"""The flags of each command: from a recipe's settings and their docstrings to tyro and back.

recipe, argv  ->  parse  ->  overridden  ->  recipe
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from filiberto.config import Recipe, setting_docs
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

    conf = tyro.conf
    markers = {
        "run": (conf.Positional, conf.arg(metavar="RUN")),
        "force": (conf.FlagCreatePairsOff,),
        "exact": (conf.FlagCreatePairsOff,),
        "json": (conf.FlagCreatePairsOff,),
        "benchmarks": (conf.FlagCreatePairsOff,),
    }
    fields = [
        *_fields(StageArguments, StageArguments()),
        *_fields(Recipe, base),
        *(_short_field(name, section, base) for name, section in SHORT.items()),
    ]
    own = _OWN.get(command, ())
    names = ("run", "recipe", "force", *own, *COMMANDS[command], *sections)
    if command == "plan":
        names = tuple(name for name in names if name != "force")
    chosen = dataclasses.make_dataclass(
        command,
        [
            (name, Annotated[hint, conf.arg(help=doc), *markers.get(name, ())], default)
            for name, hint, doc, default in fields
            if name in names
        ],
        frozen=True,
        kw_only=True,
    )
    return tyro.cli(
        chosen,
        args=arguments,
        prog=f"filiberto {command}",
        description=description,
    )


def _fields(section: type, values: Any) -> list[tuple[str, Any, str | None, Any]]:
    """Name, type, help and default of each setting of a section."""
    from typing import get_type_hints

    docs, hints = setting_docs(section), get_type_hints(section)
    return [
        (
            f.name,
            hints[f.name],
            docs.get(f.name),
            dataclasses.field(default=getattr(values, f.name)),
        )
        for f in dataclasses.fields(section)
    ]


def _short_field(name: str, section: str, base: Recipe) -> tuple[str, Any, str | None, Any]:
    """A setting of a section as a flag of its own, unset where it is not given."""
    settings = getattr(base, section)
    hint, doc = next(
        (hint, doc) for key, hint, doc, _ in _fields(type(settings), settings) if key == name
    )
    long = f"--{section}.{name}".replace("_", "-")
    unset = (hint, False) if hint is bool else (hint | None, None)
    return name, unset[0], f"{doc} Short for {long}.", dataclasses.field(default=unset[1])


def overridden(base: Recipe, parsed: Any) -> Recipe:
    """A recipe with what the flags of `parse_stage` say in its place."""
    names = [f.name for f in dataclasses.fields(base) if hasattr(parsed, f.name)]
    recipe = dataclasses.replace(base, **{name: getattr(parsed, name) for name in names})
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


def parse_places(
    command: str, arguments: list[str], flags: type, *, usage: str, description: str
) -> tuple[Path, tuple[str, ...], Any]:
    """RUN, the words after it, and the flags of a command that reads a run.

    Raises:
        UsageError: too few or too many words, or no such folder and no backup of it.
    """
    import tyro

    conf = tyro.conf
    about = conf.arg(metavar=usage, help="Folder of the run, and what the command takes beside it.")
    positional = Annotated[tuple[str, ...], conf.Positional, about]
    plain = Annotated[flags, conf.arg(name=""), conf.FlagCreatePairsOff]
    both = dataclasses.make_dataclass(command, [("words", positional), ("flags", plain)])
    parsed = tyro.cli(
        both,
        args=arguments,
        prog=f"filiberto {command}",
        description=description,
    )
    if usage == "RUN" and len(parsed.words) > 1:
        raise UsageError("takes a run folder and nothing more", hint=f"filiberto {command} RUN")
    if not parsed.words or len(parsed.words) > 2:
        raise UsageError("takes a run folder and at most one more word", hint=f"{command} {usage}")
    run = Path(parsed.words[0])
    if not run.is_dir() and not getattr(parsed.flags, "backup", None):
        raise UsageError(f"{run} is no folder", hint="make a run first: filiberto run")
    return run, parsed.words[1:], parsed.flags
