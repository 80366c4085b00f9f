"""The store of checkpoints under every failure that a disk or a kill can bring (F1 to F5, F13)."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from filiberto.errors import StateError
from filiberto.runfolder import safeio, store
from tests.faults.conftest import Tally
from tests.faults.operations import Operation, operations
from tests.faults.power import states
from tests.faults.training import STEPS, WEIGHT_BYTES, read, save, train, weights_after

ERRORS = [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EROFS]
PAIRS = 200


def whole(checkpoints: Path) -> list[int]:
    """Steps of the checkpoints that verify, newest first; all must hold what they should."""
    found = [path for path in store.by_step(checkpoints) if store.problem_of(path) is None]
    for path in found:
        step, weights = read(path)
        assert weights == weights_after(step)
    return [int(path.name.removeprefix("step-")) for path in found]


def failure_of(checkpoints: Path, said: list[int]) -> int | None:
    """The number of the error with which a training ends, if one does."""
    try:
        train(checkpoints, on_saved=said.append)
    except OSError as error:
        return error.errno
    return None


def test_a_kill_at_any_operation_loses_nothing_and_neither_does_a_second(
    place: Path, tally: Tally
) -> None:
    command = [sys.executable, "-m", "tests.faults.kills", str(place), str(PAIRS)]
    done = subprocess.run(command, check=True, timeout=300, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["points"] >= 150
    assert found["pairs"] >= PAIRS
    assert found["met_open"] >= found["points"] // 2
    tally.add("F1", kills=found["points"])
    tally.add("F2", kills=2 * found["pairs"])
    tally.add("F1 and F2", met_open=found["met_open"])


def test_a_power_cut_loses_no_step_that_was_acknowledged(place: Path, tally: Tally) -> None:
    record: list[Operation] = []
    acknowledged = [(0, -1)]
    checkpoints = place / "run" / "checkpoints"
    checkpoints.parent.mkdir()
    with operations(after=record.append):
        train(checkpoints, on_saved=lambda step: acknowledged.append((len(record), step)))
    assert len(acknowledged) == STEPS + 2
    count, found = 0, place / "found"
    for number, disk, unsynced, names in states(checkpoints.parent, record):
        newest = max(step for at, step in acknowledged if at <= number)
        disk.write_to(found, unsynced=unsynced, names=names)
        there = whole(found / "checkpoints")
        assert newest < 0 or there[:1] >= [newest], (number, unsynced, names)
        count += 1
    assert count >= 300
    tally.add("F3", states=count)


@contextmanager
def failing(at: int, number: int, *, persistent: bool) -> Iterator[list[int]]:
    """A disk that gives an error at an operation, or from it on; how often it did is returned."""
    left, times = at, [0]

    def fail(_: Operation) -> None:
        nonlocal left
        left -= 1
        if left == -1 or (persistent and left < 0):
            times[0] += 1
            raise OSError(number, os.strerror(number))

    with operations(before=fail):
        yield times


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("persistent", [False, True], ids=["once", "from there on"])
def test_an_error_at_any_operation_leaves_the_last_good_checkpoint(
    place: Path, tally: Tally, number: int, persistent: bool
) -> None:
    checkpoints, at, failed = place / "checkpoints", 0, True
    while failed:
        said = [-1]
        with failing(at, number, persistent=persistent) as times:
            error = failure_of(checkpoints, said)
        assert error in (None, number)
        failed = times[0] > 0
        there = whole(checkpoints)
        assert said[-1] < 0 or there[0] >= said[-1], at
        assert len(list(checkpoints.glob(f"{safeio.TEMPORARY}*"))) <= 1, at
        assert train(checkpoints) == weights_after(STEPS)
        assert not list(checkpoints.glob(f"{safeio.TEMPORARY}*"))
        shutil.rmtree(checkpoints)
        at += 1
    tally.add("F4", points=at)


def test_a_disk_too_small_never_costs_the_last_checkpoint(place: Path, tally: Tally) -> None:
    """Sizes from one in which nothing fits to one in which all does."""
    one = 4 * WEIGHT_BYTES
    failures = 0
    sizes = range(one // 8, 6 * one, one // 10)
    for size in sizes:
        checkpoints, said = place / str(size) / "checkpoints", [-1]
        checkpoints.parent.mkdir()
        with small_disk(checkpoints, size):
            error = failure_of(checkpoints, said)
        assert error in (None, errno.ENOSPC)
        failures += error is not None
        assert said[-1] < 0 or whole(checkpoints)[0] >= said[-1], size
    assert len(sizes) >= 50
    assert 5 < failures < len(sizes)
    tally.add("F5", sizes=len(sizes), failures=failures)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """A disk on which files may take so many bytes in all: what does not fit is not written."""

    def fits(operation: Operation) -> None:
        if operation.name == "write":
            used = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            if used + len(operation.data) > size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with operations(before=fits):
        yield


def test_a_real_disk_too_small_never_costs_the_last_checkpoint(
    tmp_path: Path, tally: Tally
) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    script = ["-m", "tests.faults.mounted", str(tmp_path), "8", "108", "2"]
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, *script]
    done = subprocess.run(command, check=False, timeout=300, capture_output=True, text=True)
    if done.returncode and "mount" in done.stderr.splitlines()[-1]:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    saved = json.loads(done.stdout)
    assert len(saved) >= 50
    assert {-1, STEPS} < set(saved)
    tally.add("F5", mounted_sizes=len(saved))


DAMAGES = ["cut to half", "emptied", "one bit", "longer", "swapped", "gone"]


def damage(path: Path, how: str, draw: random.Random) -> None:
    """Damage a file of a checkpoint."""
    data = bytearray(path.read_bytes())
    match how:
        case "cut to half":
            path.write_bytes(data[: len(data) // 2])
        case "emptied":
            path.write_bytes(b"")
        case "one bit":
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            path.write_bytes(data)
        case "longer":
            path.write_bytes(data + b"\0")
        case "swapped":
            other = path.parent.with_name("step-00000003") / path.name
            path.write_bytes(other.read_bytes())
        case "gone":
            path.unlink()


def test_any_damage_is_found_and_the_checkpoint_before_is_taken(place: Path, tally: Tally) -> None:
    checkpoints = place / "checkpoints"
    train(checkpoints)
    newest = store.by_step(checkpoints)[0]
    copies = {path.name: path.read_bytes() for path in newest.iterdir()}
    draw = random.Random(0)
    trials = harmless = 0
    for name in sorted(copies):
        for how in DAMAGES:
            for _ in range(60 if how == "one bit" else 1):
                damage(newest / name, how, draw)
                if whole(checkpoints) != [STEPS - 1]:
                    harmless += 1
                    said = json.loads((newest / name).read_bytes())
                    assert said == json.loads(copies[name]), (name, how)
                trials += 1
                (newest / name).write_bytes(copies[name])
    assert trials >= 190
    assert harmless == 0
    tally.add("F13", store_trials=trials)


def test_with_all_damaged_it_stops_and_does_not_start_afresh(place: Path) -> None:
    checkpoints = place / "checkpoints"
    train(checkpoints)
    for path in store.by_step(checkpoints):
        (path / "model.safetensors").write_bytes(b"")
    with pytest.raises(StateError, match="holds 2 checkpoints and none is whole"):
        train(checkpoints)
    assert len(store.by_step(checkpoints)) == store.KEPT


def test_the_newest_is_that_of_the_highest_step_whatever_clocks_say(
    place: Path, tally: Tally
) -> None:
    checkpoints, draw = place / "checkpoints", random.Random(0)
    for trial in range(8):
        train(checkpoints)
        for path in checkpoints.rglob("*"):
            os.utime(path, (draw.randrange(2**31),) * 2)
        os.utime(store.by_step(checkpoints)[0], (trial, trial))
        assert whole(checkpoints) == [STEPS, STEPS - 1]
        save(checkpoints, step=STEPS + 1, weights=weights_after(STEPS + 1))
        assert whole(checkpoints) == [STEPS + 1, STEPS]
        shutil.rmtree(checkpoints)
    tally.add("F17", clocks=8)


class AnyOrder(RuleBasedStateMachine):
    """Saves, losses and damage in any order: the newest whole checkpoint is what comes back."""

    def __init__(self) -> None:
        super().__init__()
        shared = Path("/dev/shm")
        self.place = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
        self.checkpoints = self.place / "checkpoints"
        self.step, self.good = 0, set[int]()

    def teardown(self) -> None:
        shutil.rmtree(self.place)

    @rule(more=st.integers(1, 5))
    def saved(self, more: int) -> None:
        self.step += more
        save(self.checkpoints, step=self.step, weights=weights_after(self.step))
        kept = sorted({*self._there(), self.step})[-store.KEPT :]
        self.good = {step for step in {*self.good, self.step} if step in kept}

    @rule(data=st.data())
    def damaged(self, data: st.DataObject) -> None:
        if there := self._there():
            step = data.draw(st.sampled_from(sorted(there)))
            name = data.draw(st.sampled_from(["state.json", "MANIFEST.json"]))
            (self.checkpoints / f"step-{step:08d}" / name).write_bytes(b"{")
            self.good.discard(step)

    @rule()
    def killed_while_saving(self) -> None:
        self.checkpoints.mkdir(exist_ok=True)
        (self.checkpoints / f"{safeio.TEMPORARY}step-00000099-ab").mkdir(exist_ok=True)

    @rule()
    def swept(self) -> None:
        if self.checkpoints.exists():
            safeio.sweep(self.checkpoints)

    @invariant()
    def the_newest_whole_one_is_found(self) -> None:
        if self.good:
            step, weights = read(next(store.valid(self.checkpoints)))
            assert step == max(self.good)
            assert weights == weights_after(step)
        elif self._there():
            with pytest.raises(StateError):
                next(store.valid(self.checkpoints))

    def _there(self) -> set[int]:
        return {int(path.name.removeprefix("step-")) for path in store.by_step(self.checkpoints)}


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=100,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
