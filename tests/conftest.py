"""Shared fixtures: one miniature run, walked once for all tests that read a finished one."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from filiberto import corpus, evaluate, tokenizer, tokens, train
from filiberto.config import (
    CorpusConfig,
    EvaluateConfig,
    Recipe,
    TokenizerConfig,
    TrainConfig,
)

os.environ["DO_NOT_TRACK"] = "1"

MINIATURE = TrainConfig(row_length=64, batch_tokens=512, max_steps=40, peak_lr=3e-3)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Add up what several processes have counted in `faults/`."""
    reports = session.config.rootpath / "reports"
    parts = sorted(reports.glob("faults-gw*.json"))
    if hasattr(session.config, "workerinput") or not parts:
        return
    total: dict[str, Counter[str]] = {}
    for part in parts:
        for fault, figures in json.loads(part.read_text()).items():
            total.setdefault(fault, Counter()).update(figures)
        part.unlink()
    (reports / "faults.json").write_text(json.dumps(total, indent=2, sort_keys=True) + "\n")


def italian_lines(number: int) -> list[str]:
    """Sentences of a few patterns, all different, enough to learn something from."""
    names = ["Anna", "Luca", "Marta", "Paolo", "Sara", "Carlo", "Elena", "Fabio"]
    verbs = ["legge", "scrive", "cerca", "compra", "porta", "guarda", "perde", "trova"]
    things = ["il libro", "la lettera", "l'orologio", "il pane", "la chiave", "lo zaino"]
    times = ["oggi", "la mattina", "ogni sera", "la domenica", "d'estate", "dopo cena"]
    return [
        f"{names[i % 8]} {verbs[i // 8 % 8]} {things[i // 64 % 6]} {times[i // 384 % 6]}, "
        f"e alle {i % 23 + 1} torna a casa numero {i}."
        for i in range(number)
    ]


def miniature_recipe(text: Path) -> Recipe:
    """The whole road at miniature size."""
    return Recipe(
        text=(str(text),),
        language="it",
        size="tiny",
        corpus=CorpusConfig(
            validation_share=0.1,
            validation_min_bytes=10_000,
            skip_rules=("near_duplicate", "leak"),  # its lines are all alike
        ),
        tokenizer=TokenizerConfig(vocab_size=600),
        train=MINIATURE,
        evaluate=EvaluateConfig(max_bytes=20_000),
    )


def build_miniature(run: Path, text: Path) -> None:
    """Walk the whole road at miniature size through the library."""
    run.mkdir(exist_ok=True)
    recipe = miniature_recipe(text)
    corpus.build(run, text=list(recipe.text), settings=recipe.corpus, language="it")
    tokenizer.build(run, settings=recipe.tokenizer, language="it")
    tokens.build(run)
    train.build(run, settings=recipe.train, size="tiny", language="it")
    evaluate.build(run, settings=recipe.evaluate, language="it")


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "frasi.txt"
    path.write_text("\n".join(italian_lines(2_300)) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def mini_run(tmp_path_factory: pytest.TempPathFactory, text_file: Path) -> Path:
    """A finished run; tests must not change it."""
    run = tmp_path_factory.mktemp("runs") / "mini"
    build_miniature(run, text_file)
    return run


def with_tokens_of(mini_run: Path, folder: Path) -> Path:
    """A run whose tokens are finished and that nobody has trained."""
    folder.mkdir()
    for name in ("tokens", "tokenizer"):
        shutil.copytree(mini_run / name, folder / name)
    return folder


def filiberto(
    *arguments: str | Path,
    cwd: Path | None = None,
    stdin: str = "",
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "filiberto", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        input=stdin,
        env={**os.environ, **(env or {})},
        timeout=300,
        check=False,
    )


def with_site_code(folder: Path, code: str) -> dict[str, str]:
    """The environment of a Python that runs `code` first; the code is put into `folder`."""
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}


# Ends the process at its first attempt to reach anyone, whatever library makes it.
NO_NETWORK = """\
import os, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        os.write(2, f"NETWORK: {event} {arguments}".encode())
        os._exit(99)

sys.addaudithook(refuse)
"""
