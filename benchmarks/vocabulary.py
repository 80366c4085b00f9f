"""What the size of the vocabulary does: a tiny model on two corpora at four sizes, equal time each.

    OMP_NUM_THREADS=1 python benchmarks/vocabulary.py CORPORA [SECONDS]

CORPORA holds folders `te` and `it` of .txt.zst files, a document a line. Each of the eight
trainings gets SECONDS (default 240) on one thread, so that other work on the machine disturbs
little. JSON into benchmarks/results/vocabulary.json.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from filiberto import corpus, evaluate, tokenizer, tokens, train
from filiberto.config import CorpusConfig, EvaluateConfig, TokenizerConfig, TrainConfig

SIZES = (2_048, 4_096, 8_192, 16_384)
TEXT = {
    "te": ["te/*.txt.zst"],
    # About 20 MB: talk, dialogue, single sentences, school notes.
    "it": [
        f"it/{name}.txt.zst"
        for name in ("kiparla_spoken", "xdailydialog", "tatoeba", "commonvoice", "appunti_persy")
    ],
}


def measured(base: Path, run: Path, *, language: str, vocab_size: int, seconds: int) -> dict:
    shutil.copytree(base / "corpus", run / "corpus")
    made = tokenizer.build(run, settings=TokenizerConfig(vocab_size=vocab_size), language=language)
    tokens.build(run)
    # 0.92: what `--time` keeps back for the report.
    budget = f"{round(seconds / 0.92)}s"
    model = train.build(run, settings=TrainConfig(), size="tiny", time=budget, language=language)
    report = evaluate.build(run, settings=EvaluateConfig(prompts="auto", max_bytes=200_000))
    return {
        "corpus": language,
        "corpus_bytes": made_bytes(run),
        "vocab_size": made.facts["vocab_size"],
        "fertility": made.facts["quality"]["fertility"],
        "bytes_per_token": made.facts["quality"]["bytes_per_token"],
        "train_tokens": model.facts["tokens"],
        "train_seconds": round(model.facts["seconds"], 1),
        "bits_per_byte": report.facts["bits_per_byte"],
    }


def made_bytes(run: Path) -> int:
    facts = json.loads((run / "corpus" / "manifest.json").read_text(encoding="utf-8"))["facts"]
    return facts["train"]["bytes"]


def main() -> None:
    corpora, seconds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 240
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for language, names in TEXT.items():
            base = Path(place, language)
            base.mkdir()
            text = [str(corpora / name) for name in names]
            corpus.build(base, text=text, settings=CorpusConfig())
            for vocab_size in SIZES:
                run = Path(place, f"{language}-{vocab_size}")
                row = measured(base, run, language=language, vocab_size=vocab_size, seconds=seconds)
                rows.append(row)
                print(json.dumps(row), flush=True)
    path = Path(__file__).parent / "results" / "vocabulary.json"
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
