"""A user's folder in which one command is given again and again, and stopped in any way."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from filiberto.runfolder import safeio, store
from tests.conftest import italian_lines, with_site_code

STEPS, EVERY = 24, 4
SETTINGS = {
    "bf16, Muon": ["--train.precision", "bf16"],
    "fp32, AdamW": ["--train.precision", "fp32", "--train.optimizer", "adamw"],
}
MUON = "bf16, Muon"
HOOK = Path(__file__).with_name("hook.py")


class Place:
    """A folder with text, and commands in processes of their own, each with a fault or without.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "faults.log"
        (folder / "text.txt").write_text("\n".join(italian_lines(1_500)), encoding="utf-8")
        (folder / "site").mkdir()
        self.site = with_site_code(folder / "site", HOOK.read_text(encoding="utf-8"))
        self.env: dict[str, str] = {}

    def filiberto(self, *arguments: str, fault: str = "") -> subprocess.Popen[str]:
        """Start a command."""
        self.log.write_text("")
        return subprocess.Popen(
            [sys.executable, "-m", "filiberto", *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                **self.site,
                **self.env,
                "FAULT": fault,
                "FAULT_LOG": str(self.log),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(
        self, run: str, settings: str = MUON, *more: str, fault: str = ""
    ) -> subprocess.Popen[str]:
        """Start `filiberto run` with all settings, the same each time."""
        return self.filiberto(
            *("run", run, "--text", "text.txt", "--language", "it", "--size", "tiny"),
            *("--corpus.validation-share", "0.1", "--corpus.validation-min-bytes", "10000"),
            *("--corpus.skip-rules", "near_duplicate", "leak"),
            *("--tokenizer.vocab-size", "600"),
            *("--train.row-length", "64", "--train.batch-tokens", "512"),
            *("--train.max-steps", str(STEPS), "--train.checkpoint-steps", str(EVERY)),
            *("--train.log-steps", "3", "--evaluate.max-bytes", "5000"),
            *(*SETTINGS[settings], *more),
            fault=fault,
        )

    def end(self, started: subprocess.Popen[str]) -> tuple[int, str]:
        """How a command ends, and what it prints."""
        out, told = started.communicate(timeout=240)
        assert started.returncode in (0, 2, 75, 76, -2, -9, -15), told
        return started.returncode, out + told

    def code(self, run: str, settings: str = MUON, *more: str, fault: str = "") -> int:
        """How `filiberto run` ends; a fault must be met."""
        code, _ = self.end(self.start(run, settings, *more, fault=fault))
        assert not fault or self.log.read_text(), f"never met: {fault}"
        return code

    def result(self, run: str) -> dict[str, str]:
        """Hashes of all that must be the same, however often it was stopped."""
        folder = self.folder / run
        newest = store.by_step(folder / "checkpoints")[0]
        assert newest.name == f"step-{STEPS:08d}"
        assert (folder / "report" / "manifest.json").is_file()
        made = json.loads((folder / "model" / "manifest.json").read_text(encoding="utf-8"))
        assert made["facts"]["exact"] is True
        assert not is_open(folder)
        files = [
            *(folder / "model" / "model.safetensors", folder / "metrics.jsonl"),
            *(newest / "model.safetensors", newest / "optimizer.safetensors"),
            *sorted((folder / "tokens").glob("*.tokens")),
            folder / "tokenizer" / "tokenizer.json",
        ]
        return {
            file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
        }


def is_open(run: Path) -> bool:
    """Whether something was being written."""
    return any(run.rglob(f"{safeio.TEMPORARY}*"))
