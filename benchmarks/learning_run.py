"""One training of `learning.py`: a recipe, a seed, a number of tokens; its curve as JSON.

python benchmarks/learning_run.py RUN SPEC.json OUT.json
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from filiberto.config import EvaluateConfig, TrainConfig
from filiberto.evaluate.bits import bits_per_byte
from filiberto.evaluate.comparison import some_documents
from filiberto.evaluate.model import Reader
from filiberto.tokenizer import bpe
from filiberto.tokens.stream import open_stream
from filiberto.train import cooccurrence, hardware, losses, masking
from filiberto.train.course import Course
from filiberto.train.job import Job, new_job
from filiberto.train.loop import validate
from filiberto.train.masking import IGNORE_INDEX
from filiberto.train.step import train_step

_SLOPE = losses._to_slope


def main() -> None:
    run, spec, out = sys.argv[1:]
    asked = json.loads(Path(spec).read_text(encoding="utf-8"))
    del asked["name"]
    found = trained(Path(run), **asked)
    Path(out).write_text(json.dumps(found) + "\n", encoding="utf-8")


def trained(
    run: Path,
    *,
    size: Any,
    seed: int,
    tokens: int,
    validations: int,
    settings: dict[str, Any],
    shape: str = "linear",
    mask_rates: list[float] | None = None,
    batches: list[int] | None = None,
    split: tuple[float, float] | None = None,
    words: bool = False,
    init: float = 1.0,
    momentum: float | None = None,
    z_loss: float = 0.0,
    average: float = 0.0,
    positions: str | None = None,
    theta: float | None = None,
    embedding_rms: float = cooccurrence.RMS,
) -> dict[str, Any]:
    """Train, and validate at even steps in tokens.

    Args:
        run: its tokens are finished.
        size: of the model.
        seed: of weights, order and masks.
        tokens: to read; the schedule ends there.
        validations: at even steps, the last at the end.
        settings: of `train`, all else being the default.
        shape: of the rate's way to zero, 'linear' or 'sqrt' (1 - sqrt).
        mask_rates: in equal parts of the training, instead of one.
        batches: tokens of a batch, in equal parts of the tokens.
        split: of the masked tokens the shares hidden and replaced, instead of 0.8 and 0.1.
        words: whether whole words are hidden, between white space, not single tokens.
        init: factor on the two matrices that write into the residual stream.
        momentum: Muon's.
        z_loss: weight of the squared logarithm of the softmax's denominator.
        average: the share of the training at its end whose weights are averaged.
        positions: RoBERTa's before the first step: sines and cosines ('waves'), or 'zero'.
        theta: the base of ModernBERT's rotations; infinity for none.
        embedding_rms: of first embeddings that are not random.
    """
    if z_loss:
        losses._to_slope = with_z_loss(z_loss)
    row_length = settings.get("row_length", 128)
    batches = batches or [settings.get("batch_tokens", 4_096)]
    steps = round(sum(tokens / len(batches) / each for each in batches))
    chosen = TrainConfig(**{**settings, "max_steps": steps, "validation_tokens": 400_000})
    hardware.keep_freed_memory()
    job = new_job(run, settings=chosen, size=size, machine=hardware.hardware_for(chosen), seed=seed)
    if shape == "sqrt":
        job = replace(job, course=Rooted(**vars(job.course)))
    embedding_seconds = cooccurrence.give_embeddings(job, run, rms=embedding_rms)
    units = word_numbers(run) if words else None
    prepare(job, init=init, momentum=momentum, positions=positions, theta=theta)
    read, curve, took, row, sums = 0, [], 0.0, 0, []
    for number in range(steps):
        start = time.perf_counter()
        done = read / tokens
        now = job
        if mask_rates:
            rate = mask_rates[min(int(done * len(mask_rates)), len(mask_rates) - 1)]
            now = replace(job, settings=replace(job.settings, mask_rate=rate))
        many = batches[min(int(done * len(batches)), len(batches) - 1)]
        with hiding(split, units=units):
            made = now.batches.make(
                now.sampler,
                first_row=row,
                num_rows=many // row_length,
                micro_rows=min(many // row_length, 8_192 // row_length),
                mask_rate=now.settings.mask_rate,
            )
        result = train_step(now, number, made).read()
        row, read = row + many // row_length, read + many
        took += time.perf_counter() - start
        if average and done > 1 - average:
            sums.append([p.detach().clone() for p in job.model.parameters()])
        if (number + 1) * validations // steps > number * validations // steps:
            if sums and number + 1 == steps:
                with torch.no_grad():
                    for weight, *seen in zip(job.model.parameters(), *sums, strict=True):
                        weight.copy_(torch.stack(seen).mean(0))
            loss = validate(job).loss
            train_loss = result.loss / max(1, result.num_labels)
            curve.append({"tokens": read, "loss": loss, "train": train_loss, "seconds": took})
    found = {
        "curve": curve,
        "loss": curve[-1]["loss"],
        "tokens_per_second": read / took,
        "embedding_seconds": embedding_seconds,
    }
    if (run / "corpus").is_dir():  # a thinned text has none
        tokenizer = run / "tokenizer"
        reader = Reader(job.model.eval(), bpe.load(tokenizer), bpe.special_tokens(tokenizer))
        usual = EvaluateConfig()
        documents = some_documents(run, max_bytes=usual.max_bytes)
        score = bits_per_byte(reader, documents, share=usual.word_share, advance=lambda _: None)
        found["bits_per_byte"] = score.bits_per_byte
    return found


Units = Callable[[np.ndarray], np.ndarray]


@contextmanager
def hiding(split: tuple[float, float] | None, *, units: Units | None) -> Iterator[None]:
    """Of the masked tokens other shares hidden and replaced; validation is as it always is.

    Args:
        split: those shares; None as it always is.
        units: numbers of what is hidden together, for ids `[rows, length]`.
    """
    before = masking._HIDE, masking._REPLACE, masking._units
    if split is not None:
        ends = (min(int(share * 2**64), 2**64 - 1) for share in (split[0], sum(split)))
        masking._HIDE, masking._REPLACE = map(np.uint64, ends)
    if units is not None:
        masking._units = units
    try:
        yield
    finally:
        masking._HIDE, masking._REPLACE, masking._units = before


def word_numbers(run: Path) -> Units:
    """Numbers the words of a row: a first token begins with white space, or is a special."""
    tokenizer = bpe.load(run / "tokenizer")
    special = open_stream(run / "tokens", split="train").header["special_ids"]
    texts = [tokenizer.decode([one]) for one in range(tokenizer.get_vocab_size())]
    first = np.array([text[:1].isspace() for text in texts])
    first[list(special.values())] = True
    return lambda ids: np.cumsum(first[ids], axis=1, dtype=np.uint64)


@torch.no_grad()
def prepare(
    job: Job, *, init: float, momentum: float | None, positions: str | None, theta: float | None
) -> None:
    base: Any = job.model.base_model
    for name, weight in base.named_parameters():
        if name.endswith(("output.dense.weight", "Wo.weight")):
            weight *= init
    if positions is not None:
        weight = base.embeddings.position_embeddings.weight
        weight.copy_(waves(*weight.shape) if positions == "waves" else torch.zeros_like(weight))
    if theta is not None:
        for name, frequencies in base.rotary_emb.named_buffers():
            if name.endswith("inv_freq"):
                share = torch.arange(len(frequencies)) / len(frequencies)
                frequencies.copy_(0.0 * share if theta == math.inf else theta**-share)
    for optimizer in job.optimizers:
        for group in optimizer.param_groups:
            if momentum is not None and "momentum" in group:
                group["momentum"] = momentum


def waves(length: int, width: int) -> Tensor:
    """Sines and cosines of positions (Vaswani et al. 2017), as large as words at the beginning."""
    frequencies = 10_000.0 ** -(torch.arange(width // 2) / (width // 2))
    angles = torch.arange(length)[:, None] * frequencies
    return 0.02 * math.sqrt(2) * torch.cat((angles.sin(), angles.cos()), 1)


class Rooted(Course):
    """A course that falls fast at first: 1 - sqrt."""

    def share(self, step: int) -> float:
        line = super().share(step)
        return line if step < self.knots[-2][0] else 1 - math.sqrt(1 - line)


def with_z_loss(weight: float) -> Any:
    """The loss with a term that keeps the softmax's denominator near 1 (PaLM, arXiv:2204.02311)."""

    def slope(scores: Tensor, bias: Tensor, labels: Tensor, to_bias: Tensor) -> Tensor:
        exact = scores + bias
        z = exact.logsumexp(1, keepdim=True) * (labels != IGNORE_INDEX)[:, None]
        extra = 2 * weight * z * exact.softmax(1)
        loss = _SLOPE(scores, bias, labels, to_bias)
        to_bias += extra.sum(0)
        scores.add_(extra.to(scores.dtype))
        return loss

    return slope


if __name__ == "__main__":
    main()
