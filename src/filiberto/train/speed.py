"""How fast a model trains on this machine, and how many rows at once fit into its memory.

a job -> steps by the clock, in less memory where it runs out -> tokens/s, rows at once
"""

from __future__ import annotations

import math
import time

import torch

from filiberto.train.job import Job, in_less_memory
from filiberto.train.step import batches_of, train_step

_WARMUP_STEPS = 3


def measure_speed(job: Job, *, seconds: float) -> tuple[float, int]:
    """How fast this model trains on this machine, and how many rows at once fit.

    The job's weights and optimizer are used up: make new ones afterwards.

    Args:
        job: a throw-away job, whose plan names the most rows to try.
        seconds: how long to measure, a step at least, some steps of warming up not counted.

    Returns:
        Tokens per second, and rows of a micro-batch.

    Raises:
        StateError: one row does not fit into the memory.
    """
    ranks, device = job.ranks, job.plan.device
    while True:
        try:
            if ranks.size == 1 or not ranks.any(not _fits_here(job), device):
                tokens_per_second = _measured(job, seconds=seconds)
                full = ranks.any(_is_nearly_full(device), device)
                if not full or job.plan.micro_rows == 1:
                    return tokens_per_second, job.plan.micro_rows
        except torch.OutOfMemoryError:
            if ranks.size > 1:  # the others wait for this one
                raise
        job = shrunk(job)


def _fits_here(job: Job) -> bool:
    """Whether a micro-batch fits, tried without the other processes: none waits for another."""
    try:
        with job.ranks.together_at(job.loss, last=False):
            job.loss(batches_of(job, 0)[0]).backward()
    except torch.OutOfMemoryError:
        return False
    finally:
        job.model.zero_grad(set_to_none=True)
    return True


def _measured(job: Job, *, seconds: float) -> float:
    # The first steps find memory, which is slow.
    _steps_for(job, seconds=seconds, most=_WARMUP_STEPS)
    steps, took = _steps_for(job, seconds=seconds)
    return steps * job.plan.batch_tokens / took


def _steps_for(job: Job, *, seconds: float, most: float = math.inf) -> tuple[int, float]:
    """Steps for some seconds, one at least; how many, and how long they took."""
    start, steps, took = time.perf_counter(), 0, 0.0
    while steps < 1 or (steps < most and job.ranks.any(took < seconds, job.plan.device)):
        train_step(job, steps, batches_of(job, steps)).read()
        steps, took = steps + 1, time.perf_counter() - start
    return steps, took


def _is_nearly_full(device: str) -> bool:
    """Whether a step has left less than a tenth of a GPU's memory free."""
    if device != "cuda":
        return False
    _, total = torch.cuda.mem_get_info()
    return torch.cuda.max_memory_allocated() > 0.9 * total


def shrunk(job: Job) -> Job:
    """The job in less memory, the memory of its last attempt given back."""
    job.model.zero_grad(set_to_none=True)
    if job.plan.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return in_less_memory(job)
