"""How much memory training takes, by size: measured on this CPU, computed for a GPU.

    python benchmarks/memory.py --run RUN [--sizes tiny mini small medium base large]

On the CPU: the peak of a process that takes two steps with the default batch, torch itself
included. For a GPU: weights, gradients and optimizer by their number, and what one row keeps for
its gradient in half precision, counted on the CPU tensor by tensor as PyTorch keeps it; from both
the rows of 512 tokens that fit into 16 and 80 GB, a tenth left free. torch.compile may keep less.
RUN is a run with tokens of 30,522 entries (`benchmarks/step.py` makes one). JSON into
benchmarks/results/memory.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import torch

from filiberto.config import Architecture, Size, TrainConfig
from filiberto.train import hardware
from filiberto.train.cooccurrence import give_embeddings
from filiberto.train.job import new_job
from filiberto.train.model import MaskedLoss
from filiberto.train.step import batches_of, train_step

CARDS = {"16 GB": 16e9, "80 GB": 80e9}
FREE = 0.9
# While the head runs, the scores of a chunk are there in half precision and three times in fp32.
HEAD_SLOTS, BYTES_A_SCORE = 4_096, 2 + 3 * 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--sizes", nargs="+", default=get_args(Size))
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        what, architecture, size, row_length = arguments.one
        counted = steps if what == "steps" else kept
        print(json.dumps(counted(arguments.run, architecture, size, int(row_length))))
        return
    rows = [
        row(arguments.run, architecture, size)
        for size in arguments.sizes
        for architecture in get_args(Architecture)
    ]
    path = Path(__file__).parent / "results" / "memory.json"
    path.write_text(json.dumps(rows, indent=2) + "\n")


def row(run: Path, architecture: str, size: str) -> dict[str, Any]:
    """One line of the table."""

    def found(what: str, row_length: int) -> dict[str, Any]:
        command = [sys.executable, __file__, "--run", str(run), "--one"]
        command += [what, architecture, size, str(row_length)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    peaks = {str(length): found("steps", length)["peak_mb"] for length in (128, 512)}
    counted = found("kept", 512)
    head = HEAD_SLOTS * BYTES_A_SCORE * counted["vocab_size"]
    fit = {
        card: max(0, int((FREE * there - counted["fixed"] - head) / counted["a_row"]))
        for card, there in CARDS.items()
    }
    made = {"architecture": architecture, "size": size, "cpu_peak_mb": peaks, **counted, "fit": fit}
    print(
        f"{architecture:10} {size:6} {counted['parameters'] / 1e6:6.1f}M  CPU {peaks} MB  "
        f"GPU {counted['fixed'] / 1e9:.2f} GB + {counted['a_row'] / 1e6:.0f} MB a row; "
        + ", ".join(f"{rows} rows in {card}" for card, rows in fit.items())
    )
    return made


def steps(run: Path, architecture: Any, size: Any, row_length: int) -> dict[str, Any]:
    """The peak of two steps on this CPU."""
    settings = TrainConfig(
        architecture=architecture, row_length=row_length, device="cpu", max_steps=10
    )
    hardware.keep_freed_memory()
    machine = hardware.hardware_for(settings)
    job = new_job(run, settings=settings, size=size, machine=machine, seed=0)
    give_embeddings(job, run)
    for step in range(2):
        train_step(job, step, batches_of(job, step)).read()
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = 1024 * int(status.split("VmHWM:")[1].split()[0])
    return {"peak_mb": round(peak / 1e6), "precision": machine.precision}


def kept(run: Path, architecture: Any, size: Any, row_length: int) -> dict[str, Any]:
    """What training holds all the time, and what a row keeps until its gradient is there."""
    settings = TrainConfig(
        architecture=architecture,
        row_length=row_length,
        device="cpu",
        precision="fp16",
        max_steps=10,
        batch_tokens=2 * row_length,
    )
    machine = hardware.hardware_for(settings)
    job = new_job(run, settings=settings, size=size, machine=machine, seed=0)
    parameters = {p.untyped_storage().data_ptr() for p in job.model.parameters()}
    loss = MaskedLoss(job.model, dtype=torch.float16)
    found = []
    for rows in (1, 2):
        seen: dict[int, int] = {}

        def pack(x: torch.Tensor, seen: dict[int, int] = seen) -> torch.Tensor:
            storage = x.untyped_storage()
            if storage.data_ptr() not in parameters:
                seen[storage.data_ptr()] = storage.nbytes()
            return x

        batch = job.batches.make(
            job.sampler, first_row=0, num_rows=rows, micro_rows=rows, mask_rate=settings.mask_rate
        )[0]
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            total = loss(batch)
        found.append(sum(seen.values()))
        del total
    one, two = found
    weights = sum(p.numel() for p in job.model.parameters())
    memories = sum(
        p.numel() * (1 if type(optimizer).__name__ == "Muon" else 2)
        for optimizer in job.optimizers
        for group in optimizer.param_groups
        for p in group["params"]
    )
    return {
        "parameters": weights,
        "vocab_size": job.plan.vocab_size,
        # fp32 weights, gradients, optimizer; what a step keeps whatever the rows (weights in half
        # precision, the gradient of the output embeddings).
        "fixed": 4 * (2 * weights + memories) + (2 * one - two),
        "a_row": two - one,
    }


if __name__ == "__main__":
    main()
