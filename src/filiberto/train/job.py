"""What stays the same through a training, put together from a run's tokens, settings and machine.

tokens/, tokenizer/ + settings + hardware  ->  samplers, model, optimizers, draft of a plan
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from filiberto import initial
from filiberto.config import TrainConfig
from filiberto.errors import StateError, UsageError
from filiberto.runfolder import safeio
from filiberto.tokenizer import bpe
from filiberto.tokens.stream import open_stream
from filiberto.train import model, optim, plan, rates
from filiberto.train.architecture import architecture_of, arithmetic_of
from filiberto.train.batch import BatchMaker, TokenBatch
from filiberto.train.course import Course
from filiberto.train.distributed import ALONE, Ranks
from filiberto.train.hardware import DTYPES, Hardware
from filiberto.train.plan import Plan
from filiberto.train.sampler import Sampler
from filiberto.train.sizes import SIZES, nearest_size, shape_of

if TYPE_CHECKING:
    from filiberto.train.architecture import MaskedLM

# Validation is the same for every run of a corpus: this seed, whatever is trained.
VALIDATION_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Job:
    """What stays the same through a training.

    Attributes:
        course: of the learning rates.
        loss: from a batch to the sum of its losses, in nats.
        batches: makes them for the job's device.
        sampler: of the training rows.
        validation: of the validation rows.
        ranks: the processes that train together.
        full_speed: tokens a second at an MFU of 1 (see `flops.full_speed`).
        unigram_loss: in nats, of guessing validation tokens by their frequency in training alone.
        token_bytes: of a validation token, on average; None where that is not known.
        exact: whether another run from the beginning would come to the same bits.
    """

    machine: Hardware
    model: MaskedLM
    loss: Callable[[TokenBatch], torch.Tensor]
    optimizers: tuple[torch.optim.Optimizer, ...]
    scaler: torch.amp.GradScaler
    settings: TrainConfig
    plan: Plan
    course: Course
    batches: BatchMaker
    sampler: Sampler
    validation: Sampler
    seed: int
    ranks: Ranks = ALONE
    full_speed: float = math.inf
    unigram_loss: float = math.inf
    token_bytes: float | None = None
    exact: bool = True

    @property
    def dtype(self) -> torch.dtype:
        """Of the arithmetic."""
        return DTYPES[self.plan.precision]


def new_job(
    run: Path,
    *,
    settings: TrainConfig,
    size: str,
    machine: Hardware,
    seed: int,
    slowed: int = 0,
    ranks: Ranks = ALONE,
) -> Job:
    """A job with its first weights, random or a given model's, and a draft of a plan.

    Args:
        size: a published one; of no account where the run begins from a model.
        slowed: how often the rates are to be lowered (see `Plan`).

    Raises:
        StateError: shards are damaged, or of another tokenizer than the run's.
        BadDataError: the text is shorter than a row.
        UsageError: a row is longer than the given model reads.
    """
    streams = {s: open_stream(run / "tokens", split=s) for s in ("train", "validation")}
    header = streams["train"].header
    _check_agreement(run, header)
    samplers = {
        split: Sampler(
            stream,
            row_length=settings.row_length,
            bos_id=header["special_ids"]["<s>"],
            name=f"the {split} text",
            seed=seed if split == "train" else VALIDATION_SEED,
        )
        for split, stream in streams.items()
    }
    network = _first_network(run, settings, header, size=size, seed=seed)
    torch.nn.Module.to(network, machine.device)
    settings = replace(settings, architecture=architecture_of(network))
    shape = shape_of(network.config)
    given = initial.of(run) is not None
    peak = rates.peak_rates(settings, size=nearest_size(shape), given=given).lowered(slowed)
    draft = plan.make_plan(
        settings,
        size=shape.name if given else size,
        shape=shape,
        vocab_size=network.config.vocab_size,
        text_tokens=len(streams["train"]),
        seconds=1.0,
        tokens_per_second=1.0,
        peak_lr=peak.adamw,
        device=machine.device,
        precision=machine.precision,
    )
    draft = replace(draft, parameters=network.num_parameters(), slowed=slowed)
    return Job(
        machine=machine,
        model=network,
        loss=_loss(network, settings=settings, machine=machine, ranks=ranks),
        optimizers=optim.make_optimizers(
            network,
            settings,
            rates=peak,
            muon_dtype=machine.muon_dtype,
        ),
        scaler=torch.amp.GradScaler(machine.device, enabled=machine.precision == "fp16"),
        settings=settings,
        plan=draft,
        course=draft.course,
        batches=BatchMaker(
            device=machine.device,
            special_ids=header["special_ids"],
            vocab_size=header["vocab_size"],
            varlen=machine.attention == "varlen",
        ),
        sampler=samplers["train"],
        validation=samplers["validation"],
        seed=seed,
        ranks=ranks,
    )


def _first_network(
    run: Path, settings: TrainConfig, header: dict[str, Any], *, size: str, seed: int
) -> MaskedLM:
    """The given model of the run, or one with random weights."""
    if initial.of(run) is None:
        return model.new_model(
            settings.architecture,
            SIZES[size],  # type: ignore[index]
            vocab_size=header["vocab_size"],
            row_length=settings.row_length,
            special_ids=header["special_ids"],
            dropout=settings.dropout,
            seed=seed,
        )
    network = initial.load(run / initial.INITIAL, dropout=settings.dropout)
    longest = arithmetic_of(network).max_length(network.config)
    if settings.row_length > longest:
        raise UsageError(
            f"rows of {settings.row_length} tokens are longer than the {longest} that the model "
            "of --init-from reads",
            hint=f"take --train.row-length {longest} or less",
        )
    return network


def in_less_memory(job: Job) -> Job:
    """The same training with half as many rows in a micro-batch, or, where it is one, without
    keeping what happens inside layers.

    Raises:
        StateError: it is at its least already.
    """
    if job.plan.micro_rows > 1:
        return replace(job, plan=replace(job.plan, micro_rows=job.plan.micro_rows // 2))
    if job.settings.activation_checkpointing:
        raise StateError(
            f"a single row of {job.plan.row_length} tokens does not fit into the memory",
            hint="take a smaller --size or --train.row-length",
        )
    settings = replace(job.settings, activation_checkpointing=True)
    loss = _loss(job.model, settings=settings, machine=job.machine, ranks=job.ranks)
    return replace(job, settings=settings, loss=loss)


def _loss(
    network: MaskedLM, *, settings: TrainConfig, machine: Hardware, ranks: Ranks
) -> Callable[[TokenBatch], torch.Tensor]:
    loss = model.MaskedLoss(
        network,
        dtype=DTYPES[machine.precision],
        checkpointed=settings.activation_checkpointing,
    )
    if machine.compile:
        loss.compile(dynamic=False)
    return ranks.together(loss)


def _check_agreement(run: Path, header: dict[str, Any]) -> None:
    """Refuse shards of another tokenizer than the one in the run folder."""
    folder = run / "tokenizer"
    again = f"make the tokens again: filiberto tokens {run} --force"
    if safeio.sha256_of(folder / "tokenizer.json") != header["tokenizer"]:
        raise StateError(
            f"{run / 'tokens'} was made with another tokenizer than {folder}", hint=again
        )
    tokenizer = bpe.load(folder)
    for name, mine, theirs in (
        ("vocab_size", tokenizer.get_vocab_size(), header["vocab_size"]),
        (
            "special_ids",
            bpe.special_ids(tokenizer, bpe.special_tokens(folder)),
            header["special_ids"],
        ),
    ):
        if mine != theirs:
            raise StateError(
                f"{run / 'tokens'} and {folder} disagree on `{name}`: {theirs}, {mine}", hint=again
            )
    model.check_special_ids(header["special_ids"], vocab_size=header["vocab_size"])
