"""How long whole recipes take to a loss, on real Italian.

    python benchmarks/recipes.py CORPORA/it --cache DIR --sizes tiny --seeds 1
    python benchmarks/recipes.py CORPORA/it --cache DIR --speed   # nothing else running
    python benchmarks/recipes.py CORPORA/it --cache DIR --have    # what is there of three seeds

Text, vocabulary and evaluator are those of `learning.py`; a finished training is not run again.

- `article`: RoBERTa as in the article on Esperanto: Trainer's defaults (AdamW 5e-5, in a straight
  line to zero), dropout 0.1, mask rate 0.15, 64 lines a step, each a row, cut and padded.
- `run_mlm.py`: transformers' example at its defaults: the same, texts joined, 8 full rows a step.
- `AdamW, tuned`: the default but for its optimizer, at the best of five rates for so many tokens.
- `AdamW, tuned, RoBERTa`: the same with the other architecture, for information.
- `filiberto`: the default.

The loss by tokens comes from our engine for all of them: its arithmetic is transformers' (tests),
in bf16 where that is native. Rows are packed there and keep documents apart: a step of the article
holds as many tokens as 64 of its lines do, but nothing of a line is cut off, and of run_mlm.py's
rows no document sees another, which is how all are judged. The speed is measured apart: that of the
first two with Trainer itself (`step_turn.py`; padding is no token), ours in short trainings, taking
turns, each in a process of its own, validation left out. Time = tokens / median speed. A loss is
reached at the first validation at or below it, of whatever length of training with that seed, each
of which has a schedule of its own. JSON and a plot into benchmarks/results/recipes.*.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import step
from learning import CANDIDATES, cached, prepared, spec_of
from recipes_table import plot, show, summed

from filiberto.runfolder import manifest
from filiberto.tokens.stream import open_stream

MILLION, SPEED = 1_000_000, "tokens_per_second"
ARTICLE, RUN_MLM, ADAMW, ROBERTA, OURS = RECIPES = (
    "article",
    "run_mlm.py",
    "AdamW, tuned",
    "AdamW, tuned, RoBERTa",
    "filiberto",
)
SIZES = ("tiny", "mini")
RATES = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)

# Tokens in millions, each a training with a schedule of its own. Of the first two what half an hour
# holds on two cores by `--speed --sizes tiny`: 2,308 and 5,603 tokens/s; of mini that is a guess.
LENGTHS: dict[str, dict[str, tuple[float, ...]]] = {
    ARTICLE: {"tiny": (4.2,), "mini": (2,)},
    RUN_MLM: {"tiny": (10,), "mini": (4.5,)},
    ADAMW: {"tiny": (8,), "mini": (4,)},
    ROBERTA: {"tiny": (2,), "mini": (1,)},
    OURS: {"tiny": (0.5, 1, 1.5, 2, 3, 4, 6, 8), "mini": (0.5, 1, 1.5, 2, 3, 4)},
}

TRAINER: dict[str, Any] = {
    "embeddings": "random",
    "optimizer": "adamw",
    "peak_lr": 5e-5,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "weight_decay": 0.0,
    "warmup_share": 0.0,
    "decay_share": 1.0,
    "dropout": 0.1,
    "mask_rate": 0.15,
}
LINES, ROWS, ROW_LENGTH = 64, 8, 128

# Whom Trainer runs, and what `step_turn.py` calls it.
TRAINER_TURNS = {ARTICLE: "trainer, lines", RUN_MLM: "trainer"}
TUNED = (ADAMW, ROBERTA)

TURNS, TURN_SECONDS = 3, 20.0
# What our engine reads in about as long, in millions.
TURN_LENGTHS = {"tiny": 0.6, "mini": 0.25}


class Bench:
    """Trainings and turns: those in the cache, and those that are run into it.

    Args:
        cache: a folder.
        run: whose tokens all train on.
        shrink: all take one part in so many.
    """

    def __init__(self, cache: Path, run: Path, *, shrink: int = 1) -> None:
        self.cache, self.run, self.shrink = cache, run, shrink
        self.line_tokens = float(np.minimum(lengths_of(run), ROW_LENGTH).mean())

    def spec(
        self, recipe: str, size: str, millions: float, *, seed: int, rate: float | None = None
    ) -> dict[str, Any]:
        """What `learning.py` makes a training of."""
        name, change, validations = recipe, {}, 2
        if recipe == OURS:
            name = "base"
        elif recipe in TUNED:
            name = f"AdamW {rate}"
            change = CANDIDATES[name]
        else:
            validations = 16
            rows = ROWS if recipe == RUN_MLM else round(LINES * self.line_tokens / ROW_LENGTH)
            change = {"settings": {**TRAINER, "batch_tokens": rows * ROW_LENGTH}}
        return spec_of(
            name,
            change,
            architecture="modernbert" if recipe in (ADAMW, OURS) else "roberta",
            size=size,
            seed=seed,
            tokens=round(millions * MILLION / self.shrink),
            validations=validations,
        )

    def fill(self, recipe: str, size: str, seed: int) -> None:
        """Run what is not there; seed 0 of all rates, the others of the best."""
        for millions in LENGTHS[recipe][size]:
            one = (self.best_rate(recipe, size, millions),)
            for rate in RATES if recipe in TUNED and seed == 0 else one:
                spec = self.spec(recipe, size, millions, seed=seed, rate=rate)
                loss = cached(self.cache, self.run, spec)["loss"]
                print(f"{spec['name']:60} {loss:.3f}", flush=True)

    def best_rate(self, recipe: str, size: str, millions: float) -> float | None:
        """That of seed 0's least loss; None for a recipe that has but one."""
        if recipe not in TUNED:
            return None
        losses = {}
        for rate in RATES:
            made = self.have(self.spec(recipe, size, millions, seed=0, rate=rate))
            losses |= {rate: made["loss"]} if made else {}
        return min(losses, key=lambda rate: losses[rate], default=RATES[0])

    def have(self, spec: dict[str, Any]) -> dict[str, Any] | None:
        there = (self.cache / f"{spec['name']}.json").exists()
        return cached(self.cache, self.run, spec) if there else None

    def figures(self, size: str, seeds: int) -> dict[str, tuple[list[Any], list[float]]]:
        """By recipe its trainings and its speeds, of those that have both."""
        found = {}
        for recipe in RECIPES:
            there = [n for n in range(TURNS) if self.turn_path(recipe, size, n).exists()]
            made = [self.training(recipe, size, m, seeds) for m in LENGTHS[recipe][size]]
            made = [training for training in made if training["curves"]]
            if made and there:
                found[recipe] = (made, [self.turn(recipe, size, number) for number in there])
        return found

    def training(self, recipe: str, size: str, millions: float, seeds: int) -> dict[str, Any]:
        """What is there of one length: tokens, rate, curves by seed, seconds before a step."""
        rate = self.best_rate(recipe, size, millions)
        specs = [self.spec(recipe, size, millions, seed=n, rate=rate) for n in range(seeds)]
        made = {seed: self.have(spec) for seed, spec in enumerate(specs)}
        curves = {seed: training["curve"] for seed, training in made.items() if training}
        before = max((one["embedding_seconds"] for one in made.values() if one), default=0.0)
        return {"tokens": specs[0]["tokens"], "rate": rate, "curves": curves, "before": before}

    def turn(self, recipe: str, size: str, number: int) -> float:
        """Tokens a second, measured where they are not known."""
        path = self.turn_path(recipe, size, number)
        if recipe not in TRAINER_TURNS:
            spec = self.spec(recipe, size, TURN_LENGTHS[size], seed=number, rate=RATES[0])
            return cached(self.cache, self.run, spec | {"name": path.stem, "validations": 1})[SPEED]
        if not path.exists():
            how = argparse.Namespace(seconds=TURN_SECONDS / self.shrink, device="cpu")
            case = f"roberta/{size}:{ROW_LENGTH}"
            made = step.turn(TRAINER_TURNS[recipe], self.run, case, how)
            path.write_text(json.dumps(made) + "\n", encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))[SPEED]

    def turn_path(self, recipe: str, size: str, number: int) -> Path:
        label = "".join(sign if sign.isalnum() else "-" for sign in recipe)
        return self.cache / f"speed-{size}-{label}-{number}.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=SIZES)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=RECIPES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--have", action="store_true", help="sum up what is there, run nothing")
    parser.add_argument(
        "--speed", action="store_true", help="measure how fast each is, then --have"
    )
    parser.add_argument("--shrink", type=int, default=1, help="a trial, so many times shorter")
    parser.add_argument("--out", default="recipes.json", help="name of the JSON file")
    arguments = parser.parse_args()
    run = prepared(arguments.cache / "run", arguments.corpus)
    bench = Bench(arguments.cache, run, shrink=arguments.shrink)
    all_of = list(itertools.product(arguments.sizes, range(TURNS), arguments.recipes))
    for size, number, recipe in all_of if arguments.speed else ():
        speed = bench.turn(recipe, size, number)
        print(f"{size} {recipe:22} {speed:8,.0f} tokens/s", flush=True)
    fills = itertools.product(range(arguments.seeds), arguments.sizes, arguments.recipes)
    for seed, size, recipe in () if arguments.speed or arguments.have else fills:
        bench.fill(recipe, size, seed)
    nats = math.log(2) * bytes_per_token(run)
    about: dict[str, Any] = {"line_tokens": round(bench.line_tokens, 2), "nats_of_a_bit": nats}
    about["sizes"] = {}
    for size in arguments.sizes:
        figures = bench.figures(size, arguments.seeds)
        if OURS not in figures:
            print(f"{size}: trainings, or speeds (--speed), are still to come")
            continue
        about["sizes"][size] = summed(figures, nats=nats, ours=OURS)
        show(size, about["sizes"][size])
    if about["sizes"]:
        path = Path(__file__).parent / "results" / arguments.out
        path.write_text(json.dumps(about, indent=2) + "\n")
        plot(about["sizes"], path.with_suffix(".svg"), without=ROBERTA)


def lengths_of(run: Path) -> np.ndarray:
    """Of the lines to train on, in tokens."""
    stream = open_stream(run / "tokens", split="train")
    ids = stream.read(0, len(stream))
    starts = np.flatnonzero(ids == stream.header["special_ids"]["<s>"])
    return np.diff(np.append(starts, len(ids)))


def bytes_per_token(run: Path) -> float:
    """Of the validation text; special tokens are never asked for and count for nothing."""
    stream = open_stream(run / "tokens", split="validation")
    special = np.isin(stream.read(0, len(stream)), list(stream.header["special_ids"].values()))
    return manifest.require(run, "corpus").facts["validation"]["bytes"] / (~special).sum()


if __name__ == "__main__":
    main()
