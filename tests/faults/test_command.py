"""The whole command, killed and signalled anywhere, comes to what it would have come to (F6 to F8).

Two runs on one machine are compared; nothing is compared with numbers written down here.
"""

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from filiberto.runfolder import safeio, store
from tests.conftest import italian_lines, with_site_code
from tests.faults.conftest import Tally

STEPS, EVERY = 24, 4
SETTINGS = {
    "bf16, Muon": ["--train.precision", "bf16"],
    "fp32, AdamW": ["--train.precision", "fp32", "--train.optimizer", "adamw"],
}
HOOK = Path(__file__).with_name("hook.py")


class Place:
    """A folder in which a user has text, and runs a command again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "faults.log"
        (folder / "text.txt").write_text("\n".join(italian_lines(1_500)), encoding="utf-8")
        (folder / "site").mkdir()
        self.site = with_site_code(folder / "site", HOOK.read_text(encoding="utf-8"))

    def start(self, run: str, settings: str, fault: str = "") -> subprocess.Popen[str]:
        """The command, in a process of its own."""
        self.log.write_text("")
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "filiberto", "run", run, "--text", "text.txt"),
                *("--language", "it", "--size", "tiny", "--tokenizer.vocab-size", "600"),
                *("--corpus.validation-share", "0.1", "--corpus.validation-min-bytes", "10000"),
                *("--corpus.skip-rules", "near_duplicate", "leak"),
                *("--train.row-length", "64", "--train.batch-tokens", "512"),
                *("--train.max-steps", str(STEPS), "--train.checkpoint-steps", str(EVERY)),
                *("--train.log-steps", "3", "--evaluate.max-bytes", "5000"),
                *SETTINGS[settings],
            ],
            cwd=self.folder,
            env={**os.environ, **self.site, "FAULT": fault, "FAULT_LOG": str(self.log)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def code(self, run: str, settings: str, fault: str = "") -> int:
        """How the command ends."""
        started = self.start(run, settings, fault)
        _, told = started.communicate(timeout=120)
        assert started.returncode in (0, 75, -2, -9, -15), told
        assert not fault or self.log.read_text(), f"never met: {fault}"
        return started.returncode

    def result(self, run: str) -> dict[str, str]:
        """Hashes of all that must be the same, however often it was stopped."""
        folder = self.folder / run
        newest = store.by_step(folder / "checkpoints")[0]
        assert newest.name == f"step-{STEPS:08d}"
        assert not list(folder.rglob(f"{safeio.TEMPORARY}*"))
        files = [
            *(folder / "model" / "model.safetensors", folder / "metrics.jsonl"),
            *(newest / "model.safetensors", newest / "optimizer.safetensors"),
            *sorted((folder / "tokens").glob("*.tokens")),
            folder / "tokenizer" / "tokenizer.json",
        ]
        hashes = {
            file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
        }
        assert (folder / "report" / "manifest.json").is_file()
        return hashes


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("user"))


@pytest.fixture(scope="module")
def whole(place: Place) -> dict[str, tuple[dict[str, str], float]]:
    """Each setting's run that nothing has stopped, and its seconds."""
    found = {}
    for settings in SETTINGS:
        start = time.monotonic()
        run = f"whole-{len(found)}"
        assert place.code(run, settings) == 0
        found[settings] = (place.result(run), time.monotonic() - start)
    return found


def test_killed_at_random_it_comes_to_the_same_bits(
    place: Place,
    whole: dict[str, tuple[dict[str, str], float]],
    tally: Tally,
    trials: int,
) -> None:
    draw = random.Random(0)
    for trial in range(trials):
        settings = list(SETTINGS)[trial % 2]
        expected, seconds = whole[settings]
        for _ in range(draw.randint(1, 3)):
            started = place.start(f"random-{trial}", settings)
            try:
                started.communicate(timeout=draw.uniform(0.2, 1.0) * seconds)
            except subprocess.TimeoutExpired:
                started.kill()
                started.communicate()
                tally.add("F6", kills=1, met_open=is_open(place.folder / f"random-{trial}"))
        assert place.code(f"random-{trial}", settings) == 0
        assert place.result(f"random-{trial}") == expected
        tally.add("F6", trials=1)


def is_open(run: Path) -> bool:
    """Whether something was being written."""
    return any(run.rglob(f"{safeio.TEMPORARY}*"))


KILLS = [
    "os.mkdir|/\\.tmp-corpus|KILL",
    "os.rename|/corpus$|KILL",
    "os.mkdir|/\\.tmp-tokenizer|KILL",
    "open|/\\.tmp-tokens.*train.*|KILL",
    "os.rename|/plan.json$|KILL",
    "os.rename|/step-0{8}$|KILL",
    "os.mkdir|/\\.tmp-step-0{6}12|KILL",
    "os.rename|/\\.tmp-step-0{6}08|KILL",  # it goes for the one after the next
    "os.rename|/step-0{6}24$|KILL",
    "os.rename|/model$|KILL",
    "os.rename|/report$|KILL",
]


def test_killed_at_named_points_it_comes_to_the_same_bits(
    place: Place, whole: dict[str, tuple[dict[str, str], float]], tally: Tally
) -> None:
    for fault in KILLS:
        assert place.code("named", "bf16, Muon", fault) == -9
        tally.add("F7", kills=1, met_open=is_open(place.folder / "named"))
    assert place.code("named", "bf16, Muon") == 0
    assert place.result("named") == whole["bf16, Muon"][0]


SIGNALS = [
    ("os.mkdir|/\\.tmp-corpus|TERM", 75),
    ("os.mkdir|/\\.tmp-tokenizer|INT", 75),
    ("open|/\\.tmp-tokens.*train.*|TERM", 75),
    ("os.mkdir|/\\.tmp-step-0{6}04|INT", 75),
    ("os.mkdir|/\\.tmp-step-0{6}12|TERM", 75),
    ("os.mkdir|/\\.tmp-step-0{6}20|INT INT", -2),
    ("os.mkdir|/\\.tmp-report|TERM", 75),
]


def test_stopped_by_signals_it_comes_to_the_same_bits(
    place: Place, whole: dict[str, tuple[dict[str, str], float]], tally: Tally
) -> None:
    for fault, code in SIGNALS:
        assert place.code("signalled", "bf16, Muon", fault) == code, fault
        tally.add("F8", signals=1)
    assert place.code("signalled", "bf16, Muon") == 0
    assert place.result("signalled") == whole["bf16, Muon"][0]
