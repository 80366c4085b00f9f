"""Trains a miniature and dies by kill -9 at each file operation in turn; without torch.

python -m tests.faults.kills PLACE PAIRS

The last line is JSON: how many kills there were, and how many of them met an open checkpoint.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from filiberto.runfolder import safeio, store
from tests.faults.operations import Operation, operations
from tests.faults.training import STEPS, train, weights_after

DIED = 9


def main() -> None:
    place, pairs = Path(sys.argv[1]), int(sys.argv[2])
    checkpoints = place / "checkpoints"
    points = met_open = 0
    while killed_at(points, checkpoints):
        met_open += is_open(checkpoints)
        recovers(checkpoints, at=f"{points}")
        points += 1
    twice, stride = 0, max(1, points**2 // (3 * pairs))
    for number in range(0, points * points, stride):
        first, second = divmod(number, points)
        assert killed_at(first, checkpoints)
        if killed_at(second, checkpoints, anew=False):
            twice += 1
            met_open += is_open(checkpoints)
            recovers(checkpoints, at=f"{first}, {second}")
    assert "torch" not in sys.modules
    print(json.dumps({"points": points, "pairs": twice, "met_open": met_open}))


def killed_at(point: int, checkpoints: Path, *, anew: bool = True) -> bool:
    """Train in a process that dies at an operation; False where it ends before.

    An even point is before an operation happens, an odd one right after.
    """
    if anew:
        shutil.rmtree(checkpoints, ignore_errors=True)
        (checkpoints.parent / "acknowledged").write_bytes(b"")
    child = os.fork()
    if child == 0:
        with dying(point):
            train(checkpoints, on_saved=lambda step: acknowledge(checkpoints.parent, step))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, DIED), code
    return code == DIED


def dying(point: int) -> AbstractContextManager[None]:
    """A block that dies at a point."""
    left = point

    def count(_: Operation) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os._exit(DIED)

    return operations(before=count, after=count)


def acknowledge(place: Path, step: int) -> None:
    """Note down outside of Python's files that a step is saved."""
    descriptor = os.open(place / "acknowledged", os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, b"%d\n" % step)
    os.close(descriptor)


def is_open(checkpoints: Path) -> bool:
    """Whether the kill left a checkpoint that was being written or removed."""
    return any(checkpoints.glob(f"{safeio.TEMPORARY}*"))


def recovers(checkpoints: Path, *, at: str) -> None:
    """Nothing acknowledged is lost, and the training ends as if nothing had happened."""
    said = (checkpoints.parent / "acknowledged").read_text().split()
    newest = max(map(int, said), default=None)
    whole = [path for path in store.by_step(checkpoints) if store.problem_of(path) is None]
    assert whole == store.by_step(checkpoints), f"a visible checkpoint is not whole: {at}"
    assert newest is None or int(whole[0].name[5:]) >= newest, f"lost step {newest}: {at}"
    assert train(checkpoints) == weights_after(STEPS), f"other weights: {at}"
    assert not is_open(checkpoints), f"leftovers: {at}"
    # A kill before an old one goes leaves it; there were two at most.
    assert len(list(checkpoints.iterdir())) <= store.KEPT + 2, f"more than is kept: {at}"


if __name__ == "__main__":
    main()
