"""Which rows a training reads, and with which masks, wherever it is stopped (F9)."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from filiberto.train.distributed import Ranks
from filiberto.train.job import Job
from filiberto.train.step import all_batches, batches_of
from tests.faults.conftest import Tally
from tests.train.conftest import SHORT, job_of

STEPS = 12


@pytest.fixture(scope="module")
def job(mini_run: Path) -> Job:
    """A training whose steps cross the end of an epoch, in the middle of one of them."""
    return job_of(mini_run, SHORT)


def read(job: Job, first: int, last: int) -> Iterator[torch.Tensor]:
    """What the model sees and is asked for, `[rows of a step, ...]`, step after step."""
    if job.ranks.size == 1:
        steps = itertools.islice(all_batches(job, first_step=first), last - first)
    else:
        shares = [Ranks(rank, job.ranks.size) for rank in range(job.ranks.size)]
        steps = (
            [b for ranks in shares for b in batches_of(dataclasses.replace(job, ranks=ranks), step)]
            for step in range(first, last)
        )
    for batches in steps:
        yield torch.cat([torch.cat((b.input_ids, b.slots, b.labels), 1) for b in batches])


def test_a_resume_reads_what_was_still_to_be_read(job: Job, tally: Tally) -> None:
    per_epoch = job.sampler.rows_per_epoch
    first = per_epoch // job.plan.batch_rows - STEPS // 2
    assert per_epoch % job.plan.batch_rows
    expected = list(read(job, first, first + STEPS))
    assert len({each.numpy().tobytes() for each in expected}) == STEPS
    trials = 0
    for place, again, ranks, micro in itertools.product(
        range(1, STEPS), (0, 1, 4), (1, 2, 4), (8, 4, 3, 1)
    ):
        now = dataclasses.replace(
            job, ranks=Ranks(0, ranks), plan=dataclasses.replace(job.plan, micro_rows=micro)
        )
        stops = [first, *(min(place + i, STEPS) + first for i in range(again + 1)), first + STEPS]
        found = [each for begin, end in itertools.pairwise(stops) for each in read(now, begin, end)]
        assert len(found) == STEPS
        assert all(map(torch.equal, found, expected)), (place, again, ranks, micro)
        trials += 1
    assert trials >= 200
    tally.add("F9", trials=trials)
