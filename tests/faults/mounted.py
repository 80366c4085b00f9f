"""Trains a miniature on real file systems of several sizes, in a mount namespace of its own.

python -m tests.faults.mounted PLACE FIRST LAST STEP    (kilobytes)

Prints as JSON the last step that each size acknowledged; -1 for none.
"""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

from filiberto.runfolder import store
from tests.faults.training import train


def main() -> None:
    disk = Path(sys.argv[1]) / "disk"
    disk.mkdir()
    saved = []
    for size in range(*map(int, sys.argv[2:])):
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)], check=True
        )
        said = [-1]
        try:
            train(disk / "checkpoints", on_saved=said.append)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        found = (disk / "checkpoints").glob("step-*")
        whole = [int(path.name[5:]) for path in found if store.problem_of(path) is None]
        assert said[-1] < 0 or max(whole) >= said[-1], size
        saved.append(said[-1])
        subprocess.run(["umount", str(disk)], check=True)
    print(json.dumps(saved))


if __name__ == "__main__":
    main()
