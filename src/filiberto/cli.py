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

from filiberto import __version__
from filiberto.arguments import COMMANDS, overridden, parse_places, parse_stage
from filiberto.config import RECIPE_FILE, SECTIONS, Recipe, parse_seconds
from filiberto.errors import (
    StateError,
    TryAgainError,
    UnfinishedStageError,
    UsageError,
    UserError,
)
from filiberto.recipe import check_recipe, load_recipe, recipe_to_dict
from filiberto.signals import leaving_at_once

DEMO_RUN = Path("runs/demo")

_ALL = (*COMMANDS, "resume", "finish", "fill", "prompts", "look", "languages", "recipes", "doctor")

HELP = f"""\
filiberto {__version__}: a BERT for your language, from your text, on your hardware

  filiberto run                     the demonstration: generated Italian, a few minutes
  filiberto run RUN --text FILES    the whole road, from your text to a model and its report
  filiberto run RUN --language te   the same with open text for a language, from the Hub

  filiberto plan RUN --text FILES   what `run` would do: size, time, memory, expected loss

one stage of a run:
  filiberto corpus RUN --text FILES   read and clean text, drop duplicates, set validation apart
  filiberto tokenizer RUN             learn a vocabulary
  filiberto tokens RUN                turn the text into shards of token ids
  filiberto train RUN                 train, or go on where a stopped training was
  filiberto evaluate RUN              bits per byte, accuracy, minimal pairs and prompts

a run that was stopped, or that you want otherwise:
  filiberto resume RUN                go on, here or from a backup on another machine
  filiberto train RUN --more 2h       train longer, also when it is finished
  filiberto finish RUN --within 10m   learning rate to zero, model and report within that time

a finished run:
  filiberto fill RUN "ciao <mask> va?"   fill holes: <mask> is one token, ___ one word
  filiberto prompts RUN                  a page on which a native speaker marks the filled prompts
  filiberto look RUN [STAGE]             what lies at each stop of the road

  filiberto languages [te]          what there is for a language: open text, labels, encoders
  filiberto recipes                 the shipped recipes
  filiberto doctor                  what this machine can do, and what would help
  filiberto COMMAND --help          the settings of a command (run --help-all: of all stages)

RUN is a folder such as runs/it. Ctrl-C is always safe: run the same command again to go on."""


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
    elif command == "fill":
        _fill(arguments)
    elif command == "prompts":
        _prompts(arguments)
    elif command == "look":
        _look(arguments)
    elif command == "languages":
        _languages(arguments)
    elif command == "recipes":
        _recipes()
    elif command == "doctor":
        _doctor(arguments)
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
    description = _description(command, shortened=whole and not sections[1:])
    parse = partial(parse_stage, command, arguments, sections=sections, description=description)
    named = parse(base=Recipe())
    base, run = _base_recipe(command, named)
    recipe = overridden(base, parse(base=base))
    if problems := check_recipe(recipe):
        raise UsageError("\n".join(problem.lstrip(": ") for problem in problems))
    if recipe.language:
        from filiberto.corpus import languages

        recipe = dataclasses.replace(recipe, language=languages.canonical(recipe.language))
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
            price_per_hour=named.price_per_hour,
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
            on_its_way = isinstance(error, (TryAgainError, UnfinishedStageError))
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
    run, words, flags = parse_places(
        command,
        arguments,
        FinishArguments if command == "finish" else ResumeArguments,
        usage="RUN",
        description=_description(command),
    )
    if words:
        raise UsageError("takes a run folder and nothing more", hint=f"filiberto {command} RUN")
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
    own = named.run / RECIPE_FILE
    layers = [own] if own.is_file() else []
    if named.recipe is not None:
        layers.append(find_recipe(named.recipe))
    return load_recipe(*layers), named.run


def find_recipe(name: str) -> Path:
    """The file of a recipe given by path or, for a shipped one, by name."""
    shipped = Path(str(resources.files("filiberto.recipes") / f"{name}.toml"))
    return shipped if "/" not in name and shipped.is_file() else Path(name)


def _description(command: str, *, shortened: bool = False) -> str:
    line = next(line for line in HELP.splitlines() if f"filiberto {command} RUN" in line)
    text = line.split("   ")[-1].strip()
    more = f"Every setting of every stage: filiberto {command} --help-all." if shortened else ""
    return f"{text[0].upper()}{text[1:]}. {more}".strip()


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class FillArguments:
    """Flags of `filiberto fill`."""

    top_k: int = 5
    """How many fillers to show for each hole."""
    json: bool = False
    """Print JSON with the keys of transformers' fill-mask pipeline."""


def _fill(arguments: list[str]) -> None:
    run, texts, flags = parse_places(
        "fill",
        arguments,
        FillArguments,
        usage='RUN ["ciao <mask> va?"]',
        description=_description("fill"),
    )
    from filiberto.evaluate import session

    session.fill(run, texts[0] if texts else None, top_k=flags.top_k, as_json=flags.json)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PromptsArguments:
    """Flags of `filiberto prompts`."""

    out: Path | None = None
    """The page's file, in place of RUN/report/prompts.html."""
    marks: Path | None = None
    """A file that the page saved, to be kept as RUN/marks.json for the next report."""


def _prompts(arguments: list[str]) -> None:
    run, words, flags = parse_places(
        "prompts", arguments, PromptsArguments, usage="RUN", description=_description("prompts")
    )
    if words:
        raise UsageError("takes a run folder and nothing more", hint="filiberto prompts RUN")
    if flags.marks is not None and flags.out is not None:
        raise UsageError("--marks takes a file in, --out writes a page; keep one")
    from filiberto.evaluate import prompt_sheet

    if flags.marks is not None:
        prompt_sheet.take(run, flags.marks)
    else:
        prompt_sheet.write(run, out=flags.out)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LookArguments:
    """Flags of `filiberto look`."""

    rows: int = 5
    """How many documents of the corpus to show."""


def _look(arguments: list[str]) -> None:
    run, stages, flags = parse_places(
        "look", arguments, LookArguments, usage="RUN [STAGE]", description=_description("look")
    )
    from filiberto import look

    look.look(run, stages[0] if stages else None, rows=flags.rows)


def _recipes() -> None:
    for entry in sorted(resources.files("filiberto.recipes").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml") and not entry.name.startswith("prompts"):
            first = entry.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
            print(f"{entry.name.removesuffix('.toml'):<16}{first}")
    print("\nuse one: filiberto run runs/it --recipe NAME --text FILES")


def _languages(arguments: list[str]) -> None:
    from filiberto.corpus import languages

    if arguments and arguments[0].startswith("-"):
        print("usage: filiberto languages [CODE|NAME]\n\nWhat there is for a language.")
        return
    for line in languages.page(" ".join(arguments)) if arguments else languages.overview():
        print(line)


def _doctor(arguments: list[str]) -> None:
    usage = "filiberto doctor [--json]"
    if arguments in (["--help"], ["-h"]):
        print(f"usage: {usage}\n\nWhat this machine can do, and what would help.")
        return
    if arguments not in ([], ["--json"]):
        raise UsageError(f"does not know {' '.join(arguments)}", hint=usage)
    from filiberto import doctor

    doctor.run(as_json=bool(arguments))
