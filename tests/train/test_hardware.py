import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from filiberto.train import hardware

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(12_000_000)  # 48 MB: 11,700 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keep":
    hardware.keep_freed_memory()
for _ in range(3):
    faults()  # the heap grows to what is needed
print(sum(faults() for _ in range(30)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_memory_is_not_cleared_anew_at_every_step() -> None:
    def count(how: str) -> int:
        command = [sys.executable, "-c", FAULTS, how]
        return int(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)

    # Without it the pages are cleared 30 times over; with it the heap grows now and then (what
    # else the interpreter allocates may part it) and is there already the other times.
    assert count("keep") < count("leave") / 4
