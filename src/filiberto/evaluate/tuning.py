"""Fine-tune an encoder for a task, within a budget that is the same for everyone.

    sentences -> ids -> batches of like length -> Muon and AdamW, warm-up and decay -> best on dev

The budget: `EPOCHS` epochs and `MAX_STEPS` steps at most, `ROWS` sentences a step; what is kept is
the state that does best on the dev part, looked at every epoch or `LOOK_STEPS`; after `PATIENCE`
looks without a gain it ends.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from filiberto.config import TrainConfig
from filiberto.evaluate.bits import word_tokens
from filiberto.evaluate.budget import EPOCHS, LOOK_STEPS, MAX_STEPS, PATIENCE, ROWS
from filiberto.evaluate.labelled import Sentence
from filiberto.evaluate.model import Reader
from filiberto.evaluate.pretrained import new_parameters
from filiberto.evaluate.tasks import Batch, Counts, Encoded, Task, padded
from filiberto.train.hardware import DTYPES, Hardware
from filiberto.train.optim import make_optimizers, set_rates
from filiberto.train.rates import Rates

RATES = (Rates(5e-5, muon=0), Rates(1e-3, muon=0), Rates(1e-3, muon=5e-3))
"""Tried: AdamW's for large and for small models, and Muon, which suits what Muon has trained."""
WARMUP_SHARE, MAX_NORM = 0.1, 1.0
HEAD_LR = 1e-3
"""At least so much for the head, most of which no pretraining gave."""

_WEIGHT_DECAY, _BETA2, _EPSILON = 0.01, 0.999, 1e-8
_POOL = 50  # batches of like length are drawn from so many


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned model, and how its best state did on the dev part."""

    model: nn.Module
    dev: list[float]
    steps: int


@dataclass(frozen=True)
class Chosen:
    """The best of `RATES` on the dev part, with the model; and what each came to there."""

    rates: Rates
    best: Tuned
    tried: list[float]
    steps: int


def choose(learn: Callable[[Rates], Tuned]) -> Chosen:
    """Fine-tune with each of `RATES`; one model is kept at a time, the best."""
    chosen: tuple[Rates, Tuned] | None = None
    tried, steps = [], 0
    for rates in RATES:
        made = learn(rates)
        tried.append(made.dev[0])
        steps += made.steps
        if chosen is None or made.dev[0] > chosen[1].dev[0]:
            chosen = rates, made
    assert chosen is not None, "some are tried"
    return Chosen(*chosen, tried, steps)


def recipe() -> dict[str, Any]:
    """All that a fine-tuned model follows from beside data, task, seed and weights."""
    return {
        "rates": [asdict(rates) for rates in RATES],
        "head": HEAD_LR,
        "budget": [EPOCHS, MAX_STEPS, LOOK_STEPS, PATIENCE, ROWS, _POOL],
        "course": [WARMUP_SHARE, MAX_NORM],
        "optimizers": [_WEIGHT_DECAY, _BETA2, _EPSILON],
    }


def encode(reader: Reader, sentences: Sequence[Sentence]) -> list[Encoded]:
    """Cut words with their spaces into tokens; what is longer than the model reads is cut."""
    bos, eos = reader.special_ids["<s>"], reader.special_ids["</s>"]
    room = reader.max_length - 2
    made = []
    for sentence in sentences:
        spaces = sentence.spaces or [True] * len(sentence.words)
        spaced = [word + " " * there for word, there in zip(sentence.words, spaces, strict=True)]
        begins = [0, *accumulate(map(len, spaced))][:-1]
        text = "".join(spaced).rstrip(" ")
        encoding = reader.document_tokenizer.encode(text, add_special_tokens=False)
        ids, offsets = encoding.ids[:room], encoding.offsets[:room]
        first, token = [], 0
        for word, begin in zip(sentence.words, begins, strict=True):
            token, _ = word_tokens(offsets, begin, begin + len(word), first=token)
            first.append(token + 1 if token < len(ids) else 0)
        made.append(Encoded(sentence, text, [bos, *ids, eos], first, begins, offsets))
    return made


def batch_of(rows: Sequence[Encoded], *, pad_id: int) -> Batch:
    """Put encoded sentences side by side."""
    width = max(len(row.input_ids) for row in rows)
    words = max(len(row.first) for row in rows)
    return Batch(
        rows=rows,
        input_ids=padded([row.input_ids for row in rows], width=width, value=pad_id),
        attention_mask=padded([[1] * len(row.input_ids) for row in rows], width=width, value=0),
        first=padded([row.first for row in rows], width=words, value=0),
    )


def fine_tune(
    task: Task,
    folder: Path,
    parts: Mapping[str, Sequence[Encoded]],
    *,
    random: bool = False,
    rates: Rates,
    seed: int,
    pad_id: int,
    machine: Hardware,
) -> Tuned:
    """Train a model for a task and keep its best state.

    Args:
        task: what is learned.
        folder: of the model.
        parts: `train` to learn from, and `dev`, which chooses the state that is kept.
        random: begin from random weights instead of the folder's.
        rates: the highest; without one of Muon's, AdamW alone learns. The head has at least
            `HEAD_LR`.
        seed: of the head, of random weights and of the order of the sentences.
        pad_id: the id of padding.
        machine: device and number format.
    """
    torch.manual_seed(seed)
    model = task.new_model(folder, random=random)
    torch.nn.Module.to(model, machine.device)
    train, dev = parts["train"], parts["dev"]
    epoch_steps = -(-len(train) // ROWS)
    steps = min(EPOCHS * epoch_steps, MAX_STEPS)
    optimizers = optimizers_of(model, rates, machine)
    share_at = _course(steps)
    order = np.random.default_rng(seed)
    batches = islice(_batches(train, order), steps)
    best: tuple[list[float], dict[str, Any]] | None = None
    since = step = 0
    for step, rows in enumerate(batches, 1):
        model.train()
        with _autocast(machine):
            loss = task.loss(model, batch_of(rows, pad_id=pad_id))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        set_rates(optimizers, share=share_at(step - 1))
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if step % min(epoch_steps, LOOK_STEPS) and step < steps:
            continue
        found = scores(counts(task, model, dev, pad_id=pad_id, machine=machine))
        if best is None or found[0] > best[0][0]:
            best, since = (found, copy.deepcopy(model.state_dict())), 0
        elif (since := since + 1) == PATIENCE:
            break
    assert best is not None, "the last step is looked at"
    model.load_state_dict(best[1])
    return Tuned(model.eval(), best[0], step)


@torch.no_grad()
def counts(
    task: Task, model: nn.Module, rows: Sequence[Encoded], *, pad_id: int, machine: Hardware
) -> Counts:
    """What a model comes to on sentences, in their order."""
    model.eval()
    made = np.zeros((len(task.measures), len(rows), 2))
    by_length = sorted(range(len(rows)), key=lambda n: len(rows[n].input_ids))
    for start in range(0, len(rows), ROWS):
        chosen = by_length[start : start + ROWS]
        with _autocast(machine):
            batch = batch_of([rows[n] for n in chosen], pad_id=pad_id)
            made[:, chosen] = task.counts(model, batch)
    return made


def scores(found: Counts) -> list[float]:
    """Of each measure: all that is right over all there is; 0 where there is nothing."""
    right, total = found.sum(1).T
    return (right / np.maximum(total, 1)).tolist()


def optimizers_of(
    model: nn.Module, rates: Rates, machine: Hardware
) -> tuple[torch.optim.Optimizer, ...]:
    """Muon for the matrices of the encoder's layers where it has a rate, AdamW for all else."""
    settings = TrainConfig(
        optimizer="muon" if rates.muon else "adamw",
        weight_decay=_WEIGHT_DECAY,
        beta2=_BETA2,
        epsilon=_EPSILON,
    )
    body: Any = getattr(model, "base_model", model)
    made = make_optimizers(body, settings, rates=rates, muon_dtype=machine.muon_dtype)
    new = new_parameters(model)
    head = {
        "params": [p for p in model.parameters() if p in new],
        "weight_decay": _WEIGHT_DECAY,
        "peak_lr": max(rates.adamw, HEAD_LR),
    }
    made[-1].add_param_group(head)
    return made


def _course(steps: int) -> Callable[[int], float]:
    """The share of the peak at a step: straight up, then straight down to zero."""
    warmup = max(1, round(WARMUP_SHARE * steps))
    return lambda step: min((step + 1) / warmup, (steps - step) / max(1, steps - warmup), 1.0)


def _batches(rows: Sequence[Encoded], order: np.random.Generator) -> Iterator[list[Encoded]]:
    """Epoch after epoch in another order, sentences of like length together."""
    while True:
        shuffled = order.permutation(len(rows)).tolist()
        batches = []
        for start in range(0, len(shuffled), ROWS * _POOL):
            pool = shuffled[start : start + ROWS * _POOL]
            pool.sort(key=lambda n: len(rows[n].input_ids))
            batches += [pool[n : n + ROWS] for n in range(0, len(pool), ROWS)]
        for number in order.permutation(len(batches)).tolist():
            yield [rows[n] for n in batches[number]]


def _autocast(machine: Hardware) -> torch.autocast:
    # fp16 would need a scaled loss; what has no bf16 is small enough for fp32.
    return torch.autocast(machine.device, dtype=DTYPES["bf16"], enabled=machine.precision == "bf16")
