"""What a native speaker marked on the sheet of prompts: each filler right, wrong or unsure.

    report/prompts.html  --her browser-->  a file  --filiberto prompts RUN --marks-->  marks.json

A mark says whether a word fits a hole, which is so whatever the model; marks outlive a report.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from filiberto.errors import UsageError
from filiberto.runfolder import safeio

Judgement = Literal["right", "wrong", "unsure"]

MARKS = "marks.json"
FORMAT, VERSION = "filiberto-marks", 1

_HINT = "take the file that the sheet of `filiberto prompts RUN` saves, as it is"


@dataclass(frozen=True)
class Mark:
    """A word in a hole of a prompt, and what it was marked.

    Attributes:
        hole: its number in the prompt from 1.
    """

    text: str
    hole: int
    word: str
    mark: Judgement


@dataclass(frozen=True)
class Note:
    """What was written beside a prompt."""

    text: str
    note: str


@dataclass(frozen=True)
class Marks:
    """All that one file holds."""

    marks: tuple[Mark, ...]
    notes: tuple[Note, ...]


def of(run: Path) -> Marks | None:
    """The marks that a run keeps, None where there are none.

    Raises:
        UsageError: its file holds something else.
    """
    path = run / MARKS
    return read_marks(path) if path.is_file() else None


def keep(run: Path, path: Path, prompts: Iterable[dict[str, Any]]) -> Marks:
    """Put a file of marks into a run folder, in the place of the one before.

    Args:
        run: the run folder.
        path: of the file that the sheet saved.
        prompts: of the run's report.

    Raises:
        UsageError: the file is missing or malformed, or marks a prompt that the report lacks.
    """
    found = read_marks(path)
    known = {prompt["text"] for prompt in prompts}
    for entry in (*found.marks, *found.notes):
        if entry.text not in known:
            raise UsageError(
                f"{path}: marks the prompt {entry.text!r}, which the report of {run} does not have",
                hint="give each run the marks of its own sheet",
            )
    safeio.write_json(run / MARKS, {"format": FORMAT, "version": VERSION, **asdict(found)})
    return found


def fold(prompts: Iterable[dict[str, Any]], marks: Marks) -> dict[str, Any]:
    """Count marks on the fillers that a report shows.

    Returns:
        How many fillers are `right`, `wrong` and `unsure`; how many holes have a mark on their
        `first` filler, and of these how many a right one; the `words` that were counted; `notes`.
    """
    known = {(mark.text, mark.hole, mark.word): mark for mark in marks.marks}
    words: list[Mark] = []
    first: list[str] = []
    asked = first_of_each(prompts, "text")
    for prompt in asked:
        for number, hole in enumerate(prompt.get("holes", [prompt]), 1):
            fillers = [filler["word"] for filler in first_of_each(hole["top"], "word")]
            shown = [known.get((prompt["text"], number, word)) for word in fillers]
            words += [mark for mark in shown if mark is not None]
            first += [mark.mark for mark in shown[:1] if mark is not None]
    texts = {prompt["text"] for prompt in asked}
    counts = Counter(mark.mark for mark in words)
    return {
        **{judgement: counts[judgement] for judgement in get_args(Judgement)},
        "first": {"marked": len(first), "right": first.count("right")},
        "words": [asdict(mark) for mark in words],
        "notes": [asdict(note) for note in marks.notes if note.text in texts],
    }


def marks_told(found: dict[str, Any]) -> str:
    """What `fold` counted, in words."""
    told = ", ".join(f"{found[key]} {key}" for key in get_args(Judgement) if found[key])
    if not told:
        return "no filler that is shown"
    right, marked = found["first"]["right"], found["first"]["marked"]
    return f"{told}; the first filler is right in {right} of {marked}" if marked else told


def first_of_each(entries: Iterable[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """The entries without those whose value of `key` came before: nobody marks a thing twice.

    A prompt may stand in a file twice, and two tokens may spell one word, with a space and without.
    """
    found: dict[Any, dict[str, Any]] = {}
    for entry in entries:
        found.setdefault(entry[key], entry)
    return list(found.values())


def read_marks(path: Path) -> Marks:
    """Read a file of marks.

    Raises:
        UsageError: it is missing or malformed, or marks a word twice.
    """
    try:
        data = json.loads(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"{path}: no such file of marks") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no file of marks: {error}", hint=_HINT) from None
    whole = _fields(path, "the file", data, format=str, version=int, marks=list, notes=list)
    if (whole["format"], whole["version"]) != (FORMAT, VERSION):
        raise UsageError(
            f"{path} is of format {whole['format']!r}, version {whole['version']}; "
            f"it must be {FORMAT!r}, version {VERSION}",
            hint=_HINT,
        )
    marks = [_mark(path, number, entry) for number, entry in enumerate(whole["marks"], 1)]
    _once(path, [(mark.text, mark.hole, mark.word) for mark in marks])
    notes = [
        Note(**_fields(path, f"note {number}", entry, text=str, note=str))
        for number, entry in enumerate(whole["notes"], 1)
    ]
    _once(path, [(note.text,) for note in notes])
    return Marks(tuple(marks), tuple(notes))


def _mark(path: Path, number: int, entry: Any) -> Mark:
    fields = _fields(path, f"mark {number}", entry, text=str, hole=int, word=str, mark=str)
    allowed = get_args(Judgement)
    if fields["mark"] not in allowed:
        raise _wrong(path, f"mark {number}", "mark", fields["mark"], " or ".join(allowed))
    if fields["hole"] < 1:
        raise _wrong(path, f"mark {number}", "hole", fields["hole"], "1 or more")
    return Mark(**fields)


def _fields(path: Path, place: str, value: Any, **types: type) -> dict[str, Any]:
    """The value, if it is an object with just these keys and types."""
    if not isinstance(value, dict) or value.keys() != types.keys():
        seen = (", ".join(value) if isinstance(value, dict) else repr(value))[:80]
        raise UsageError(
            f"{path}, {place}: has {seen or 'nothing'}; it must have {', '.join(types)}", hint=_HINT
        )
    for key, kind in types.items():
        if type(value[key]) is not kind:
            raise _wrong(path, place, key, value[key], _KINDS[kind])
        if kind is str and not _encodes(value[key]):
            raise _wrong(path, place, key, value[key], "text")
    return value


_KINDS: dict[type, str] = {str: "text", int: "a whole number", list: "a list"}


def _encodes(text: str) -> bool:
    """Whether a text is whole: JSON can write half of a surrogate pair, UTF-8 cannot."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _once(path: Path, keys: list[tuple[Any, ...]]) -> None:
    twice = next((key for key, times in Counter(keys).items() if times > 1), None)
    if twice is not None:
        raise UsageError(f"{path}: has {twice} twice", hint=_HINT)


def _wrong(path: Path, place: str, key: str, seen: Any, right: str) -> UsageError:
    shown = repr(seen)[:80]
    return UsageError(f"{path}, {place}: `{key}` is {shown}; it must be {right}", hint=_HINT)
