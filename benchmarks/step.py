"""How fast a training step is: ours, the article's loop, and transformers' Trainer.

    python benchmarks/step.py [--text FILES] [--cases mini:128 mini:512 small:128] [--device cpu]

The same model on the same token shards, for a number of real tokens (padding does not count), each
turn in a process of its own, the contestants taking turns:

- `article`: fp32, batches of 16 documents padded to 512, a label at every position, AdamW 1e-4;
- `trainer`: transformers' Trainer with DataCollatorForLanguageModeling on grouped texts, which is
  what run_mlm.py does, at its defaults;
- `trainer, tuned`: the same with our batch size, bf16 where it is native, and on a GPU compiled;
- `filiberto`.

All hide 15 % of the tokens. Without --text the demonstration's generated sentences are read, a
short document each, by a model of 30,522 entries all the same. Model FLOPs utilisation (MFU) is
6 (N + rate (V d + d d)) + 12 d x attended length over all layers, for each token, over the rate of
a large matrix product in the same run. Needs the extra: pip install '.[bench]'. JSON into
benchmarks/results/step.json, or step-gpu.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from filiberto import corpus, tokenizer, tokens
from filiberto.config import CorpusConfig, TokenizerConfig
from filiberto.tokens.shards import open_shard, write_shard

CONTESTANTS = ("article", "trainer", "trainer, tuned", "filiberto")
ENTRIES = 30_522
TURN = Path(__file__).with_name("step_turn.py")


def main() -> None:
    arguments = parsed()
    with tempfile.TemporaryDirectory() as place:
        run = arguments.run or prepared(Path(place), arguments.text)
        rows = []
        for case in arguments.cases:
            size, row_length = case.split(":")
            turns: dict[str, list[dict[str, Any]]] = {name: [] for name in arguments.contestants}
            for _ in range(arguments.repeats):
                for name in arguments.contestants:
                    turns[name].append(turn(name, run, size, row_length, arguments))
            row = summed(turns) | {"size": size, "row_length": int(row_length)}
            show(row)
            rows.append(row)
    name = "step-gpu.json" if arguments.device == "cuda" else "step.json"
    path = Path(__file__).parent / "results" / (arguments.out or name)
    path.write_text(json.dumps({"text": arguments.text, "rows": rows}, indent=2) + "\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", nargs="+", default=["builtin:phrasebook"])
    parser.add_argument("--run", type=Path, help="a run with tokens of 30,522 entries")
    parser.add_argument("--cases", nargs="+", default=["mini:128", "mini:512", "small:128"])
    parser.add_argument("--contestants", nargs="+", default=list(CONTESTANTS), choices=CONTESTANTS)
    parser.add_argument("--seconds", type=float, default=8.0, help="that a turn is measured")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--mask-rate", type=float, default=0.15)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", help="name of the JSON file")
    return parser.parse_args()


def prepared(run: Path, text: list[str]) -> Path:
    """A run with token shards for a model of ENTRIES entries."""
    corpus.build(run, text=text, settings=CorpusConfig(skip_rules=("near_duplicate", "leak")))
    tokenizer.build(run, settings=TokenizerConfig(vocab_size=ENTRIES))
    tokens.build(run)
    for path in (run / "tokens").glob("*.tokens"):
        shard = open_shard(path)
        facts = {key: shard.header[key] for key in ("tokenizer", "special_ids")}
        ids = shard.read(0, len(shard)).copy()
        write_shard(path, ids, vocab_size=ENTRIES, facts=facts)
    return run


def turn(
    name: str, run: Path, size: str, row_length: str, arguments: argparse.Namespace
) -> dict[str, Any]:
    """One contestant, in a process of its own."""
    command = [
        *(sys.executable, str(TURN), name, str(run), size, row_length),
        *(str(arguments.seconds), str(arguments.mask_rate), arguments.device),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name}: {done.stderr[-2_000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def summed(turns: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    ours = [t["tokens_per_second"] for t in turns.get("filiberto", [])]
    result: dict[str, Any] = {"contestants": {}}
    for name, found in turns.items():
        speeds = [t["tokens_per_second"] for t in found]
        used = [t["flops_per_token"] * t["tokens_per_second"] / t["peak"] for t in found]
        result["contestants"][name] = {
            "tokens_per_second": spread(speeds),
            "mfu": spread(used),
            "peak_memory_mb": round(max(t["peak_bytes"] for t in found) / 1e6),
            "ours_over_it": spread([o / s for o, s in zip(ours, speeds, strict=False)]),
        }
    result["matmul_gflops"] = spread([t["peak"] / 1e9 for f in turns.values() for t in f])
    if ours:
        phases = [t["phases"] for t in turns["filiberto"]]
        result["phases"] = {key: spread([p[key] for p in phases]) for key in phases[0]}
        result["sampler_tokens_per_second"] = spread([t["sampler"] for t in turns["filiberto"]])
        result["precision"] = turns["filiberto"][0]["precision"]
    return result


def spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {key: float(f"{value:.4g}") for key, value in figures.items()}


def show(row: dict[str, Any]) -> None:
    peak = row["matmul_gflops"]["median"]
    print(f"\n{row['size']}, rows of {row['row_length']}; matrix product {peak:.0f} GFLOP/s")
    for name, found in row["contestants"].items():
        speed, mfu = found["tokens_per_second"], found["mfu"]
        ratio = found["ours_over_it"].get("median", float("nan"))
        print(
            f"  {name:15} {speed['median']:>9.0f} tokens/s ({speed['min']:.0f} to "
            f"{speed['max']:.0f})  MFU {100 * mfu['median']:5.1f} %  "
            f"{found['peak_memory_mb']:>6} MB  ours is {ratio:.2f} times that"
        )
    shares = {key: value["median"] for key, value in row.get("phases", {}).items()}
    print("  " + " · ".join(f"{key} {100 * share:.1f} %" for key, share in shares.items()))
    sampled = row.get("sampler_tokens_per_second", {}).get("median", float("nan"))
    print(f"  rows and masks alone: {sampled / 1e6:.1f}M tokens/s")


if __name__ == "__main__":
    main()
