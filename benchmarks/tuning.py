"""What optimizer and learning rates do in fine-tuning, by the report's recipe else.

    python benchmarks/tuning.py RUN LABELLED --rates 1e-3 1e-3:5e-3 --models trained random

LABELLED is a folder as `filiberto evaluate --treebank`, `--entities` or `--classes` takes it. A
rate is AdamW's; after a colon stands Muon's for the layers. The model `embedded` has the first
embeddings that a training would begin with, and random layers. Scores on dev and test, of one seed
each, go into benchmarks/results/tuning-NAME.json as soon as they are known; what is there already
is not learned again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from filiberto.config import TrainConfig
from filiberto.evaluate.contest import tasks_of
from filiberto.evaluate.labelled import Layout, read_folder
from filiberto.evaluate.model import load_reader
from filiberto.evaluate.tasks import Probe
from filiberto.evaluate.tuning import counts, encode, fine_tune, scores
from filiberto.runfolder import safeio
from filiberto.train import hardware
from filiberto.train.cooccurrence import give_embeddings
from filiberto.train.job import new_job
from filiberto.train.rates import Rates

MODELS = ("trained", "random", "embedded")


def main() -> None:
    asked = arguments()
    path = Path(__file__).parent / "results" / f"tuning-{asked.name}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    layout: Layout = asked.layout
    for task in tasks_of({layout: read_folder(asked.labelled, layout)}):
        if asked.task not in (None, task.name):
            continue
        for model, rates, seed in product(asked.models, asked.rates, range(asked.seeds)):
            case = {
                "task": task.name,
                "data": task.data.name,
                "model": model,
                "rates": rates,
                "seed": seed,
            }
            if any(case.items() <= row.items() for row in rows):
                continue
            with tempfile.TemporaryDirectory() as folder:
                at = asked.run / "model"
                if model == "embedded":
                    at = embedded(asked.run, Path(folder))
                made = learned(task, at, model == "random", rates_of(rates), seed)
            rows.append(case | dict(zip(("dev", "test"), made, strict=True)))
            print(rows[-1], flush=True)
            safeio.write_json(path, rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path)
    parser.add_argument("labelled", type=Path)
    parser.add_argument("--layout", choices=["conllu", "iob", "classes"], default="iob")
    parser.add_argument("--task", help="tags or dependencies, of a treebank only that")
    parser.add_argument("--rates", nargs="+", default=["1e-3", "1e-3:5e-3"])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["trained"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--name", default="kind", help="of the JSON file, tuning-NAME.json")
    return parser.parse_args()


def rates_of(text: str) -> Rates:
    adamw, _, muon = text.partition(":")
    return Rates(float(adamw), float(muon or 0))


def embedded(run: Path, folder: Path) -> Path:
    """A model of the run's shape whose embeddings are from its text and whose layers are random."""
    size = json.loads((run / "plan.json").read_text(encoding="utf-8"))["size"]
    settings = TrainConfig(max_steps=1_000_000)  # a training for which all of the text is read
    job = new_job(run, settings=settings, size=size, machine=hardware.find_hardware(), seed=0)
    give_embeddings(job, run)
    shutil.copytree(run / "model", folder, dirs_exist_ok=True)
    job.model.save_pretrained(folder)
    return folder


def learned(
    task: Probe, folder: Path, random: bool, rates: Rates, seed: int
) -> tuple[list[float], list[float]]:
    """Every measure of the task on dev and on test."""
    reader = load_reader(folder)
    parts = {part: encode(reader, rows) for part, rows in task.data.parts.items()}
    machine, pad_id = hardware.find_hardware(), reader.special_ids["<pad>"]
    made = fine_tune(
        *(task, folder, parts),
        random=random, rates=rates, seed=seed, pad_id=pad_id, machine=machine,
    )  # fmt: skip
    tested = counts(task, made.model, parts["test"], pad_id=pad_id, machine=machine)
    return made.dev, scores(tested)


if __name__ == "__main__":
    main()
