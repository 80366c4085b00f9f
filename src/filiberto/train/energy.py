"""What a machine uses while it trains, by its own counters, where they can be read.

    /sys/class/powercap (RAPL: the packages of the processor), NVML (the GPUs)  ->  watts

The counters are those of the machine: what else runs on it is counted too. RAPL leaves out memory,
disks and fans, and is for root alone on most systems; NVML needs the package nvidia-ml-py.

Source:
    https://docs.kernel.org/power/powercap/powercap.html; NVML API reference, device queries.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

POWERCAP = Path("/sys/class/powercap")


class Meter:
    """Mean power since it was last read.

    Args:
        device: that trains, `cuda` or another.
        powercap: folder of the processor's counters.
    """

    def __init__(self, device: str, *, powercap: Path = POWERCAP) -> None:
        self._counters = [*_packages(powercap), *(_gpus() if device == "cuda" else ())]
        self._read_at = time.monotonic()

    def watts(self) -> float | None:
        """Since the last call, or the beginning; None where there is no counter."""
        if not self._counters:
            return None
        joules = sum(counter.joules() for counter in self._counters)
        before, self._read_at = self._read_at, time.monotonic()
        return joules / max(1e-9, self._read_at - before)


class _Counter:
    """A counter of energy used, that may begin at zero again after its range.

    Args:
        read: gives what it shows.
        joules: of one unit.
        span: after so many units it is at zero again; 0 if never.
    """

    def __init__(self, read: Callable[[], int], *, joules: float, span: int = 0) -> None:
        self._read, self._joules, self._span = read, joules, span
        self._last = read()

    def joules(self) -> float:
        """Since the last call; 0 where it cannot be read any more."""
        try:
            now = self._read()
        except Exception:  # a driver's own errors: no figure is worth a training
            return 0.0
        used = now - self._last
        self._last = now
        return max(0, used if used >= 0 else used + self._span) * self._joules


def _packages(folder: Path) -> Iterator[_Counter]:
    """The processor's packages; what lies within one is counted with it."""
    for package in sorted(folder.glob("intel-rapl:*")):
        if package.name.count(":") > 1:
            continue
        try:
            span = int((package / "max_energy_range_uj").read_text())
            path = package / "energy_uj"
            yield _Counter(lambda path=path: int(path.read_text()), joules=1e-6, span=span)
        except (OSError, ValueError):
            continue


def _gpus() -> Iterator[_Counter]:
    """The GPUs of this machine that take part in the training."""
    try:
        nvml: Any = import_module("pynvml")
        nvml.nvmlInit()
        read = nvml.nvmlDeviceGetTotalEnergyConsumption
        for index in range(int(os.environ.get("LOCAL_WORLD_SIZE", "1"))):
            uuid = f"GPU-{torch.cuda.get_device_properties(index).uuid}"
            handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
            yield _Counter(lambda handle=handle: read(handle), joules=1e-3)
    except Exception:  # not installed, no driver, an old card
        return
