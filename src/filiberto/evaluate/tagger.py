"""`filiberto tune`: fine-tune a run's model to label words, and keep what comes of it.

model, train.conllu or train.tsv  ->  three trainings, the best on dev  ->  a folder for pipelines

It learns from sentences as they are written, as a pipeline reads them.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from filiberto.console import progress, say
from filiberto.errors import OtherRunError, UsageError
from filiberto.evaluate.chunks import ChunkTask
from filiberto.evaluate.elsewhere import model_folder, name_of
from filiberto.evaluate.labelled import (
    PARTS,
    Labelled,
    Part,
    Sentence,
    layout_of,
    read_file,
    set_apart,
)
from filiberto.evaluate.model import load_reader
from filiberto.evaluate.probes import SEEDS, summary
from filiberto.evaluate.tuning import RATES, Tuned, choose, counts, encode, fine_tune
from filiberto.evaluate.written import read_written
from filiberto.publish.card import learning_rates, tagger_card
from filiberto.runfolder import safeio
from filiberto.train import hardware
from filiberto.train.rates import Rates

METRICS = "metrics.json"


def tune(place: Path, train: Path, *, dev: Path | None, test: Path | None, out: Path) -> None:
    """Fine-tune a tagger and write it as a folder that `pipeline("token-classification")` loads.

    Args:
        place: a run or a model folder.
        train: labelled sentences: .conllu (its parts of speech), or words and entity labels.
        dev: sentences that choose one of three trainings; without it a tenth of `train`.
        test: sentences on which the tagger is scored, if any.
        out: the folder to make.

    Raises:
        UsageError: a file is missing.
        BadDataError: a file cannot be read.
        OtherRunError: `out` exists and holds no tagger.
    """
    if out.exists() and not all((out / name).is_file() for name in ("config.json", METRICS)):
        raise OtherRunError(f"{out} exists and holds no tagger", hint="name another with --out")
    task = _task(train, dev, test)
    out.parent.mkdir(parents=True, exist_ok=True)
    reader = load_reader(place)
    machine = hardware.find_hardware()
    hardware.keep_freed_memory()
    pad_id = reader.special_ids["<pad>"]
    parts = {part: encode(reader, rows) for part, rows in task.data.parts.items()}

    def tuned(rates: Rates) -> Tuned:
        made = fine_tune(
            *(task, model_folder(place), parts),
            rates=rates, seed=SEEDS[0], pad_id=pad_id, machine=machine,
        )  # fmt: skip
        advance(1)
        return made

    with progress("tune", total=len(RATES), unit="trainings") as advance:
        chosen = choose(tuned)
    best = chosen.best
    metrics: dict[str, Any] = {
        "task": task.name,
        "measure": task.measures[0],
        "rates": asdict(chosen.rates),
        "dev": best.dev[0],
        "sentences": {part: len(rows) for part, rows in task.data.parts.items() if rows},
    }
    if test is not None:
        found = counts(task, best.model, parts["test"], pad_id=pad_id, machine=machine)
        metrics["test"] = summary(found)
    _write(out, task, best, place=place, metrics=metrics)
    scores = [f"dev {100 * metrics['dev']:.1f} %"]
    scores += [f"test {100 * metrics['test']['mean']:.1f} %"] if test is not None else []
    say(f"{metrics['measure']}: {', '.join(scores)}, {learning_rates(metrics['rates'])}")
    say(f"The tagger is {out}:")
    say(f"  pipeline('token-classification', '{out}', aggregation_strategy='simple')")


def _task(train: Path, dev: Path | None, test: Path | None) -> ChunkTask:
    trees = layout_of(train) == "conllu"
    given = zip(PARTS, (train, dev, test), strict=True)
    files: dict[Part, Path] = {part: path for part, path in given if path is not None}
    read = read_written(files.values()) if trees else [read_file(p, "iob") for p in files.values()]
    parts: dict[Part, list[Sentence]] = {part: [] for part in PARTS}
    parts.update(zip(files, read, strict=True))
    if dev is None:
        parts["train"], parts["dev"] = set_apart(parts["train"])
    if not parts["train"] or not parts["dev"]:
        raise UsageError(f"{train}: too few sentences to learn from and to choose by")
    if test is not None and not parts["test"]:
        raise UsageError(f"{test}: no sentences to test with")
    data = Labelled(train.stem, parts, digest="")
    name, measure = ("tags", "UPOS F1") if trees else ("entities", "F1")
    return ChunkTask(data, name=name, measures=(measure,))


def _write(
    out: Path, task: ChunkTask, best: Tuned, *, place: Path, metrics: dict[str, Any]
) -> None:
    model: Any = best.model.cpu()
    model.config.id2label = dict(enumerate(task.labels))
    model.config.label2id = {label: number for number, label in enumerate(task.labels)}
    source = model_folder(place)
    with safeio.new_folder(out) as folder:
        model.save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            if (source / name).is_file():
                safeio.copy(source / name, folder / name)
        card = tagger_card(metrics, labels=task.types, base=name_of(str(place)))
        safeio.write_bytes(folder / "README.md", card.encode())
        safeio.write_json(folder / METRICS, metrics)
