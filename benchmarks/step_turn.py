"""One turn of `step.py`: a contestant trains for some seconds and says how fast it was.

python benchmarks/step_turn.py NAME RUN CASE SECONDS DEVICE
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from filiberto.ahead import ahead
from filiberto.config import TrainConfig
from filiberto.tokens.stream import open_stream
from filiberto.train import flops, hardware, model
from filiberto.train.job import Job, new_job
from filiberto.train.records import Records
from filiberto.train.sizes import SIZES
from filiberto.train.step import all_batches, batches_of, train_step, update

ARTICLE_ROWS, ARTICLE_LENGTH = 16, 512


class Turn:
    """What every contestant needs: the run, the model's shape, the machine."""

    def __init__(self, run: Path, case: str, device: Any):
        self.run, self.device = run, device
        kind, _, rest = case.rpartition("/")
        size, row_length, batch_tokens, mask_rate = [*rest.split(":"), "", ""][:4]
        self.architecture: Any = kind or "roberta"
        self.size: Any = size
        self.row_length = int(row_length)
        self.batch_tokens: Any = int(batch_tokens) if batch_tokens else "auto"
        self.mask_rate = float(mask_rate or 0.15)
        self.stream = open_stream(run / "tokens", split="train")
        self.header = self.stream.header

    def network(self, *, row_length: int) -> Any:
        """The model as the others have it: stock, RoBERTa with its dropout of 0.1."""
        network: Any = model.new_model(
            self.architecture,
            SIZES[self.size],
            vocab_size=self.header["vocab_size"],
            row_length=row_length,
            special_ids=self.header["special_ids"],
            dropout=0.1 if self.architecture == "roberta" else 0.0,
            seed=0,
        )
        return network.to(self.device).train()

    def job(self) -> Job:
        settings = TrainConfig(
            architecture=self.architecture,
            batch_tokens=self.batch_tokens,
            row_length=self.row_length,
            mask_rate=self.mask_rate,
            device=self.device,
            max_steps=100_000,
        )
        machine = hardware.hardware_for(settings)
        return new_job(self.run, settings=settings, size=self.size, machine=machine, seed=0)


def article(turn: Turn, seconds: float) -> dict[str, Any]:
    """The loop of the article, its documents padded to 512, every position a label."""
    special = turn.header["special_ids"]
    network = turn.network(row_length=ARTICLE_LENGTH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def step(documents: list[np.ndarray]) -> int:
        ids = np.full((len(documents), ARTICLE_LENGTH), special["<pad>"])
        for row, document in zip(ids, documents, strict=True):
            row[: len(document)] = document[:ARTICLE_LENGTH]
        labels = torch.from_numpy(ids).to(turn.device)
        seen = (labels != special["<pad>"]).long()
        hidden = (torch.rand(labels.shape, device=turn.device) < 0.15) & (seen > 0)
        inputs = labels.masked_fill(hidden, special["<mask>"])
        network(input_ids=inputs, attention_mask=seen, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return sum(min(len(document), ARTICLE_LENGTH) for document in documents)

    batches = documents_of(turn)
    step(next(batches))
    return timed(lambda: step(next(batches)), seconds, turn.device)


def documents_of(
    turn: Turn, *, many: int = ARTICLE_ROWS, tokens: int = 4_000_000
) -> Iterator[list[np.ndarray]]:
    """So many at a time, in any order, from the first tokens of the text."""
    ids = turn.stream.read(0, min(len(turn.stream), tokens))
    starts = np.flatnonzero(ids == turn.header["special_ids"]["<s>"])
    order = np.random.default_rng(0).permutation(len(starts) - 1)
    for first in range(0, len(order), many):
        chosen = order[first : first + many]
        yield [ids[starts[i] : starts[i + 1]] for i in chosen]


class Clock(TrainerCallback):
    """Stops a Trainer some seconds after its second step."""

    def __init__(self, seconds: float, device: str):
        self.seconds, self.device, self.start, self.first = seconds, device, 0.0, 0

    def on_step_end(self, arguments: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step == 2:
            synchronise(self.device)
            self.start, self.first = time.perf_counter(), state.global_step
        if state.global_step > 2 and time.perf_counter() - self.start > self.seconds:
            synchronise(self.device)
            self.took, self.steps = time.perf_counter() - self.start, state.global_step - self.first
            control.should_training_stop = True


def trainer(
    turn: Turn, seconds: float, *, tuned: bool = False, compiled: bool = False
) -> dict[str, Any]:
    """What run_mlm.py does."""
    rows = 8
    more: dict[str, Any] = {}
    if tuned:
        plan = turn.job().plan
        rows = plan.batch_rows if turn.device == "cpu" else plan.micro_rows
        cuda = turn.device == "cuda"
        more = {"bf16": plan.precision == "bf16", "torch_compile": compiled}
        more["dataloader_num_workers"] = 4 if cuda else 0
    length = turn.row_length
    ids = turn.stream.read(0, length * min(len(turn.stream) // length, 20_000)).reshape(-1, length)
    return {"tokens_per_second": length * by_trainer(turn, list(ids), seconds, rows=rows, **more)}


def lines(turn: Turn, seconds: float) -> dict[str, Any]:
    """The article on Esperanto: 64 lines a step, cut and padded; padding is no token."""
    found = next(documents_of(turn, many=20_000, tokens=len(turn.stream)))
    cut = [line[: turn.row_length] for line in found]
    mean = float(np.mean([len(line) for line in cut]))
    return {"tokens_per_second": mean * by_trainer(turn, cut, seconds, rows=64)}


def by_trainer(
    turn: Turn, examples: list[np.ndarray], seconds: float, *, rows: int, **more: Any
) -> float:
    """Train with Trainer at its defaults; examples a second."""
    special = list(turn.header["special_ids"].values())
    data = [
        {
            "input_ids": ids.tolist(),
            "attention_mask": [1] * len(ids),
            "special_tokens_mask": np.isin(ids, special).astype(int).tolist(),
        }
        for ids in examples
    ]
    clock = Clock(seconds, turn.device)
    reader = PreTrainedTokenizerFast.from_pretrained(turn.run / "tokenizer")
    with tempfile.TemporaryDirectory() as place:
        arguments = TrainingArguments(
            output_dir=place,
            per_device_train_batch_size=rows,
            max_steps=100_000,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=turn.device == "cpu",
            **more,
        )
        Trainer(
            model=turn.network(row_length=turn.row_length),
            args=arguments,
            train_dataset=data,  # type: ignore[arg-type]
            data_collator=DataCollatorForLanguageModeling(reader, mlm_probability=turn.mask_rate),
            callbacks=[clock],
        ).train()
    return clock.steps * rows / clock.took


def filiberto(turn: Turn, seconds: float) -> dict[str, Any]:
    """Ours, and where its time goes."""
    hardware.keep_freed_memory()
    job = turn.job()
    number = 0
    waited = 0.0
    batches = all_batches(job, first_step=0)
    if turn.device == "cuda":
        batches = ahead(batches)

    def step() -> int:
        nonlocal number, waited
        start = time.perf_counter()
        micro_batches = next(batches)
        waited += time.perf_counter() - start
        result = train_step(job, number, micro_batches)
        if turn.device == "cpu":
            result.read()
        number += 1
        return job.plan.batch_tokens

    for _ in range(2 if turn.device == "cpu" else 5):
        step()
    waited = 0.0
    found = timed(step, seconds, turn.device)
    batches.close()
    phases = {"data wait": waited / found["seconds"], **phases_of(job, seconds / 2)}
    sampled = sampler_speed(job)
    return found | {"phases": phases, "precision": job.plan.precision, "sampler": sampled}


def sampler_speed(job: Job) -> float:
    """Tokens a second of rows with their masks, on the host alone."""
    rows = 65_536 // job.plan.row_length
    # As for a GPU, which makes its masks itself where it needs any.
    maker, found = replace(job.batches, device="cpu", varlen=True), []
    for number in range(8):
        start = time.perf_counter()
        maker.make(
            job.sampler, first_row=number * rows, num_rows=rows, micro_rows=rows, mask_rate=0.3
        )
        found.append(rows * job.plan.row_length / (time.perf_counter() - start))
    return float(np.median(found))


def phases_of(job: Job, seconds: float) -> dict[str, float]:
    """Shares of the time of each part of a step, one by one; every step is logged here."""
    device = job.plan.device
    parts = ("making batches", "forward", "backward", "optimizer", "logging")
    spent = dict.fromkeys(parts, 0.0)
    place = tempfile.TemporaryDirectory()
    records = Records(Path(place.name), metrics_bytes=0, step=0)
    start, number = time.perf_counter(), 0

    def since(begin: float, name: str) -> float:
        synchronise(device)
        now = time.perf_counter()
        spent[name] += now - begin
        return now

    while time.perf_counter() - start < seconds or not number:
        now = time.perf_counter()
        batches = batches_of(job, number)
        now = since(now, "making batches")
        loss = torch.zeros((), device=device)
        for batch in batches:
            loss = job.loss(batch)
            now = since(now, "forward")
            (loss / batch.num_labels).backward()
            now = since(now, "backward")
        norm, _ = update(job, number, loss=loss.detach())
        now = since(now, "optimizer")
        records.metrics(number, loss=loss.item(), learning_rate=1.0, gradient_norm=norm.item())
        records.timings(number, seconds=now)
        since(now, "logging")
        number += 1
    records.close()
    place.cleanup()
    total = sum(spent.values())
    return {name: took / total for name, took in spent.items()}


def timed(step: Any, seconds: float, device: str) -> dict[str, Any]:
    synchronise(device)
    start, tokens = time.perf_counter(), 0
    while not tokens or time.perf_counter() - start < seconds:
        tokens += step()
    synchronise(device)
    took = time.perf_counter() - start
    return {"tokens_per_second": tokens / took, "seconds": took}


def synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def peak_bytes(device: str) -> int:
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def main() -> None:
    name, run, case, seconds, device = sys.argv[1:]
    turn = Turn(Path(run), case, device)
    contestants = {
        "article": article,
        "trainer": trainer,
        "trainer, lines": lines,
        "trainer, tuned": partial(trainer, tuned=True),
        "trainer, compiled": partial(trainer, tuned=True, compiled=True),
        "filiberto": filiberto,
    }
    found = contestants[name](turn, float(seconds))
    found["peak_bytes"] = peak_bytes(device)
    job = turn.job()
    found["flops_per_token"] = flops.flops_of(job, mask_rate=turn.mask_rate)
    machine = job.machine
    found["device"] = machine.name
    dtype = hardware.DTYPES[machine.precision]
    found["peak"] = flops.product_rate(device, dtype, times=5)
    found["peak_fp32"] = flops.product_rate(device, torch.float32, times=5)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
