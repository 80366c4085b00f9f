"""Bugs of the kind that others have had, put into our code to see that a test finds them (F23).

A plugin of pytest: `SEEDED_BUG="no fsync" python -m pytest -p tests.faults.bugs TEST` must fail.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa


def no_fsync() -> None:
    from filiberto.runfolder import safeio

    safeio.sync = lambda path: None


def prune_first() -> None:
    from filiberto.runfolder import safeio, store

    save = store.save

    def save_after_pruning(folder: Path, **more: Any) -> Path:
        for old in store.by_step(folder):
            safeio.remove(old)
        return save(folder, **more)

    store.save = save_after_pruning


def no_manifest_check() -> None:
    from filiberto.runfolder import store

    store.problem_of = lambda path: None


def order_by_clock() -> None:
    from filiberto.runfolder import store

    by_step = store.by_step
    store.by_step = lambda folder: sorted(
        by_step(folder), key=lambda path: path.stat().st_mtime, reverse=True
    )


def epoch_reset_on_resume() -> None:
    from filiberto.train.sampler import Sampler

    rows = Sampler.rows
    Sampler.rows = lambda self, first, count: rows(self, first % self.rows_per_epoch, count)


def masks_without_epoch() -> None:
    from filiberto.train import sampler

    key_of = sampler.key_of
    sampler.key_of = lambda name, *rest: key_of(name, *(rest if name != "mask" else rest[:1]))


def bad_bytes_ignored() -> None:
    from filiberto.corpus import decoding

    decode = decoding._decode

    def lenient(raw: pa.Array, **more: Any) -> Any:
        read = [value and value.decode(errors="ignore").encode() for value in raw.to_pylist()]
        return decode(pa.array(read, pa.large_binary()), **more)

    decoding._decode = lenient


def split_by_splitlines() -> None:
    from filiberto.corpus import blocks

    def ends(data: bytes) -> np.ndarray:
        lines = data.decode(errors="surrogateescape").splitlines(keepends=True)
        sizes = [len(line.encode(errors="surrogateescape")) for line in lines]
        found = np.cumsum(sizes, dtype=np.int64)
        return found if data.endswith(b"\n") else found[:-1]

    blocks._line_ends = ends


def no_host_check() -> None:
    from filiberto.publish.guard import Guard

    Guard._refusal = lambda self, scope, headers: None


BUGS: dict[str, tuple[Callable[[], None], str]] = {
    "no fsync": (no_fsync, "tests/faults/test_store.py -k power"),
    "prune first": (prune_first, "tests/faults/test_store.py -k error_at_any"),
    "no manifest check": (no_manifest_check, "tests/faults/test_store.py -k any_damage"),
    "order by clock": (order_by_clock, "tests/faults/test_store.py -k clocks"),
    "epoch reset on resume": (epoch_reset_on_resume, "tests/faults/test_order.py -k resume"),
    "masks without epoch": (masks_without_epoch, "tests/train/test_sampler.py -k epochs"),
    "bad bytes ignored": (bad_bytes_ignored, "tests/corpus/test_bad_input.py -k bad_byte"),
    "no Host check": (no_host_check, "tests/publish/test_serve.py -k foreign_host"),
    "split by splitlines": (split_by_splitlines, "tests/corpus/test_bad_input.py -k mended"),
}

if bug := os.environ.get("SEEDED_BUG"):
    BUGS[bug][0]()
