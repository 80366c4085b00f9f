"""docs/guarantees.md promises nothing without a test, and docs/formats.md leaves no file out."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def promises() -> list[str]:
    """The paragraphs that promise something."""
    text = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    return [part for part in text.split("\n\n") if part.startswith("**")]


def test_there_are_promises() -> None:
    assert len(promises()) > 20


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise[2:40])
def test_a_promise_names_tests_that_there_are(promise: str) -> None:
    named = NAMED.findall(promise)
    assert named
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_file_of_a_run_is_described(mini_run: Path) -> None:
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for path in mini_run.rglob("*"):
        name = re.sub(r"\d+", "", path.name)
        known = re.sub(r"\d+", "", text.replace("NNNNNNNN", ""))
        # Named by others, or by what it follows from.
        stock = path.parent.name in ("model", "tensorboard", "evaluations")
        assert path.is_dir() or stock or name in known, path
