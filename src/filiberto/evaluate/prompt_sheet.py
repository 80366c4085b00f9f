"""A page for a native speaker: each prompt with the model's fillers, to be marked by tap or key.

    report/metrics.json, marks.json  ->  one HTML file  ->  her browser  ->  a file of marks

The page needs no network and asks for none; its marks stay in the browser until they are saved.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from filiberto.console import say
from filiberto.errors import UsageError
from filiberto.evaluate import marks
from filiberto.runfolder import lock, manifest, safeio

SHEET = Path("report") / "prompts.html"


def write(run: Path, *, out: Path | None) -> None:
    """Write the sheet of a run's prompts, with the marks that the run keeps already in it.

    Args:
        run: the run folder; its report is finished.
        out: the file, None for `report/prompts.html` of the run.

    Raises:
        UnfinishedStageError: there is no report.
        UsageError: the report has no prompts, or `out` is a folder.
    """
    if out is not None and out.is_dir():
        raise UsageError(f"{out} is a folder", hint=f"name a file: --out {out / SHEET.name}")
    text = page(run.resolve().name, _prompts(run), marks.of(run))
    if out is None:
        with lock.own(run):
            safeio.write_bytes(run / SHEET, text.encode())
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        safeio.write_bytes(out, text.encode())
    say(f"{out or run / SHEET}: open it in a browser, on a phone too; what it saves comes back by")
    say(f"  filiberto prompts {run} --marks FILE")


def take(run: Path, path: Path) -> None:
    """Keep a file of marks in a run, for its next report.

    Raises:
        UnfinishedStageError: there is no report.
        UsageError: the file is malformed or of other prompts.
    """
    with lock.own(run):
        found = marks.keep(run, path, _prompts(run))
    say(f"{run / marks.MARKS} has {len(found.marks)} marks and {len(found.notes)} notes")
    say(f"  count them in the report: filiberto evaluate {run}")


def page(name: str, prompts: list[dict[str, Any]], marked: marks.Marks | None) -> str:
    """The sheet as a page of its own, with all text escaped and nothing fetched.

    Args:
        name: of the run.
        prompts: as `answer_prompts` gives them; of one that comes twice the first is shown.
        marked: what is marked to begin with.
    """
    import jinja2

    cards = [_card(prompt) for prompt in marks.first_of_each(prompts, "text")]
    shown = json.dumps([name, cards], sort_keys=True)
    texts = {card["text"] for card in cards}
    known = marked or marks.Marks((), ())
    data = {
        "key": f"filiberto-marks-{hashlib.sha256(shown.encode()).hexdigest()[:16]}",
        "format": marks.FORMAT,
        "version": marks.VERSION,
        "marks": [asdict(mark) for mark in known.marks if mark.text in texts],
        "notes": [asdict(note) for note in known.notes if note.text in texts],
    }
    template = resources.files("filiberto.evaluate").joinpath("prompts.html.jinja")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template.read_text("utf-8")).render(
        name=name, cards=cards, data=data
    )


def _card(prompt: dict[str, Any]) -> dict[str, Any]:
    text = prompt["text"]
    return {
        "text": text,
        "parts": text.split("___" if "___" in text else "<mask>"),
        "note": prompt["note"],
        "problem": prompt["problem"],
        "holes": [
            marks.first_of_each(hole["top"], "word") for hole in prompt.get("holes", [prompt])
        ],
    }


def _prompts(run: Path) -> list[dict[str, Any]]:
    prompts = manifest.require(run, "report").facts.get("prompts", [])
    if not prompts:
        raise UsageError(
            f"the report of {run} has no prompts",
            hint=f"write some: filiberto evaluate {run} --evaluate.prompts FILE.toml",
        )
    return prompts
