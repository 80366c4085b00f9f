"""What teaches most in a given time: recipes beside each other, on real text.

    python benchmarks/learning.py CORPORA/it --cache DIR    # one seed, tiny, 2M tokens each
    python benchmarks/learning.py CORPORA/it --cache DIR --architecture roberta --seeds 3 \\
        --candidates base "Muon 0.04"

The text is a fixed mix of 60 MB (talk, plays, novels, speeches, sentences, notes), 16,384 entries,
rows of 128; all are judged by the same loss on the same validation text, 15 % of the tokens chosen,
and by the report's bits per byte, which hides whole words and nothing else.
Each training is a process of its own and a file in DIR, and is not run again. Candidates that the
package has no setting for are made here (`learning_run.py`). JSON into
benchmarks/results/learning-ARCHITECTURE.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from filiberto import corpus, tokenizer, tokens
from filiberto.config import CorpusConfig, TokenizerConfig, TokensConfig
from filiberto.tokens.shards import open_shard, write_shard

RUN = Path(__file__).with_name("learning_run.py")

# Sources of the mix, and how often each is written.
MIX = {
    "appunti_persy": 1.0,
    "commonvoice": 1.0,
    "eltec_novels": 0.25,
    "europarl": 0.2,
    "itadracor_plays": 0.5,
    "kiparla_spoken": 1.0,
    "squad_it_test_contexts": 1.0,
    "tatoeba": 1.0,
    "xdailydialog": 1.0,
}

# What all others change one thing of, whatever the package's defaults have become.
BASE: dict[str, Any] = {
    "embeddings": "cooccurrence",
    "optimizer": "muon",
    "muon_lr": 0.02,
    "peak_lr": 3e-3,
    "mask_rate": 0.3,
    "row_length": 128,
    "batch_tokens": 4_096,
    "warmup_share": 0.06,
    "decay_share": 0.4,
    "weight_decay": 0.01,
    "beta1": 0.9,
    "beta2": 0.98,
    "epsilon": 1e-6,
    "clip_norm": 1.0,
    "dropout": 0.0,
}
PEAK_LR = {"tiny": 3e-3, "mini": 2e-3, "small": 1.4e-3}

# Beside `settings` see `learning_run.trained`.
CANDIDATES: dict[str, dict[str, Any]] = {
    "base": {},
    "random embeddings": {"settings": {"embeddings": "random"}},
    **{f"embeddings of {rms}": {"embedding_rms": rms} for rms in (0.02, 0.05, 0.2)},
    **{f"Muon {rate}": {"settings": {"muon_lr": rate}} for rate in (0.005, 0.01, 0.04)},
    **{
        f"AdamW {rate} beside Muon": {"settings": {"peak_lr": rate}}
        for rate in (3.75e-4, 7.5e-4, 1e-3, 1.5e-3, 3e-3, 6e-3, 1.2e-2)
    },
    **{
        f"AdamW {rate}": {"settings": {"optimizer": "adamw", "peak_lr": rate}}
        for rate in (2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3)
    },
    **{f"mask rate {rate}": {"settings": {"mask_rate": rate}} for rate in (0.15, 0.2, 0.4)},
    "mask rate 0.4 to 0.15": {"mask_rates": [0.4, 0.3, 0.2, 0.15]},
    "100 % hidden": {"split": (1.0, 0.0)},
    "90 % hidden, 10 % kept": {"split": (0.9, 0.0)},
    "whole words": {"words": True},
    "whole words, 90 % hidden, 10 % kept": {"words": True, "split": (0.9, 0.0)},
    "batches of 2,048": {"settings": {"batch_tokens": 2_048}},
    "batches of 8,192": {"settings": {"batch_tokens": 8_192}},
    "batches of 2,048 to 8,192": {"batches": [2_048, 4_096, 8_192]},
    "warm-up 1 %": {"settings": {"warmup_share": 0.01}},
    "warm-up 20 %": {"settings": {"warmup_share": 0.2}},
    **{
        f"decay in the last {share}": {"settings": {"decay_share": share}}
        for share in (1.0, 0.7, 0.2, 0.1)
    },
    "decay 1 - sqrt": {"shape": "sqrt"},
    "weight decay 0": {"settings": {"weight_decay": 0.0}},
    "weight decay 0.1": {"settings": {"weight_decay": 0.1}},
    "beta2 0.95": {"settings": {"beta2": 0.95}},
    "beta2 0.999": {"settings": {"beta2": 0.999}},
    "Muon's momentum 0.9": {"momentum": 0.9},
    "Muon's momentum 0.98": {"momentum": 0.98},
    "dropout 0.1": {"settings": {"dropout": 0.1}},
    "rows of 64": {"settings": {"row_length": 64}},
    "output matrices / 2": {"init": 0.5},
    "output matrices 0": {"init": 0.0},
    "z-loss 1e-4": {"z_loss": 1e-4},
    "mean of the last tenth": {"average": 0.1},
    "no clipping": {"settings": {"clip_norm": 1e9}},
}

# What only one of the two has.
OF_ONE: dict[str, dict[str, dict[str, Any]]] = {
    "roberta": {
        "positions as waves": {"positions": "waves"},
        "positions at zero": {"positions": "zero"},
    },
    "modernbert": {
        "no rotations": {"theta": math.inf},
        **{f"theta {theta:,}": {"theta": theta} for theta in (100, 1_000, 10_000)},
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--architecture", choices=sorted(OF_ONE), default="modernbert")
    parser.add_argument("--candidates", nargs="+")
    parser.add_argument("--validations", type=int, default=2)
    parser.add_argument("--out", help="name of the JSON file")
    arguments = parser.parse_args()
    candidates = CANDIDATES | OF_ONE[arguments.architecture]
    run = prepared(arguments.cache / "run", arguments.corpus)
    asked = {
        key: getattr(arguments, key) for key in ("architecture", "size", "tokens", "validations")
    }
    rows = []
    for name in arguments.candidates or candidates:
        found = [
            cached(arguments.cache, run, spec_of(name, candidates[name], seed=seed, **asked))
            for seed in range(arguments.seeds)
        ]
        losses = [one["loss"] for one in found]
        bits = [one["bits_per_byte"] for one in found if "bits_per_byte" in one]
        rows.append({"name": name, "losses": [round(loss, 4) for loss in losses]})
        if bits:
            rows[-1]["bits_per_byte"] = [round(each, 4) for each in bits]
        spread = f"({min(losses):.3f} to {max(losses):.3f})" if len(losses) > 1 else ""
        report = f"  {statistics.median(bits):.3f} bits per byte" if bits else ""
        print(f"{name:36} {statistics.median(losses):.3f} {spread}{report}", flush=True)
    about = {"size": arguments.size, "tokens": arguments.tokens, "rows": rows}
    out = arguments.out or f"learning-{arguments.architecture}.json"
    path = Path(__file__).parent / "results" / out
    path.write_text(json.dumps(about, indent=2) + "\n")


def prepared(run: Path, folder: Path) -> Path:
    """The run whose tokens all train on."""
    text = [str(folder / f"{name}.txt.zst") for name in MIX]
    weights = tuple(f"{name}.txt.zst={weight}" for name, weight in MIX.items() if weight != 1)
    run.mkdir(parents=True, exist_ok=True)
    corpus.build(run, text=text, settings=CorpusConfig(documents="line"), language="it")
    tokenizer.build(run, settings=TokenizerConfig(vocab_size=16_384), language="it")
    tokens.build(run, settings=TokensConfig(weights=weights))
    return run


def thinned(run: Path, *, part: int) -> Path:
    """The same run with one document in `part` to train on."""
    thin = run.with_name(f"{run.name}-{part}")
    if (thin / "tokens").exists():
        return thin
    thin.mkdir(exist_ok=True)
    shutil.copytree(run / "tokenizer", thin / "tokenizer", dirs_exist_ok=True)
    made = thin / "tokens.part"
    shutil.copytree(run / "tokens", made, dirs_exist_ok=True)
    (path,) = made.glob("train-*.tokens")
    shard = open_shard(path)
    ids = shard.read(0, len(shard)).copy()
    number = np.cumsum(ids == shard.header["special_ids"]["<s>"])
    facts = {key: shard.header[key] for key in ("tokenizer", "special_ids")}
    write_shard(path, ids[number % part == 0], vocab_size=shard.header["vocab_size"], facts=facts)
    about = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    about["facts"].pop("headers", None)  # of the shards that it had
    (made / "manifest.json").write_text(json.dumps(about), encoding="utf-8")
    made.rename(thin / "tokens")
    return thin


def spec_of(
    name: str,
    change: dict[str, Any],
    *,
    architecture: str,
    size: str,
    tokens: int,
    seed: int = 0,
    validations: int = 2,
) -> dict[str, Any]:
    """All that decides a training, and its name."""
    settings = {**BASE, "peak_lr": PEAK_LR[size], "architecture": architecture}
    settings |= change.get("settings", {})
    spec = {**change, "settings": settings, "size": size, "seed": seed, "tokens": tokens}
    label = "".join(sign if sign.isalnum() else "-" for sign in name)
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:8]
    name = f"{size}-{architecture}-{tokens}-{label}-{seed}-{digest}"
    return {**spec, "name": name, "validations": validations}


def cached(cache: Path, run: Path, spec: dict[str, Any]) -> dict[str, Any]:
    """The training's result, run where it is not there yet."""
    out = cache / f"{spec['name']}.json"
    if not out.exists():
        asked = out.with_suffix(".spec")
        asked.write_text(json.dumps(spec), encoding="utf-8")
        made = out.with_suffix(".part")
        subprocess.run(
            [sys.executable, str(RUN), str(run), str(asked), str(made)],
            check=True,
            capture_output=True,
        )
        made.rename(out)
    return json.loads(out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
