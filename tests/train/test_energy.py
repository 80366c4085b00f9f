"""Power by counters that lie in files, as the kernel shows those of a processor."""

from pathlib import Path

import pytest

from filiberto.train.energy import Meter

SPAN = 262_143_328_850


def package(folder: Path, name: str, *, microjoules: int) -> Path:
    """A counter as RAPL has it."""
    place = folder / name
    place.mkdir(parents=True)
    (place / "max_energy_range_uj").write_text(f"{SPAN}\n")
    (place / "energy_uj").write_text(f"{microjoules}\n")
    return place / "energy_uj"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times = [0.0]
    monkeypatch.setattr("filiberto.train.energy.time.monotonic", lambda: times[-1])
    return times


def test_packages_are_added_up_and_what_lies_within_them_is_not(
    tmp_path: Path, clock: list[float]
) -> None:
    first = package(tmp_path, "intel-rapl:0", microjoules=5_000_000)
    second = package(tmp_path, "intel-rapl:1", microjoules=SPAN - 10_000_000)
    core = package(tmp_path, "intel-rapl:0:0", microjoules=0)
    meter = Meter("cpu", powercap=tmp_path)
    first.write_text("65000000")  # 60 J
    second.write_text("20000000")  # 30 J, over its end
    core.write_text("50000000")
    clock.append(10.0)
    assert meter.watts() == pytest.approx(9.0)
    clock.append(20.0)
    assert meter.watts() == 0.0
    first.unlink()  # a counter that is lost says nothing more, and ends nothing
    second.write_text("40000000")
    clock.append(30.0)
    assert meter.watts() == pytest.approx(2.0)


def test_without_a_counter_there_is_no_figure(tmp_path: Path) -> None:
    assert Meter("cpu", powercap=tmp_path / "none").watts() is None
    (tmp_path / "intel-rapl:0").mkdir()
    assert Meter("cpu", powercap=tmp_path).watts() is None
