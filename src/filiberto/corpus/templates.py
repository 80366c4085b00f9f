"""The language of the sentence templates: text, `[alternatives|of|text]` and `{slots with words}`.

    "[Ieri|Oggi] {s} {V}." -> (Choice((("Ieri",), ("Oggi",))), " ", Slot("s", ()), " ", ...)

An alternative may be empty, and may hold slots and further brackets.
"""

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Choice:
    """One of several runs of nodes."""

    options: tuple[tuple["Node", ...], ...]


@dataclass(frozen=True)
class Slot:
    """A name with its arguments, in braces."""

    name: str
    arguments: tuple[str, ...]


Node = str | Choice | Slot


@cache
def parse(template: str) -> tuple[Node, ...]:
    """Read a template into nodes.

    Raises:
        ValueError: a bracket or a brace is not closed, or closes nothing.
    """
    options, end = _options(template, 0)
    if end != len(template):
        raise ValueError(f"template {template!r}: the bracket at {end} closes nothing")
    return options[0] if len(options) == 1 else (Choice(options),)


def _options(template: str, at: int) -> tuple[tuple[tuple[Node, ...], ...], int]:
    """The alternatives from a place on, and where their closing bracket or the end is."""
    options: list[tuple[Node, ...]] = []
    nodes: list[Node] = []
    while at < len(template) and template[at] != "]":
        if template[at] == "|":
            options.append(tuple(nodes))
            nodes = []
            at += 1
        else:
            node, at = _node(template, at)
            nodes.append(node)
    return (*options, tuple(nodes)), at


def _node(template: str, at: int) -> tuple[Node, int]:
    if template[at] == "[":
        options, end = _options(template, at + 1)
        if end == len(template):
            raise ValueError(f"template {template!r}: the bracket at {at} is not closed")
        return Choice(options), end + 1
    if template[at] == "{":
        end = template.find("}", at)
        if end < 0:
            raise ValueError(f"template {template!r}: the brace at {at} is not closed")
        name, *arguments = template[at + 1 : end].split()
        return Slot(name, tuple(arguments)), end + 1
    end = at
    while end < len(template) and template[end] not in "[]{|":
        end += 1
    return template[at:end], end
