"""What the size of the vocabulary does: a tiny model on two corpora, four sizes, equal arithmetic.

    OMP_NUM_THREADS=1 python benchmarks/vocabulary.py CORPORA [STEPS]

CORPORA holds folders `te` and `it` of .txt.zst files, a document a line. Each training may spend
the same number of floating-point operations, those of STEPS (default 250) steps with 8,192
entries: the larger the vocabulary, the fewer steps. So other work on the machine changes no
figure but the seconds. JSON into benchmarks/results/vocabulary.json.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from filiberto import corpus, evaluate, tokenizer, tokens, train
from filiberto.config import CorpusConfig, EvaluateConfig, TokenizerConfig, TrainConfig
from filiberto.train.sizes import SIZES, num_parameters

ENTRIES = (2_048, 4_096, 8_192, 16_384)
TEXT = {
    "te": ["te/*.txt.zst"],  # about 9 MB
    # About 20 MB: talk, dialogue, single sentences, school notes.
    "it": [
        f"it/{name}.txt.zst"
        for name in ("kiparla_spoken", "xdailydialog", "tatoeba", "commonvoice", "appunti_persy")
    ],
}


def operations(vocab_size: int, *, mask_rate: float) -> float:
    """Floating-point operations of a training token over six: weights that it goes through."""
    shape = SIZES["tiny"]
    layers, _ = num_parameters(shape, vocab_size=0, row_length=0)
    head = vocab_size * shape.hidden_size + shape.hidden_size**2
    return layers + mask_rate * head


def measured(base: Path, run: Path, *, language: str, vocab_size: int, steps: int) -> dict:
    shutil.copytree(base / "corpus", run / "corpus")
    made = tokenizer.build(run, settings=TokenizerConfig(vocab_size=vocab_size), language=language)
    tokens.build(run)
    rate = TrainConfig().mask_rate
    part = operations(8_192, mask_rate=rate) / operations(vocab_size, mask_rate=rate)
    settings = TrainConfig(max_steps=round(part * steps), batch_tokens=4_096, device="cpu")
    model = train.build(run, settings=settings, size="tiny", language=language)
    report = evaluate.build(run, settings=EvaluateConfig(max_bytes=200_000))
    return {
        "corpus": language,
        "corpus_bytes": made_bytes(run),
        "vocab_size": made.facts["vocab_size"],
        "fertility": made.facts["quality"]["fertility"],
        "bytes_per_token": made.facts["quality"]["bytes_per_token"],
        "train_tokens": model.facts["tokens"],
        "train_seconds": round(model.facts["seconds"], 1),
        "bits_per_byte": round(report.facts["bits_per_byte"], 4),
    }


def made_bytes(run: Path) -> int:
    facts = json.loads((run / "corpus" / "manifest.json").read_text(encoding="utf-8"))["facts"]
    return facts["train"]["bytes"]


def main() -> None:
    corpora, steps = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 250
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for language, names in TEXT.items():
            base = Path(place, language)
            base.mkdir()
            text = [str(corpora / name) for name in names]
            corpus.build(base, text=text, settings=CorpusConfig())
            for vocab_size in ENTRIES:
                run = Path(place, f"{language}-{vocab_size}")
                row = measured(base, run, language=language, vocab_size=vocab_size, steps=steps)
                rows.append(row)
                print(json.dumps(row), flush=True)
    path = Path(__file__).parent / "results" / "vocabulary.json"
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
