"""What teaches most in a given time: recipes beside each other, on real text.

    python benchmarks/learning.py CORPORA/it --cache DIR    # one seed, tiny, 2M tokens each
    python benchmarks/learning.py CORPORA/it --cache DIR --seeds 3 --candidates default "Muon 0.04"

The text is a fixed mix of 60 MB (talk, plays, novels, speeches, sentences, notes), 16,384 entries,
rows of 128; all are judged by the same loss on the same validation text, 15 % of the tokens hidden.
Each training is a process of its own and a file in DIR, and is not run again. Candidates that the
package has no setting for are made here (`learning_run.py`). JSON into
benchmarks/results/learning-screen.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from filiberto import corpus, tokenizer, tokens
from filiberto.config import CorpusConfig, TokenizerConfig, TokensConfig

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

# What each changes of the default; beside `settings` see `learning_run.trained`.
CANDIDATES: dict[str, dict[str, Any]] = {
    "default": {},
    **{
        f"AdamW {rate}": {"settings": {"optimizer": "adamw", "peak_lr": rate}}
        for rate in (2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3)
    },
    **{f"Muon {rate}": {"settings": {"muon_lr": rate}} for rate in (0.005, 0.01, 0.04)},
    **{
        f"AdamW {rate} beside Muon": {"settings": {"peak_lr": rate}}
        for rate in (1e-3, 1.5e-3, 6e-3, 1.2e-2)
    },
    "Muon's momentum 0.9": {"momentum": 0.9},
    "Muon's momentum 0.98": {"momentum": 0.98},
    "weight decay 0": {"settings": {"weight_decay": 0.0}},
    "weight decay 0.1": {"settings": {"weight_decay": 0.1}},
    "beta2 0.95": {"settings": {"beta2": 0.95}},
    "beta2 0.999": {"settings": {"beta2": 0.999}},
    "warm-up 1 %": {"settings": {"warmup_share": 0.01}},
    "warm-up 20 %": {"settings": {"warmup_share": 0.2}},
    "decay 1 - sqrt": {"decay": "sqrt"},
    "decay in the last fifth": {"decay": "hold"},
    **{f"mask rate {rate}": {"settings": {"mask_rate": rate}} for rate in (0.15, 0.2, 0.4)},
    "mask rate 0.4 to 0.15": {"mask_rates": [0.4, 0.3, 0.2, 0.15]},
    "mask rate 0.3 to 0.15": {"mask_rates": [0.3, 0.25, 0.2, 0.15]},
    "100 % hidden": {"split": (1.0, 0.0)},
    "90 % hidden, 10 % kept": {"split": (0.9, 0.0)},
    "dropout 0.1": {"settings": {"dropout": 0.1}},
    "batches of 2,048": {"settings": {"batch_tokens": 2_048}},
    "batches of 8,192": {"settings": {"batch_tokens": 8_192}},
    "batches of 2,048 to 8,192": {"batches": [2_048, 4_096, 8_192]},
    "rows of 64": {"settings": {"row_length": 64}},
    "output matrices / 2": {"init": 0.5},
    "output matrices 0": {"init": 0.0},
    "z-loss 1e-4": {"z_loss": 1e-4},
    "mean of the last tenth": {"average": 0.1},
    "no clipping": {"settings": {"clip_norm": 1e9}},
    "ModernBERT": {"settings": {"architecture": "modernbert"}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--candidates", nargs="+", default=list(CANDIDATES))
    parser.add_argument("--out", default="learning-screen.json")
    arguments = parser.parse_args()
    run = prepared(arguments.cache / "run", arguments.corpus)
    rows = []
    for name in arguments.candidates:
        found = [
            cached(arguments.cache, run, name, arguments.size, arguments.tokens, seed)
            for seed in range(arguments.seeds)
        ]
        losses = [one["loss"] for one in found]
        rows.append({"name": name, "losses": [round(loss, 4) for loss in losses]})
        spread = f"({min(losses):.3f} to {max(losses):.3f})" if len(losses) > 1 else ""
        print(f"{name:28} {statistics.median(losses):.3f} {spread}", flush=True)
    about = {"size": arguments.size, "tokens": arguments.tokens, "rows": rows}
    path = Path(__file__).parent / "results" / arguments.out
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


def cached(cache: Path, run: Path, name: str, size: str, count: int, seed: int) -> dict[str, Any]:
    """The training's result, run where it is not there yet."""
    spec: dict[str, Any] = {"size": size, "seed": seed, "tokens": count, "settings": {}}
    spec |= CANDIDATES[name]
    label = "".join(sign if sign.isalnum() else "-" for sign in name)
    out = cache / f"{size}-{count}-{label}-{seed}.json"
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
