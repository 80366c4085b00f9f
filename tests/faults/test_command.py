"""The whole command, killed and signalled anywhere, comes to what it would have come to (F6 to F8).

Two runs on one machine are compared; nothing is compared with numbers written down here.
"""

import random
import re
import subprocess
import tempfile
import time
from pathlib import Path

from filiberto.runfolder import safeio
from tests.faults.conftest import Tally, Whole
from tests.faults.place import MUON, SETTINGS, Place, is_open

# What grows where it lies, and the one who holds the folder; all else appears by a rename.
IN_PLACE = ("RUN.lock", "metrics.jsonl", "timings.jsonl", "tensorboard/")
FOLDERS = ("checkpoints", "evaluations", "tensorboard")


def test_all_that_is_written_is_written_aside_and_renamed(user: Place, whole: Whole) -> None:
    run = user.folder / "whole-0"
    paths = (user.folder / "whole-0.writes").read_text().splitlines()
    written = [Path(path) for path in dict.fromkeys(paths)]
    inside = [path.relative_to(run).as_posix() for path in written if path.is_relative_to(run)]
    outside = [path for path in written if not path.is_relative_to(run)]
    renamed = {"corpus", "tokenizer", "tokens", "model", "report", "recipe.toml", "plan.json"}
    assert renamed < {name for name in inside if safeio.TEMPORARY not in name}
    odd = [
        name
        for name in inside
        if safeio.TEMPORARY not in name
        and not name.startswith(IN_PLACE)
        and name not in renamed | {"environment.json", ".", *FOLDERS}
        and not re.fullmatch(r"checkpoints/step-.*|evaluations/\w+\.json", name)
    ]
    assert not odd
    # Python itself tries whether files can be made where it keeps temporary ones.
    tried = Path(tempfile.gettempdir())
    assert not [p for p in outside if p.parent != tried and not p.is_relative_to("/dev")]


def test_place_language_and_hash_seed_of_the_machine_change_nothing(
    user: Place, whole: Whole, tally: Tally
) -> None:
    user.env = {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONHASHSEED": "77"}
    try:
        assert user.code("elsewhere") == 0
    finally:
        user.env = {}
    assert user.result("elsewhere") == whole[MUON][0]
    tally.add("F17", runs=1)


# So seldom is something being written that few kills at random find it so.
AIMED_SHARE, AIM_SECONDS = 0.4, 5.0


def wait_until_open(started: subprocess.Popen[str], run: Path) -> None:
    """Return as soon as something is being written, or nothing has been for a while."""
    end = time.monotonic() + AIM_SECONDS
    while started.poll() is None and time.monotonic() < end and not is_open(run):
        time.sleep(0.0005)


def test_killed_at_random_it_comes_to_the_same_bits(
    user: Place, whole: Whole, tally: Tally, full: bool
) -> None:
    draw, kills, met_open = random.Random(0), 0, 0
    for trial in range(30 if full else 5):
        settings = list(SETTINGS)[trial % 2]
        expected, seconds = whole[settings]
        for _ in range(draw.randint(1, 3)):
            started = user.start(f"random-{trial}", settings)
            try:
                started.communicate(timeout=draw.uniform(0.2, 1.0) * seconds)
            except subprocess.TimeoutExpired:
                if full and draw.random() < AIMED_SHARE:
                    wait_until_open(started, user.folder / f"random-{trial}")
                started.kill()
                started.communicate()
                kills += 1
                met_open += is_open(user.folder / f"random-{trial}")
            else:
                assert started.returncode == 0
        assert user.code(f"random-{trial}", settings) == 0
        assert user.result(f"random-{trial}") == expected
        tally.add("F6", trials=1)
    tally.add("F6", kills=kills, met_open=met_open)
    assert kills >= (30 if full else 3)
    assert met_open >= 5 or not full


KILLS = [
    "os.mkdir|/\\.tmp-corpus|KILL",
    "os.rename|/corpus$|KILL",
    "os.mkdir|/\\.tmp-tokenizer|KILL",
    "open|/\\.tmp-tokens.*train.*|KILL",
    "os.rename|/environment.json$|KILL",
    "os.rename|/plan.json$|KILL",
    "os.rename|/step-0{8}$|KILL",
    "os.mkdir|/\\.tmp-step-0{6}12|KILL",
    "os.rename|/\\.tmp-step-0{6}08|KILL",  # it goes for the one after the next
    "os.rename|/step-0{6}24$|KILL",
    "os.rename|/model$|KILL",
    "os.rename|/report$|KILL",
]


def spread(user: Place, number: int) -> list[int]:
    """Of all changes of the disk that a whole run makes some, evenly."""
    changes = len((user.folder / "whole-0.writes").read_text().splitlines())
    return [round((i + 1) * changes / (number + 1)) for i in range(number)]


def test_killed_at_named_points_it_comes_to_the_same_bits(
    user: Place, whole: Whole, tally: Tally, full: bool
) -> None:
    if full:
        for point in spread(user, 15):
            run = f"nth-{point}"
            assert user.code(run, fault=f"nth|{point}|KILL") == -9
            tally.add("F7", kills=1, met_open=is_open(user.folder / run))
            assert user.code(run) == 0
            assert user.result(run) == whole[MUON][0]
    # In short only every other of those before and in training, for they are much alike.
    for fault in KILLS if full else [*KILLS[:10:2], *KILLS[9:]]:
        assert user.code("named", fault=fault) == -9
        tally.add("F7", kills=1, met_open=is_open(user.folder / "named"))
    assert user.code("named") == 0
    assert user.result("named") == whole[MUON][0]


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
    user: Place, whole: Whole, tally: Tally, full: bool
) -> None:
    if full:
        for number, point in enumerate(spread(user, 14)):
            name = ("TERM", "INT")[number % 2]
            assert user.code(f"sig-{point}", fault=f"nth|{point}|{name}") in (0, 75)
            tally.add("F8", signals=1)
            assert user.code(f"sig-{point}") == 0
            assert user.result(f"sig-{point}") == whole[MUON][0]
    for fault, code in SIGNALS:
        assert user.code("signalled", fault=fault) == code, fault
        tally.add("F8", signals=1)
    assert user.code("signalled") == 0
    assert user.result("signalled") == whole[MUON][0]
