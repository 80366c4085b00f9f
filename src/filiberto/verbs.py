"""The commands that read a finished run, or none at all: their words, flags and help.

Nothing heavy is imported before the command is known.
"""

from __future__ import annotations

import dataclasses
from importlib import resources
from pathlib import Path

from filiberto.arguments import parse_places
from filiberto.errors import UsageError
from filiberto.manual import description


@dataclasses.dataclass(frozen=True, kw_only=True)
class FillArguments:
    """Flags of `filiberto fill`."""

    top_k: int = 5
    """How many fillers to show for each hole."""
    json: bool = False
    """Print JSON with the keys of transformers' fill-mask pipeline."""


def fill(arguments: list[str]) -> None:
    """`filiberto fill RUN [TEXT]`."""
    run, texts, flags = parse_places(
        "fill",
        arguments,
        FillArguments,
        usage='RUN ["ciao <mask> va?"]',
        beside="A text with <mask>, one token, or ___, one word; without it a prompt stays open.",
        description=description("fill"),
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


def prompts(arguments: list[str]) -> None:
    """`filiberto prompts RUN`."""
    run, _, flags = parse_places(
        "prompts", arguments, PromptsArguments, usage="RUN", description=description("prompts")
    )
    if flags.marks is not None and flags.out is not None:
        raise UsageError("--marks takes a file in, --out writes a page; keep one")
    from filiberto.evaluate import prompt_sheet

    if flags.marks is not None:
        prompt_sheet.take(run, flags.marks)
    else:
        prompt_sheet.write(run, out=flags.out)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TuneArguments:
    """Flags of `filiberto tune`."""

    dev: Path | None = None
    """Sentences that choose among optimizers and learning rates; without it a tenth of FILE."""
    test: Path | None = None
    """Sentences on which the tagger is scored."""
    out: Path | None = None
    """The folder to make, in place of RUN/tagger."""


def tune(arguments: list[str]) -> None:
    """`filiberto tune RUN FILE`."""
    run, files, flags = parse_places(
        "tune",
        arguments,
        TuneArguments,
        usage="RUN FILE",
        beside="FILE holds labelled sentences: a treebank's .conllu for parts of speech, or a "
        "word, a tab and its label on each line for names.",
        description=description("tune"),
    )
    if not files:
        raise UsageError("no labelled file is named", hint=f"filiberto tune {run} train.conllu")
    from filiberto.evaluate import tagger

    out = flags.out or run / "tagger"
    tagger.tune(run, Path(files[0]), dev=flags.dev, test=flags.test, out=out)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportArguments:
    """Flags of `filiberto export`."""

    onnx: bool = False
    """Write RUN/export: ONNX files in fp32 and int8, and measure them."""
    page: Path | None = None
    """The folder to make of a page that runs the int8 file in its reader's browser."""
    runtime: Path | None = None
    """Folder with the page's libraries, such as `runtime` of an earlier page; without it npm
    fetches them, over the network."""


def export(arguments: list[str]) -> None:
    """`filiberto export RUN --onnx` or `--page FOLDER`."""
    run, _, flags = parse_places(
        "export", arguments, ExportArguments, usage="RUN", description=description("export")
    )
    if not (flags.onnx or flags.page):
        raise UsageError(
            "takes a run and what to make of it",
            hint=f"filiberto export {run} --onnx, or --page FOLDER",
        )
    if flags.onnx:
        from filiberto.publish import onnx

        onnx.export(run)
    if flags.page:
        from filiberto.publish import page

        page.export(run, flags.page, runtime=flags.runtime)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishArguments:
    """Flags of `filiberto publish`."""

    to: str | None = None
    """The repository, OWNER/NAME; it is made where there is none."""
    public: bool = False
    """Let everybody see it; without this the repository is private."""
    license: str | None = None
    """Licence of the model, as the Hub names it: mit, apache-2.0, cc-by-sa-4.0."""
    text_license: str | None = None
    """Licence of the text; unset, that of its data set where it is from the Hub."""
    space: bool = False
    """Make a static Space of the same name too: the page that runs the model in its reader's
    browser, as `filiberto export RUN --page FOLDER` makes it, with the same needs: npm or
    --runtime, and filiberto[onnx] where RUN has no export yet."""
    runtime: Path | None = None
    """For --space, as for `filiberto export`: folder with the page's libraries."""
    dry_run: bool = False
    """Show every file and its size, and send nothing."""
    force: bool = False
    """Write into a repository that holds nothing of filiberto."""


def publish(arguments: list[str]) -> None:
    """`filiberto publish RUN --to OWNER/NAME`."""
    run, _, flags = parse_places(
        "publish", arguments, PublishArguments, usage="RUN", description=description("publish")
    )
    if flags.to is None:
        raise UsageError(
            "takes a run folder and the name of a repository",
            hint=f"filiberto publish {run} --to OWNER/NAME",
        )
    if flags.runtime and not flags.space:
        raise UsageError("--runtime is of the page", hint="add --space, or leave it out")
    from filiberto.publish import hub

    hub.publish(
        run,
        to=flags.to,
        public=flags.public,
        licence=flags.license,
        text_licence=flags.text_license,
        space=flags.space,
        runtime=flags.runtime,
        dry_run=flags.dry_run,
        force=flags.force,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServeArguments:
    """Flags of `filiberto serve`."""

    port: int = 8000
    """To listen at; 0 for a free one."""
    host: str = "127.0.0.1"
    """To listen at; any other than this machine alone needs --token."""
    token: str | None = None
    """A secret of your choice that a browser must show."""
    against: str | None = None
    """Another model whose guesses are shown beside: a run, a model folder, or OWNER/NAME."""


def serve(arguments: list[str]) -> None:
    """`filiberto serve RUN`."""
    run, _, flags = parse_places(
        "serve", arguments, ServeArguments, usage="RUN", description=description("serve")
    )
    if not 0 <= flags.port < 65_536:
        raise UsageError(f"--port {flags.port} is none", hint="a port is 0 to 65535; 0 is any")
    from filiberto.publish.serve import serve

    serve(run, against=flags.against, host=flags.host, port=flags.port, token=flags.token)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LookArguments:
    """Flags of `filiberto look`."""

    rows: int = 5
    """How many documents of the corpus to show."""


def look(arguments: list[str]) -> None:
    """`filiberto look RUN [STAGE]`."""
    run, stages, flags = parse_places(
        "look",
        arguments,
        LookArguments,
        usage="RUN [STAGE]",
        beside="STAGE is corpus, tokenizer, tokens, train or evaluate; without it all.",
        description=description("look"),
    )
    from filiberto.look import look as show

    show(run, stages[0] if stages else None, rows=flags.rows)


def recipes(_arguments: list[str]) -> None:
    """`filiberto recipes`."""
    for entry in sorted(resources.files("filiberto.recipes").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml") and not entry.name.startswith("prompts"):
            first = entry.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
            print(f"{entry.name.removesuffix('.toml'):<16}{first}")
    print("\nuse one: filiberto run runs/it --recipe NAME --text FILES")


def languages(arguments: list[str]) -> None:
    """`filiberto languages [CODE|NAME]`."""
    from filiberto.corpus import languages as known

    if arguments and arguments[0].startswith("-"):
        print("usage: filiberto languages [CODE|NAME]\n\nWhat there is for a language.")
        return
    for line in known.page(" ".join(arguments)) if arguments else known.overview():
        print(line)


def doctor(arguments: list[str]) -> None:
    """`filiberto doctor`."""
    usage = "filiberto doctor [--json]"
    if arguments in (["--help"], ["-h"]):
        print(f"usage: {usage}\n\nWhat this machine can do, and what would help.")
        return
    if arguments not in ([], ["--json"]):
        raise UsageError(f"does not know {' '.join(arguments)}", hint=usage)
    from filiberto.doctor import run

    run(as_json=bool(arguments))
