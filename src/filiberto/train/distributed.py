"""Several processes that train one model: each takes its share of every batch.

    torchrun --nproc-per-node N -m filiberto train RUN

Each process (rank) computes the gradients of its own rows; once per global batch they are summed.
Rank 0 alone writes. Order and masks of the rows are the same for any number of ranks, since they
are arithmetic on the number of the row.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from filiberto import console
from filiberto.console import readable_seconds
from filiberto.errors import TryAgainError, UsageError

if TYPE_CHECKING:
    import torch

# One that does not answer for so long is lost; some wait while the first writes a checkpoint.
LOST_SECONDS = 600.0

Module = TypeVar("Module", bound="torch.nn.Module")


@dataclass(frozen=True)
class Ranks:
    """The processes that train together, seen from one of them.

    Attributes:
        rank: the number of this one, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def share(self, first: int, count: int) -> tuple[int, int]:
        """This process's part of `count` rows from `first` on: its first row and how many.

        Raises:
            UsageError: there are fewer rows than processes.
        """
        if count < self.size:
            raise UsageError(
                f"a batch of {count} rows cannot be shared by {self.size} processes",
                hint="raise --train.batch-tokens, or start fewer processes",
            )
        begin, end = (count * r // self.size for r in (self.rank, self.rank + 1))
        return first + begin, end - begin

    def together(self, loss: Module) -> Module | Any:
        """A module whose gradients are averaged over the processes after each backward pass."""
        if self.size == 1:
            return loss
        from torch.nn.parallel import DistributedDataParallel

        # The seed makes weights and buffers alike everywhere: only gradients need to be sent.
        buffers = [name for name, _ in loss.named_buffers()]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(loss, buffers)
        return DistributedDataParallel(loss, init_sync=False, gradient_as_bucket_view=True)

    def together_at(self, loss: Any, *, last: bool) -> AbstractContextManager[Any]:
        """A context in which a backward pass meets those of the others only if it is the last."""
        return loss.no_sync() if self.size > 1 and not last else nullcontext()

    def any(self, here: bool, device: str) -> bool:
        """Whether something is so in any process; all get the same answer, and wait for it."""
        if self.size == 1:
            return here
        import torch

        return bool(self.summed(torch.tensor(float(here), device=device)))

    def of_the_first(self, number: int, device: str) -> int:
        """The number that the first process has; all get it, and wait for it."""
        if self.size == 1:
            return number
        import torch

        mine = number if self.writes else 0
        return int(self.summed(torch.tensor(mine, dtype=torch.int64, device=device)))

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            from torch import distributed

            distributed.barrier()

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, of the shape of `values`."""
        if self.size > 1:
            from torch import distributed

            distributed.all_reduce(values)
        return values


ALONE = Ranks()


def rank_of_this_process() -> Ranks:
    """As torchrun tells it; alone without torchrun.

    Source:
        torchrun's documentation, environment variables.
    """
    return Ranks(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


@contextmanager
def process_group(*, device: str) -> Iterator[Ranks]:
    """Join the processes that torchrun has started; without it, be alone.

    Others than the first say nothing.

    Raises:
        TryAgainError: one of the others is gone, or has not answered for long.
    """
    ranks = rank_of_this_process()
    if ranks.size == 1:
        yield ranks
        return
    import torch
    from torch import distributed

    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not ranks.writes:
        console.be_silent()
    try:
        distributed.init_process_group(
            "nccl" if device == "cuda" else "gloo", timeout=timedelta(seconds=LOST_SECONDS)
        )
        yield ranks
    except RuntimeError as error:
        if not _is_of_another(error):
            raise
        raise TryAgainError(
            f"another of the {ranks.size} processes is gone, or has not answered for "
            f"{readable_seconds(LOST_SECONDS)}",
            hint="start all of them again with the same command: they go on",
        ) from error
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _is_of_another(error: RuntimeError) -> bool:
    """Whether an error comes from what joins the processes."""
    from torch import distributed

    # gloo has no class of its own for them.
    return isinstance(error, distributed.DistError) or "gloo" in str(error).lower()
