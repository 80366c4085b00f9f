"""One optimizer step: its batches, their gradients, the update. Nothing here waits for the device.

batches_of -> forward_backward -> update -> Pending, read when it has come
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from filiberto.train.batch import TokenBatch
from filiberto.train.hashing import key_of
from filiberto.train.job import Job
from filiberto.train.optim import set_rates

# Fewer rows at once would cost more for their overhead than for themselves.
_TOKENS_AT_ONCE = 32_768


@dataclass(frozen=True)
class StepResult:
    """What a step came to, over all processes.

    Attributes:
        loss: summed over the masked tokens, in nats.
        num_labels: how many these were.
        stopping: whether some process has been asked to stop.
        norm: the gradient's before clipping.
        finite: whether loss and gradient were numbers. Where not, no weight was changed.
        scale: what fp16's loss was multiplied with; 1 in other formats.
        share: of the peak learning rate.
    """

    loss: float
    num_labels: int
    stopping: bool
    norm: float
    finite: bool
    scale: float
    share: float


class Pending:
    """The result of a step that the device may still be working at."""

    def __init__(self, values: Tensor, *, scale: float, share: float) -> None:
        self._scale, self._share, self._event = scale, share, None
        self._values = values
        if values.is_cuda:
            # To wait for this step alone and not for the next, already on its way.
            self._values = torch.empty_like(values, device="cpu", pin_memory=True)
            self._values.copy_(values, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()

    def read(self) -> StepResult:
        """Wait for it."""
        if self._event is not None:
            self._event.synchronize()
        loss, labels, stopping, norm, finite = self._values.tolist()
        return StepResult(
            loss,
            round(labels),
            bool(stopping),
            norm,
            finite=bool(finite),
            scale=self._scale,
            share=self._share,
        )


def batches_of(job: Job, step: int, *, steps: int = 1) -> list[TokenBatch]:
    """This process's micro-batches of a step; alone, also of several, one after the other."""
    plan = job.plan
    first, rows = job.ranks.share(step * plan.batch_rows, plan.batch_rows)
    return job.batches.make(
        job.sampler,
        first_row=first,
        num_rows=rows,
        micro_rows=plan.micro_rows,
        mask_rate=job.settings.mask_rate,
        times=steps,
    )


def all_batches(job: Job, *, first_step: int) -> Generator[list[TokenBatch], None, None]:
    """The micro-batches of a step and of each after it.

    The rows of small steps are made some steps at a time, which costs a third for them.
    """
    steps = max(1, _TOKENS_AT_ONCE // job.plan.batch_tokens) if job.ranks.size == 1 else 1
    for step in count(first_step, steps):
        batches = batches_of(job, step, steps=steps)
        each = len(batches) // steps
        for first in range(0, len(batches), each):
            yield batches[first : first + each]


def train_step(
    job: Job, step: int, batches: Sequence[TokenBatch], *, stopping: bool = False
) -> Pending:
    """Take one optimizer step over the global batch, in micro-batches.

    The loss is the mean over all masked tokens of the global batch, so the size of a
    micro-batch and the number of processes change nothing but rounding.

    Args:
        job: what is trained.
        step: how many steps were taken before.
        batches: from `batches_of`.
        stopping: whether this process was asked to stop, for the others to know.
    """
    scale = job.scaler.get_scale()
    sums = forward_backward(job, step, batches, stopping=stopping)
    norm, finite = update(job, step, loss=sums[0])
    values = torch.stack([*sums, norm, finite])
    return Pending(values, scale=scale, share=job.course.share(step))


def forward_backward(
    job: Job, step: int, batches: Sequence[TokenBatch], *, stopping: bool = False
) -> Tensor:
    """Put the gradient of the mean loss into the weights' `grad`.

    Returns:
        fp32 `[3]`: summed loss, masked tokens, processes asked to stop; over all processes.
    """
    ranks = job.ranks
    known = [0.0, sum(batch.num_labels for batch in batches), stopping]
    sums = ranks.summed(torch.tensor(known, dtype=torch.float32, device=job.plan.device))
    # Several processes average their gradients.
    share = ranks.size / sums[1].clamp(min=1)
    total = torch.zeros((), device=job.plan.device)
    job.model.train()
    for index, batch in enumerate(batches):
        if job.settings.dropout:
            torch.manual_seed(key_of("dropout", job.seed, step, ranks.rank, index) >> 1)
        last = index == len(batches) - 1
        with ranks.together_at(job.loss, last=last):
            loss = job.loss(batch)
            job.scaler.scale(loss * share).backward()
        total += loss.detach()
    sums[0] = ranks.summed(total)
    return sums


def update(job: Job, step: int, *, loss: Tensor) -> tuple[Tensor, Tensor]:
    """Clip the gradients and let the optimizers step, unless something is not a number.

    Returns:
        The gradient's norm before clipping, and 1 where it and the loss are finite, else 0.
    """
    for optimizer in job.optimizers:
        job.scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(job.model.parameters(), job.settings.clip_norm)
    finite = (norm.isfinite() & loss.isfinite()).float()
    set_rates(job.optimizers, share=job.course.share(step))
    for optimizer in job.optimizers:
        if not job.scaler.is_enabled():
            # Fused optimizers leave everything as it is where this is 1; no one waits to see it.
            optimizer.found_inf = 1 - finite  # type: ignore[attr-defined]
        job.scaler.step(optimizer)
    job.scaler.update()
    job.model.zero_grad(set_to_none=True)
    return norm, finite
