"""What embeddings alone know of names: a small network reads each word and two tokens beside it.

    python benchmarks/embeddings.py RUN LABELLED --near -1 1 -2 2 --contexts 1024

LABELLED is a folder as `filiberto evaluate --entities` takes it.
Random ones, those that the run's training has left, and first ones from its text, made with other
places and numbers of contexts. They are not learned here, so three seeds of the network agree to
some 0.3 points, where fine-tuned models differ by 1. Scores on dev and test go into
benchmarks/results/embeddings-NAME.json; what is there already is not made again.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from filiberto.evaluate.labelled import Labelled, read_folder
from filiberto.evaluate.model import Reader, load_reader
from filiberto.evaluate.tasks import Encoded
from filiberto.evaluate.tuning import encode
from filiberto.runfolder import safeio
from filiberto.tokens.stream import open_stream
from filiberto.train import cooccurrence

SEEDS = 3
EPOCHS, BATCH, HIDDEN, PEAK_LR = 3, 512, 256, 1e-3
BESIDE = 2
"""Tokens read before a word's first and after its last; its second is read, too."""


def main() -> None:
    asked = arguments()
    path = Path(__file__).parent / "results" / f"embeddings-{asked.name}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    reader = load_reader(asked.run / "model")
    data = read_folder(asked.labelled, "iob")
    parts = windows(reader, data)
    first = {"embeddings": "first", "near": asked.near, "contexts": asked.contexts}
    for case in ({"embeddings": "random"}, {"embeddings": "trained"}, first):
        case |= {"run": asked.run.name, "data": data.name}
        if any(case.items() <= row.items() for row in rows):
            continue
        table = embeddings(case, asked.run, reader)
        found = np.array([learned(table, parts, seed=seed) for seed in range(SEEDS)])
        rows.append(case | {"dev": found[:, 0].tolist(), "test": found[:, 1].tolist()})
        print(case, "dev, test:", found.mean(0).round(4), "±", found.std(0).round(4), flush=True)
        safeio.write_json(path, rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path)
    parser.add_argument("labelled", type=Path)
    parser.add_argument("--near", type=int, nargs="*", default=list(cooccurrence.NEAR))
    parser.add_argument("--contexts", type=int, default=cooccurrence.CONTEXTS)
    parser.add_argument("--name", default="kind", help="of the JSON file, embeddings-NAME.json")
    return parser.parse_args()


def embeddings(case: dict[str, Any], run: Path, reader: Reader) -> Tensor:
    """`[vocab, width]` in rows of length one."""
    model: Any = reader.model
    weight: Tensor = model.get_input_embeddings().weight.detach().float()
    if case["embeddings"] == "trained":
        return nn.functional.normalize(weight, dim=1)
    torch.manual_seed(0)
    if case["embeddings"] == "random":
        return nn.functional.normalize(torch.randn(weight.shape), dim=1)
    cooccurrence.NEAR, cooccurrence.CONTEXTS = tuple(case["near"]), case["contexts"]
    cooccurrence.PLACES = len(case["near"]) + 1
    stream = open_stream(run / "tokens", split="train")
    return cooccurrence.embeddings(stream, width=weight.shape[1], seed=0)


def windows(reader: Reader, data: Labelled) -> dict[str, tuple[Tensor, Tensor]]:
    """Of each part the tokens of words and beside them, `[words, places]`, and labels `[words]`."""
    numbers: dict[str, int] = {"O": 0}
    made = {}
    for part, sentences in data.parts.items():
        places, labels = [], []
        for row in encode(reader, sentences):
            ids, known = beside(row), row.sentence.labels["chunk"]
            for word, begin, end in words(row):
                spots = [*range(begin - BESIDE, begin + 2), *range(end, end + BESIDE + 1)]
                places.append([ids[spot + BESIDE] for spot in spots])
                labels.append(numbers.setdefault(known[word], len(numbers)))
        made[part] = torch.tensor(places), torch.tensor(labels)
    return made


def beside(row: Encoded) -> list[int]:
    """The tokens with enough `<s>` and `</s>` around them to look to either side of all."""
    ids = row.input_ids
    return [*ids[:1] * BESIDE, *ids, *ids[-1:] * BESIDE]


def words(row: Encoded) -> list[tuple[int, int, int]]:
    """The number, the first and the last token of each word that is read."""
    read = [(word, first) for word, first in enumerate(row.first) if first]
    ends = [(-1, len(row.input_ids) - 1)]
    return [(word, a, b - 1) for (word, a), (_, b) in pairwise([*read, *ends])]


def learned(
    table: Tensor, parts: dict[str, tuple[Tensor, Tensor]], *, seed: int
) -> tuple[float, float]:
    """F1 of the labels that are not O, on dev and test."""
    torch.manual_seed(seed)
    table = table * table.shape[1] ** 0.5
    places, labels = parts["train"]
    width, classes = places.shape[1] * table.shape[1], 1 + int(labels.max())
    network = nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes))
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_LR)
    steps = EPOCHS * (len(labels) // BATCH)
    course = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(labels))
        for batch in order.split(BATCH)[: len(labels) // BATCH]:
            scores = network(table[places[batch]].flatten(1))
            optimizer.zero_grad()
            nn.functional.cross_entropy(scores, labels[batch]).backward()
            optimizer.step()
            course.step()
    return f1(network, table, *parts["dev"]), f1(network, table, *parts["test"])


@torch.no_grad()
def f1(network: nn.Module, table: Tensor, places: Tensor, labels: Tensor) -> float:
    found = torch.cat([network(table[some].flatten(1)).argmax(1) for some in places.split(4_096)])
    right = int(((found == labels) & (labels > 0)).sum())
    return 2 * right / max(1, int((found > 0).sum()) + int((labels > 0).sum()))


if __name__ == "__main__":
    main()
