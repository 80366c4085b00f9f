import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filiberto.runfolder import safeio
from tests.faults.place import SETTINGS, Place

REPORTS, REPORT = Path("reports"), "faults.json"


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether there is time for all: `make faults`."""
    return os.environ.get("FAULTS") == "full"


Whole = dict[str, tuple[dict[str, str], float]]


@pytest.fixture(scope="session")
def user(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("user"))


@pytest.fixture(scope="session")
def whole(user: Place) -> Whole:
    """By setting: what comes of a run that nothing stops, and its seconds."""
    found: Whole = {}
    for settings in SETTINGS:
        start, run = time.monotonic(), f"whole-{len(found)}"
        user.env = {"WRITES_LOG": str(user.folder / f"{run}.writes")}
        assert user.code(run, settings) == 0
        found[settings] = (user.result(run), time.monotonic() - start)
        user.env = {}
    return found


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory where there is one: an fsync costs nothing there."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


class Tally:
    """What the fault tests came to, by fault."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def add(self, fault: str, **figures: int) -> None:
        """Add to the figures of a fault."""
        row = self.rows.setdefault(fault, {})
        for name, figure in figures.items():
            row[name] = row.get(name, 0) + figure


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Iterator[Tally]:
    """Written to reports/faults.json when the tests are done."""
    found = Tally()
    yield found
    if "SEEDED_BUG" in os.environ:  # what was found is the bug
        return
    folder = pytestconfig.rootpath / REPORTS
    folder.mkdir(exist_ok=True)
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    safeio.write_json(folder / (f"faults-{worker}.json" if worker else REPORT), found.rows)
