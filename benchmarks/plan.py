"""Whether the size that is chosen for a time is the right one.

    python benchmarks/plan.py CORPORA/it --cache DIR --minutes 5 20 60
    python benchmarks/plan.py CORPORA/it --cache DIR --speed  # measures the constants below

For each time the size that `choose_size` takes, its neighbours and mini are trained for as many
tokens as fit into the time on two cores at the speed of each, on the text of `learning.py`, with
its cache. What counts is the gain: how far the loss comes below the unigram loss. JSON into
benchmarks/results/plan.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from learning import cached, prepared, spec_of

from filiberto.config import TrainConfig
from filiberto.train.law import relative_loss
from filiberto.train.plan import choose_size
from filiberto.train.prepare import unigram_loss
from filiberto.train.sizes import SIZES

# Tokens a second on two cores (AMD EPYC, AVX512-BF16), nothing beside it: `--speed`.
SPEED = {"tiny": 55_000, "mini": 15_000, "small": 4_900, "medium": 2_600, "base": 700}

# Products a second there in bf16, as `flops.product_rate` measures them.
RATE = 9e11

VOCAB_SIZE, TRIALS, TRIAL_TOKENS = 16_384, 3, 120_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--minutes", type=float, nargs="+", default=[5.0, 20.0, 60.0])
    parser.add_argument("--have", action="store_true", help="only what is cached already")
    parser.add_argument("--speed", action="store_true", help="measure tokens a second by size")
    arguments = parser.parse_args()
    run = prepared(arguments.cache / "run", arguments.corpus)
    if arguments.speed:
        measure_speeds(arguments.cache, run)
        return
    whole, rows = unigram_loss(run), []
    text_tokens = json.loads((run / "tokens" / "manifest.json").read_text())["facts"]["train"]
    for minutes in arguments.minutes:
        chosen = choice(minutes, text_tokens["tokens"])
        for size in sorted({chosen, "mini", *neighbours(chosen)}, key=list(SIZES).index):
            tokens = round(60 * minutes * SPEED[size])
            spec = spec_of("base", {}, architecture="modernbert", size=size, tokens=tokens)
            if arguments.have and not (arguments.cache / f"{spec['name']}.json").exists():
                continue
            loss = cached(arguments.cache, run, spec)["loss"]
            law = whole * relative_loss(size, tokens=tokens, text_tokens=text_tokens["tokens"])
            row = {"minutes": minutes, "size": size, "chosen": size == chosen, "tokens": tokens}
            rows.append(row | {"loss": round(loss, 4), "gain": round(whole - loss, 4)})
            sign = "*" if size == chosen else " "
            print(
                f"{minutes:4.0f} min {sign} {size:7} {tokens / 1e6:6.2f}M tokens  loss {loss:.3f}"
                f"  gain {whole - loss:.3f}  law {law:.3f}",
                flush=True,
            )
    for minutes in arguments.minutes:
        mine = [row for row in rows if row["minutes"] == minutes]
        best = max((row["gain"] for row in mine), default=0.0)
        gain = next((row["gain"] for row in mine if row["chosen"]), 0.0)
        if gain:
            print(f"{minutes:4.0f} min: the choice has {100 * gain / best:.0f} % of the best gain")
    about = {"unigram_loss": round(whole, 4), "speed": SPEED, "rate": RATE, "rows": rows}
    path = Path(__file__).parent / "results" / "plan.json"
    path.write_text(json.dumps(about, indent=2) + "\n")


def choice(minutes: float, text_tokens: int) -> Any:
    """What `filiberto train` would take on that machine."""
    return choose_size(
        "auto",
        TrainConfig(),
        seconds=60 * minutes,
        vocab_size=VOCAB_SIZE,
        text_tokens=text_tokens,
        device="cpu",
        precision="bf16",
        rate=RATE,
    )


def neighbours(size: str) -> list[str]:
    names = list(SIZES)
    place = names.index(size)  # type: ignore[arg-type]
    return [names[n] for n in (place - 1, place + 1) if n >= 0]


def measure_speeds(cache: Path, run: Path) -> None:
    """Some steps of each size, in turns; measured before is not measured again."""
    found: dict[str, list[float]] = {size: [] for size in SPEED}
    asked: dict[str, Any] = {"architecture": "modernbert", "tokens": TRIAL_TOKENS}
    for trial in range(TRIALS):
        for size in SPEED:
            spec = spec_of(f"speed {trial}", {}, size=size, validations=1, **asked)
            found[size].append(cached(cache, run, spec)["tokens_per_second"])
    for size, speeds in found.items():
        least, most = min(speeds), max(speeds)
        print(f"{size:7} {statistics.median(speeds):8,.0f} ({least:,.0f} to {most:,.0f})")


if __name__ == "__main__":
    main()
