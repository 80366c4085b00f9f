"""The law that foretells losses: trainings of several sizes and lengths, and a fit to them.

    python benchmarks/law.py CORPORA/it --cache DIR

Text, vocabulary, recipe and cache are those of `learning.py`: a finished training is not run again.
All have their own schedule to zero. Some read a thinned text again and again. Losses are given as
a share of the unigram loss; the law is that of `filiberto/train/law.py`, whose constants are
printed as they must stand there. JSON and a plot into benchmarks/results/law.*.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from learning import CANDIDATES, cached, prepared, spec_of, thinned

from filiberto.tokens.stream import open_stream
from filiberto.train.law import MOST_EPOCHS
from filiberto.train.prepare import unigram_loss
from filiberto.train.sizes import SIZES, num_parameters

MILLION = 1_000_000
RANDOM = CANDIDATES["random embeddings"]
# Muennighoff et al. 2023, for decoders: what is taken until our own trainings can tell.
PUBLISHED_PASSES = 15.0
PASSES = (2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 50.0)

# Tokens that were read, in millions.
FRESH = {"tiny": (2, 4, 8, 16, 32, 66), "mini": (2, 4, 8, 18), "small": (2, 4)}
# With fewer a training is still leaving the plateau of guessing by frequency: shown, not fitted.
LEAST_TOKENS = 2 * MILLION
# Sizes, tokens in millions, and the part of the text that is read: one document in so many.
AGAIN = [("tiny", 8, 16), ("tiny", 2, 64), ("tiny", 4, 64), ("mini", 2, 64)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--have", action="store_true", help="fit to what is cached already")
    arguments = parser.parse_args()
    run = prepared(arguments.cache / "run", arguments.corpus)
    whole = unigram_loss(run)
    rows = [row for row in trainings(arguments, run, whole) if row is not None]
    fitted = fit([row for row in rows if is_fitted(row)])
    for row in rows:
        row |= {"law": round(share_of(row, **fitted), 4), "fitted": is_fitted(row)}
        read, there = row["tokens"] / MILLION, row["text_tokens"] / MILLION
        print(
            f"{row['size']:6} {read:4.0f}M of {there:5.2f}M  {row['share']:.3f}"
            f"  law {row['law']:.3f}  {row['law'] - row['share']:+.3f}"
            f"{'' if is_fitted(row) else '  (not fitted)'}"
        )
    error = max(abs(row["law"] - row["share"]) for row in rows if is_fitted(row))
    print(
        ", ".join(f"{name} = {value:.5g}" for name, value in fitted.items()), f"error {error:.3f}"
    )
    about = {"unigram_loss": whole, "law": fitted, "error": round(error, 4), "rows": rows}
    path = Path(__file__).parent / "results" / "law.json"
    path.write_text(json.dumps(about, indent=2) + "\n")
    plot(rows, fitted, path.with_suffix(".svg"))


def trainings(arguments: argparse.Namespace, run: Path, whole: float) -> Any:
    asked = [(size, count, 1) for size, counts in FRESH.items() for count in counts] + AGAIN
    for size, count, part in asked:
        # What the law is of (`filiberto/train/law.py`), not the default.
        name = "random embeddings" if part == 1 else f"one document in {part}"
        place = run if part == 1 else thinned(run, part=part)
        spec = spec_of(name, RANDOM, architecture="modernbert", size=size, tokens=count * MILLION)
        if arguments.have and not (arguments.cache / f"{spec['name']}.json").exists():
            continue
        found = cached(arguments.cache, place, spec)
        yield {
            "size": size,
            "tokens": count * MILLION,
            "text_tokens": len(open_stream(place / "tokens", split="train")),
            "loss": round(found["loss"], 4),
            "share": round(found["loss"] / whole, 4),
        }


def fit(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Least squares: the powers and passes from a grid, what is left is linear.

    Trainings on fresh text decide the powers, then those that read it again the passes.
    """
    fresh = [row for row in rows if row["tokens"] <= 3 * row["text_tokens"]]
    found = [
        linear(fresh, alpha=alpha, beta=beta, passes=PUBLISHED_PASSES)
        for alpha in np.arange(0.05, 0.61, 0.05)
        for beta in np.arange(0.1, 1.01, 0.02)
    ]
    law = min(found, key=lambda law: left(fresh, law))
    if len(fresh) == len(rows):  # none has read a text often enough to tell
        return law
    return min(({**law, "passes": p} for p in PASSES), key=lambda law: left(rows, law))


def is_fitted(row: dict[str, Any]) -> bool:
    """Neither too short for a law, nor past what its text bears."""
    passes = row["tokens"] / row["text_tokens"]
    return row["tokens"] >= LEAST_TOKENS and passes <= MOST_EPOCHS


def linear(rows: list[dict[str, Any]], **powers: float) -> dict[str, float]:
    """The law with these powers."""
    size, read = weights(rows), np.array([effective(row, powers["passes"]) for row in rows])
    terms = [np.ones(len(rows)), size ** -powers["alpha"], read ** -powers["beta"]]
    terms = np.stack(terms, 1)
    shares = np.array([row["share"] for row in rows])
    floor, a, b = np.linalg.lstsq(terms, shares, rcond=None)[0]
    if min(floor, a) < 0:  # nothing is below zero: without the term of the size
        a, (floor, b) = 0.0, np.linalg.lstsq(terms[:, ::2], shares, rcond=None)[0]
    return {"floor": float(floor), "a": float(a), "b": float(b), **powers}


def left(rows: list[dict[str, Any]], law: dict[str, float]) -> float:
    return sum((share_of(row, **law) - row["share"]) ** 2 for row in rows)


def weights(rows: list[dict[str, Any]]) -> Any:
    """Of the layers."""
    more = {"vocab_size": 1, "row_length": 1, "architecture": "modernbert"}
    return np.array([float(num_parameters(SIZES[row["size"]], **more)[0]) for row in rows])


def effective(row: dict[str, Any], passes: float) -> float:
    """Fresh tokens that are worth as much as what was read."""
    text, tokens = row["text_tokens"], row["tokens"]
    if tokens <= text:
        return tokens
    return text * (1 + passes * (1 - math.exp(-(tokens / text - 1) / passes)))


def share_of(row: dict[str, Any], *, floor: float, a: float, b: float, **powers: float) -> float:
    (size,) = weights([row])
    read = effective(row, powers["passes"])
    return float(floor + a * size ** -powers["alpha"] + b * read ** -powers["beta"])


def plot(rows: list[dict[str, Any]], fitted: dict[str, float], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for colour, size in zip(("#0b6e4f", "#c1440e", "#3b4cc0"), FRESH, strict=True):
        mine = [row for row in rows if row["size"] == size]
        if not mine:
            continue
        first = [row for row in mine if row["tokens"] <= 3 * row["text_tokens"]]
        again = [row for row in mine if row not in first]
        line = np.geomspace(min(FRESH[size]), max(FRESH[size]), 50) * MILLION
        law = [share_of({**mine[0], "tokens": n, "text_tokens": n}, **fitted) for n in line]
        axes.plot(line / MILLION, law, color=colour, linewidth=1)
        axes.scatter(*points(first), color=colour, label=size)
        axes.scatter(*points(again), color=colour, marker="x")
    axes.set_xscale("log", base=2)
    axes.set_xticks([2, 4, 8, 16, 32, 64], ["2", "4", "8", "16", "32", "64"])
    axes.set_xlabel("tokens read, millions (x: a thinned text, many times)")
    axes.set_ylabel("loss / unigram loss")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def points(rows: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    return [row["tokens"] / MILLION for row in rows], [row["share"] for row in rows]


if __name__ == "__main__":
    main()
