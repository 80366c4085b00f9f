"""The command line: which command, which settings, and how an error reads.

    argv -> command -> defaults < recipe < flags -> stage.run(recipe, run)

Nothing heavy is imported before the command is known.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import tomllib
from collections.abc import Sequence
from functools import partial
from importlib import import_module, resources
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from filiberto import __version__, verbs
from filiberto.arguments import COMMANDS, overridden, parse_places, parse_stage
from filiberto.config import RECIPE_FILE, SECTIONS, Recipe, parse_seconds
from filiberto.errors import (
    StateError,
    TryAgainError,
    UnfinishedStageError,
    UsageError,
    UserError,
)
from filiberto.manual import HELP, description
from filiberto.recipe import check_recipe, load_recipe, recipe_to_dict
from filiberto.signals import leaving_at_once

DEMO_RUN = Path("runs/demo")

_VERBS = {
    verb.__name__: verb
    for verb in (
        *(verbs.fill, verbs.prompts, verbs.tune, verbs.look),
        *(verbs.export, verbs.serve, verbs.publish),
        *(verbs.languages, verbs.recipes, verbs.doctor),
    )
}
_ALL = (*COMMANDS, "resume", "finish", *_VERBS)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        # What the terminal's encoding lacks is told by its number.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run_command(list(sys.argv[1:] if argv is None else argv)))


def run_command(argv: list[str]) -> int:
    """Run one command.

    Returns:
        The exit code: 0, or that of the error.
    """
    # Telemetry is switched off before any dependency is imported.
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    debug = "--debug" in argv
    argv = [argument for argument in argv if argument != "--debug"]
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(HELP)
        return 0
    if argv[0] == "--version":
        print(__version__)
        return 0
    command, arguments = argv[0], argv[1:]
    stopped = f"filiberto {command}: stopped; finished stages are kept"
    try:
        with leaving_at_once(TryAgainError.exit_code, stopped):
            _dispatch(command, arguments)
    except UserError as error:
        if debug:
            raise
        print(f"filiberto {command}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        if debug:
            raise
        print(f"\n{stopped}", file=sys.stderr)
        return TryAgainError.exit_code
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            return _reader_is_gone()
        if debug or error.errno is None:
            raise
        print(
            f"filiberto {command}: {error.filename or 'disk'}: {error.strerror}\n"
            "  hint: look at the disk's room and rights; finished stages are kept",
            file=sys.stderr,
        )
        return StateError.exit_code
    return 0


def _reader_is_gone() -> int:
    """`| head` took what it wanted; nobody is left to tell."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _dispatch(command: str, arguments: list[str]) -> None:
    if command in COMMANDS:
        _run_stage(command, arguments)
    elif command in ("resume", "finish"):
        _go_on(command, arguments)
    elif command in _VERBS:
        _VERBS[command](arguments)
    else:
        import difflib

        nearest = difflib.get_close_matches(command, _ALL, n=1)
        hint = f"did you mean `{nearest[0]}`?" if nearest else "filiberto --help shows them all"
        raise UsageError("there is no such command", hint=hint)


def _run_stage(command: str, arguments: list[str]) -> None:
    from filiberto import backup
    from filiberto.runfolder import lock, safeio
    from filiberto.train import boards
    from filiberto.train.distributed import rank_of_this_process

    everything = "--help-all" in arguments
    arguments = ["--help" if a == "--help-all" else a for a in arguments]
    helping = "--help" in arguments or "-h" in arguments
    whole = command in ("run", "plan")
    sections = SECTIONS if whole and (everything or not helping) else (command,)
    # Once to learn which run and which recipe, and again on top of that recipe.
    told = description(command, shortened=whole and not sections[1:])
    parse = partial(parse_stage, command, arguments, sections=sections, description=told)
    named = parse(base=Recipe())
    base, run = _base_recipe(command, named)
    recipe = overridden(base, parse(base=base))
    if problems := check_recipe(recipe):
        raise UsageError("\n".join(problem.lstrip(": ") for problem in problems))
    if recipe.language:
        from filiberto.corpus import languages

        recipe = dataclasses.replace(recipe, language=languages.canonical(recipe.language))
    if command == "evaluate":
        recipe = _measured(recipe, base, named)
    trains = command in ("run", "train")
    if trains:
        boards.require(recipe.trackers)
    ranks = rank_of_this_process()
    if ranks.size > 1 and command != "train":
        raise UsageError(
            "several processes (torchrun) share `filiberto train` alone",
            hint=f"make the tokens first: filiberto tokens {run}",
        )
    if command == "plan":
        from filiberto import plan

        plan.run(
            recipe,
            run,
            hardware=named.hardware,
            as_json=named.json,
        )
        return
    flags: dict[str, Any] = {"force": named.force}
    if trains:
        flags["exact"] = named.exact
    if command == "train" and named.more is not None:
        if named.force:
            raise UsageError("--force begins again, --more goes on; keep one")
        parse_seconds(named.more)
        flags["more"] = named.more
    stage = import_module("filiberto.road" if command == "run" else f"filiberto.{command}")
    if not ranks.writes:
        stage.run(recipe, run, **flags)
        return
    place = recipe.backup if trains else None
    if place is not None:
        backup.check(place, run=run, force=named.force)
    with lock.own(run), backup.open_backup(place, run) as on_saved:
        made_before = _made(run)
        recipe_before = _write_recipe(run, recipe)
        if trains:
            flags["on_saved"] = on_saved
        try:
            stage.run(recipe, run, **flags)
        except UserError as error:
            # What failed at once and for good leaves nothing behind.
            # A report has nothing on its way: what was kept of it is found again.
            on_its_way = command != "evaluate" and isinstance(
                error, (TryAgainError, UnfinishedStageError)
            )
            if recipe_before is not None and not on_its_way and _made(run) == made_before:
                safeio.write_bytes(run / RECIPE_FILE, recipe_before)
            raise


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinishArguments:
    """Flags of `filiberto finish`."""

    within: str = "10m"
    """Time for the rest of the training, the model and the report, such as 10m."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResumeArguments:
    """Flags of `filiberto resume`; all else is written in the run folder."""

    exact: bool = False
    """Refuse to go on where the training would not come to the same bits."""
    backup: str | None = None
    """Where the run was copied, to take it back if it is not here: DIR or hub:OWNER/NAME."""


def _go_on(command: str, arguments: list[str]) -> None:
    run, _, flags = parse_places(
        command,
        arguments,
        FinishArguments if command == "finish" else ResumeArguments,
        usage="RUN",
        description=description(command),
    )
    within = flags.within if command == "finish" else None
    if within is not None:
        parse_seconds(within)
    from filiberto import backup, road
    from filiberto.runfolder import lock
    from filiberto.train import boards

    path = run / RECIPE_FILE
    place = flags.backup if command == "resume" else None
    if place is None and not path.is_file():
        raise UsageError(
            f"{run} has no {RECIPE_FILE}: nothing has begun there",
            hint=f"begin: filiberto run {run} --text FILES",
        )
    with lock.own(run):
        if place is not None:
            if path.is_file():
                backup.check(place, run=run)
            else:
                backup.restore(place, run)
            _write_recipe(run, dataclasses.replace(load_recipe(path), backup=place))
        recipe = load_recipe(path)
        boards.require(recipe.trackers)
        exact = command == "resume" and flags.exact
        with backup.open_backup(recipe.backup, run) as on_saved:
            road.go_on(recipe, run, within=within, exact=exact, on_saved=on_saved)


def _made(run: Path) -> dict[str, int]:
    """What stages have left in a run folder so far, by name and time of writing."""
    files = [*run.glob("*/manifest.json"), *run.glob("plan.json")]
    return {str(file): file.stat().st_mtime_ns for file in files}


def _base_recipe(command: str, named: Any) -> tuple[Recipe, Path]:
    """The recipe that the flags override, and the run folder.

    What a recipe named by flag says goes before the run's own. `filiberto run` with no folder, text
    or recipe is the demonstration.
    """
    if named.run is None:
        if command in ("run", "plan") and not (
            named.recipe or named.text or named.hub or named.language
        ):
            return load_recipe(find_recipe("demo")), DEMO_RUN
        raise UsageError("no run folder is named", hint=f"filiberto {command} runs/it ...")
    run = getattr(named, "out", None) or named.run
    own = run / RECIPE_FILE
    layers = [own] if own.is_file() else []
    if named.recipe is not None:
        layers.append(find_recipe(named.recipe))
    return load_recipe(*layers), run


def _measured(recipe: Recipe, base: Recipe, named: Any) -> Recipe:
    """A recipe with the model that `filiberto evaluate MODEL --out DIR` names.

    Raises:
        UsageError: what is named is no run, and no folder for its report is; a run is of another
            language, or to be measured on text that it was not made from; or a model is, on none.
        UnfinishedStageError: the run has no finished model.
    """
    from filiberto.runfolder import manifest

    if named.out is not None:
        settings = dataclasses.replace(recipe.evaluate, model=str(named.run))
        recipe = dataclasses.replace(recipe, evaluate=settings)
    elif recipe.evaluate.model is None:
        if not named.run.is_dir() or (named.run / "config.json").is_file():
            raise UsageError(
                f"{named.run} is no run",
                hint=f"a model that no run made: filiberto evaluate {named.run} --out DIR "
                "--text FILES",
            )
        manifest.require(named.run, "model")
        if base.language and recipe.language != base.language:
            raise UsageError(
                f"{named.run} is a run of the language {base.language}, not {recipe.language}",
                hint="leave --language out",
            )
    other_text = (recipe.text, recipe.hub) != (base.text, base.hub)
    if recipe.evaluate.model is None and other_text:
        raise UsageError(
            "a run is measured on text that it has set apart; other text needs a folder of its own",
            hint=f"filiberto evaluate {named.run} --out reports/NAME --text FILES",
        )
    if recipe.evaluate.model is not None and not (recipe.text or recipe.hub):
        raise UsageError(
            f"no text is named to measure {named.run} on",
            hint="add --text FILES: a megabyte or more that it was not trained on",
        )
    return recipe


def find_recipe(name: str) -> Path:
    """The file of a recipe given by path or, for a shipped one, by name."""
    shipped = Path(str(resources.files("filiberto.recipes") / f"{name}.toml"))
    return shipped if "/" not in name and shipped.is_file() else Path(name)


def _write_recipe(run: Path, recipe: Recipe) -> bytes | None:
    """Write the merged recipe into the run folder.

    Returns:
        What stood there before.
    """
    import tomli_w

    from filiberto.runfolder import safeio

    path = run / RECIPE_FILE
    before = path.read_bytes() if path.is_file() else None
    text = tomli_w.dumps(recipe_to_dict(recipe))
    if before is None or tomllib.loads(before.decode()) != tomllib.loads(text):
        safeio.write_bytes(path, text.encode())
    return before
