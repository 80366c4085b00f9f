"""How fast a training step is: ours, the article's loop, and transformers' Trainer.

    python benchmarks/step.py [--text FILES] [--cases mini:128 mini:512 small:128] [--device cpu]

A case is [architecture/]size:row_length[:batch_tokens[:mask_rate]], such as modernbert/mini:512,
small:128:32768 or base:512::0.15; the rate is 0.15 where nothing is said.

The same model on the same token shards, for a number of real tokens (padding does not count), each
turn in a process of its own, the contestants taking turns:

- `article`: fp32, batches of 16 documents padded to 512, a label at every position, AdamW 1e-4;
- `trainer`: transformers' Trainer with DataCollatorForLanguageModeling on grouped texts, which is
  what run_mlm.py does, at its defaults;
- `trainer, tuned`: the same with our batch size and bf16 where it is native;
- `trainer, compiled`: that and torch.compile;
- `filiberto`.

Without --text the demonstration's generated sentences are read, a
short document each, by a model of 30,522 entries all the same. Model FLOPs utilisation (MFU) is
6 (N + rate (V d + d d)) + 12 d x attended length over all layers, for each token, over the rate of
a large matrix product of our number format in the same process; modernbert's near layers count
what they see. Needs the extra: pip install '.[bench]'. JSON into benchmarks/results/step.json, or
step-gpu.json.
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

CONTESTANTS = ("article", "trainer", "trainer, tuned", "trainer, compiled", "filiberto")
ENTRIES = 30_522
TURN = Path(__file__).with_name("step_turn.py")


def main() -> None:
    arguments = parsed()
    with tempfile.TemporaryDirectory() as place:
        run = arguments.run or prepared(Path(place), arguments.text)
        rows = []
        for case in arguments.cases:
            turns: dict[str, list[dict[str, Any]]] = {name: [] for name in arguments.contestants}
            for _ in range(arguments.repeats):
                for name in arguments.contestants:
                    turns[name].append(turn(name, run, case, arguments))
            row = {"case": case} | summed(turns)
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


def turn(name: str, run: Path, case: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One contestant, in a process of its own."""
    command = [
        *(sys.executable, str(TURN), name, str(run), case),
        *(str(arguments.seconds), arguments.device),
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
    for kind in ("peak", "peak_fp32"):
        gflops = [t[kind] / 1e9 for found in turns.values() for t in found]
        result["matmul_gflops" if kind == "peak" else "matmul_fp32_gflops"] = spread(gflops)
    if ours:
        phases = [t["phases"] for t in turns["filiberto"]]
        result["phases"] = {key: spread([p[key] for p in phases]) for key in phases[0]}
        result["sampler_tokens_per_second"] = spread([t["sampler"] for t in turns["filiberto"]])
        result["precision"] = turns["filiberto"][0]["precision"]
    result["device"] = next(t["device"] for found in turns.values() for t in found)
    return result


def spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {key: float(f"{value:.4g}") for key, value in figures.items()}


def show(row: dict[str, Any]) -> None:
    peaks = [row[key]["median"] for key in ("matmul_gflops", "matmul_fp32_gflops")]
    print(
        f"\n{row['case']} in {row.get('precision', 'fp32')} on {row['device']}; matrix product "
        f"{peaks[0]:.0f} GFLOP/s, in fp32 {peaks[1]:.0f}"
    )
    for name, found in row["contestants"].items():
        speed, mfu = found["tokens_per_second"], found["mfu"]
        ratio = found["ours_over_it"].get("median", float("nan"))
        print(
            f"  {name:17} {speed['median']:>9.0f} tokens/s ({speed['min']:.0f} to "
            f"{speed['max']:.0f})  MFU {100 * mfu['median']:5.1f} %  "
            f"{found['peak_memory_mb']:>6} MB  ours is {ratio:.2f} times that"
        )
    shares = {key: value["median"] for key, value in row.get("phases", {}).items()}
    print("  " + " · ".join(f"{key} {100 * share:.1f} %" for key, share in shares.items()))
    sampled = row.get("sampler_tokens_per_second", {}).get("median", float("nan"))
    print(f"  rows and masks alone: {sampled / 1e6:.1f}M tokens/s")


if __name__ == "__main__":
    main()
