"""What it costs to go on after a stop, at any step, and what a backup costs while training.

    python benchmarks/stops.py RUN [--size mini]      RUN: a run whose tokens are finished

Going on: seconds to read and verify the newest checkpoint, and from there to the first batch, for
checkpoints at steps of several epochs. Backup: seconds of training from checkpoint to checkpoint
with and without a copy after each, turn by turn, medians. JSON into benchmarks/results/stops.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from filiberto import backup, train
from filiberto.config import Size, TrainConfig
from filiberto.runfolder import manifest
from filiberto.train import checkpoint, hardware, prepare
from filiberto.train.job import Job, new_job
from filiberto.train.records import read_lines
from filiberto.train.step import all_batches, train_step

EPOCHS = (0.001, 0.5, 1.5, 7.3, 40.9)
REPEATS = 3
TURNS = 3
STEPS, CHECKPOINT_STEPS = 120, 20
SETTINGS = TrainConfig(max_steps=10**6, device="cpu")


def place(run: Path, folder: Path) -> Path:
    """A run with the tokens of another."""
    folder.mkdir()
    for name in ("tokens", "tokenizer"):
        shutil.copytree(run / name, folder / name)
    return folder


def going_on(run: Path, *, size: Size) -> list[dict[str, float]]:
    """Seconds to go on from checkpoints at several steps; medians."""
    machine = hardware.hardware_for(SETTINGS)

    def job() -> Job:
        return new_job(run, settings=SETTINGS, size=size, machine=machine, seed=0)

    made = job()
    epoch = made.plan.text_tokens / made.plan.batch_tokens
    # What is compiled or read once is none of it, and the optimizer has something to keep.
    train_step(made, 0, next(all_batches(made, first_step=0))).read()
    rows = []
    for epochs in EPOCHS:
        step = round(epochs * epoch)
        shutil.rmtree(run / "checkpoints", ignore_errors=True)
        state = checkpoint.State(step=step, fingerprint="mine")
        checkpoint.save(
            run / "checkpoints", model=made.model, optimizers=made.optimizers, state=state
        )
        times = []
        for _ in range(REPEATS):
            fresh = job()
            start = time.perf_counter()
            fresh, state = prepare.taken_up(fresh, run, fingerprint="mine", exact=False)
            read = time.perf_counter()
            next(all_batches(fresh, first_step=state.step))
            times.append((read - start, time.perf_counter() - read))
        reading, beyond = map(statistics.median, zip(*times, strict=True))
        rows.append({"epochs": epochs, "step": step, "read_s": reading, "beyond_s": beyond})
        print(f"epoch {epochs:<6} step {step:<7,} read {reading:.2f} s, first batch {beyond:.2f} s")
    return rows


def with_and_without(run: Path, folder: Path, *, size: Size) -> dict[str, Any]:
    """Seconds of a training with and without a backup of each checkpoint."""
    settings = TrainConfig(
        max_steps=STEPS, checkpoint_steps=CHECKPOINT_STEPS, validate_steps=STEPS, device="cpu"
    )
    times: dict[str, list[float]] = {"with": [], "without": []}
    for turn in range(TURNS):
        for name, found in times.items():
            mine = place(run, folder / f"{name}-{turn}")
            copies = str(folder / f"copy-{turn}") if name == "with" else None
            with backup.open_backup(copies, mine) as on_saved:
                train.build(mine, settings=settings, size=size, on_saved=on_saved)
                found.append(max(line["seconds"] for line in read_lines(mine / "timings.jsonl")))
            assert manifest.read(mine / "model") is not None
            shutil.rmtree(mine)
    medians = {name: statistics.median(found) for name, found in times.items()}
    ratio = medians["with"] / medians["without"]
    print(f"a copy every {CHECKPOINT_STEPS} steps: {medians}, ratio {ratio:.3f}")
    return {"seconds": times, "ratio": ratio, "steps": STEPS, "copy_every": CHECKPOINT_STEPS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--size", default="mini")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            "size": asked.size,
            "going_on": going_on(place(asked.run, folder / "run"), size=asked.size),
            "backup": with_and_without(asked.run, folder, size=asked.size),
        }
    path = Path(__file__).parent / "results" / "stops.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
