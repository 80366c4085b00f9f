"""Prompts as they are read: a sentence with the model's first guess in each hole.

prompt of metrics.json -> pieces of text, holes with fillers that are right or wrong
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_HOLE = re.compile("<mask>|___")


@dataclass(frozen=True, kw_only=True)
class Filler:
    """A word for a hole.

    Attributes:
        tokens: of an accepted answer that a single `<mask>` cannot show, more than one.
        mark: what a reader marked it; empty where nobody did.
    """

    word: str
    probability: float
    right: bool
    tokens: int = 1
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class Hole:
    """What stands in a hole: the likeliest words, accepted ones of several tokens, the rank."""

    fillers: list[Filler]
    long: list[Filler]
    answers: list[str]
    rank: int | None

    @property
    def first(self) -> Filler | None:
        """The likeliest; None where the hole was not filled."""
        return max([*self.fillers, *self.long], key=lambda filler: filler.probability, default=None)


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A prompt: text and holes in their order, and what other models put first.

    Attributes:
        remark: what a reader wrote beside it.
    """

    pieces: list[str | Hole]
    note: str
    problem: str
    remark: str
    others: list[tuple[str, list[Hole]]]

    @property
    def holes(self) -> list[Hole]:
        """Of the sentence."""
        return [piece for piece in self.pieces if isinstance(piece, Hole)]


def sentences(models: Sequence[dict[str, Any]]) -> list[Sentence]:
    """The prompts of the first model, with the guesses of the others beside.

    Args:
        models: each with a `name` and perhaps `prompts`; the first perhaps with `marks`.
    """
    own, *others = models
    marks = own.get("marks") or {}
    marked = {(m["text"], m["hole"], m["word"]): m["mark"] for m in marks.get("words", [])}
    remarks = {note["text"]: note["note"] for note in marks.get("notes", [])}
    same = [(m["name"], {p["text"]: p for p in m.get("prompts") or []}) for m in others]
    return [
        Sentence(
            pieces=_pieces(prompt["text"], holes_of(prompt, marked)),
            note=prompt.get("note") or "",
            problem=prompt.get("problem") or "",
            remark=remarks.get(prompt["text"], ""),
            others=[
                (name, holes_of(prompts[prompt["text"]]))
                for name, prompts in same
                if prompt["text"] in prompts
            ],
        )
        for prompt in own.get("prompts") or []
    ]


_Marked = Mapping[tuple[str, int, str], str]


def holes_of(prompt: dict[str, Any], marked: _Marked | None = None) -> list[Hole]:
    """Its holes; a prompt with one is that hole.

    Args:
        prompt: as metrics.json has it.
        marked: marks by text, number of the hole from 1, and word.
    """
    some, text = marked or {}, prompt["text"]
    return [
        _hole(data, {word: mark for (t, n, word), mark in some.items() if (t, n) == (text, number)})
        for number, data in enumerate(prompt.get("holes") or [prompt], 1)
    ]


def _hole(data: dict[str, Any], marks: Mapping[str, str]) -> Hole:
    answers = [answer for answer in data.get("answers", []) if isinstance(answer, str)]
    right = {answer.casefold() for answer in answers}
    shown = [
        Filler(
            word=entry["word"],
            probability=entry["probability"],
            right=entry["word"].casefold() in right,
            mark=marks.get(entry["word"], ""),
        )
        for entry in data.get("top", [])
    ]
    seen = {filler.word.casefold() for filler in shown}
    long = [
        Filler(
            word=entry["word"],
            probability=entry["probability"],
            right=True,
            tokens=entry["tokens"],
        )
        for entry in data.get("accepted", [])
        if entry.get("tokens", 1) > 1 and entry["word"].casefold() not in seen
    ]
    return Hole(fillers=shown, long=long, answers=answers, rank=data.get("rank"))


def _pieces(text: str, holes: list[Hole]) -> list[str | Hole]:
    """Text and holes in turn; a hole that nothing is known of stays as it was written."""
    pieces: list[str | Hole] = []
    waiting, end = list(holes), 0
    for found in _HOLE.finditer(text):
        if not waiting:
            break
        pieces += [text[end : found.start()], waiting.pop(0)]
        end = found.end()
    return [piece for piece in [*pieces, text[end:]] if piece]
