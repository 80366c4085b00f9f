"""`filiberto fill`: one text, or one after the other from the keyboard or a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filiberto.console import say
from filiberto.errors import UsageError
from filiberto.evaluate.fill import fill as fill_text
from filiberto.evaluate.model import Reader, load_reader

_PROMPT = "text> "


def fill(run: Path, text: str | None, *, top_k: int, as_json: bool) -> None:
    """Print the fillers of a text, or of each line that is typed until the input ends.

    Args:
        run: a run folder or a model folder.
        text: with `<mask>` or `___`; None to read lines from standard input.
        top_k: fillers for each hole.
        as_json: machine-readable, a JSON value a line.

    Raises:
        UsageError: the text cannot be filled (typed lines only print the message).
    """
    reader = load_reader(run)
    if text is not None:
        _show(reader, text, top_k=top_k, as_json=as_json)
        return
    for line in _typed_lines():
        try:
            _show(reader, line, top_k=top_k, as_json=as_json)
        except UsageError as error:
            print(error, file=sys.stderr)


def _typed_lines() -> Iterator[str]:
    asking = sys.stdin.isatty()
    if asking:
        import readline  # noqa: F401  (gives input() history and editing)

        say("Type a text with <mask> (one token) or ___ (one word); Ctrl-D ends.")
    while True:
        try:
            line = input(_PROMPT if asking else "")
        except (EOFError, KeyboardInterrupt):
            return
        if line.strip():
            yield line


def _show(reader: Reader, text: str, *, top_k: int, as_json: bool) -> None:
    found = fill_text(reader, text, top_k=top_k)
    if as_json:
        say(json.dumps(found, ensure_ascii=False))
        return
    holes: list[list[dict[str, Any]]] = found if isinstance(found[0], list) else [found]
    for number, answers in enumerate(holes, 1):
        if len(holes) > 1:
            say(f"<mask> {number}")
        for answer in answers:
            say(
                f"{100 * answer['score']:6.1f} %  {answer['token_str'].strip():<20} "
                f"{answer['sequence'] if len(holes) == 1 else ''}".rstrip()
            )
