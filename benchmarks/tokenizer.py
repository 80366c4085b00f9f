"""Tokens a word against GPT-2's split, and the speed of the stage `tokens` against encoding alone.

    python benchmarks/tokenizer.py CORPORA

CORPORA holds folders `it te hi eu` of .txt.zst files, a document a line. For each language two
vocabularies of 4,000 entries learn from the same text and read the same held-out text. For the
speed, the stage and `encode_batch_fast` on texts already in memory take turns in one process, the
latter's output thrown away. JSON into benchmarks/results/tokenizer.json.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from filiberto import corpus, tokenizer, tokens
from filiberto.config import CorpusConfig, TokenizerConfig
from filiberto.corpus import reading
from filiberto.tokenizer import bpe
from filiberto.tokens.encode import BATCH_BYTES

LANGUAGES = ("te", "hi", "it", "eu")
ENTRIES = 4_000
# A part of the Italian, of several kinds, is enough for either figure; with the novels it is more
# than twice as much, to see whether memory grows.
ITALIAN = (
    *("kiparla_spoken", "itadracor_plays", "appunti_persy"),
    *("tatoeba", "commonvoice", "xdailydialog"),
)
MORE_ITALIAN = (*ITALIAN, "eltec_novels")
SHARD_TOKENS = 2_097_152
REPEATS = 5
SPEED_ENTRIES = 16_384


STAGE = """
import pathlib, sys
from filiberto import tokens
from filiberto.config import TokensConfig
tokens.build(pathlib.Path(sys.argv[1]), settings=TokensConfig(shard_tokens=int(sys.argv[2])))
status = pathlib.Path("/proc/self/status").read_text()
print(status.split("VmHWM:")[1].split()[0])  # kB; ru_maxrss would begin with the starter's
"""


def sources(corpora: Path, language: str) -> list[str]:
    if language != "it":
        return [str(corpora / language / "*.txt.zst")]
    return [str(corpora / "it" / f"{name}.txt.zst") for name in ITALIAN]


def fertility(run: Path, *, language: str, split: str) -> dict:
    settings = TokenizerConfig(vocab_size=ENTRIES, split=split)  # type: ignore[arg-type]
    made = tokenizer.build(run, settings=settings, language=language, force=True)
    return made.facts["quality"] | {"seconds": made.seconds}


def compare(run: Path, language: str) -> dict:
    ours = fertility(run, language=language, split="script")
    theirs = fertility(run, language=language, split="gpt2")
    return {
        "entries": ENTRIES,
        "held_out_words": ours["words"],
        "tokens_a_word": ours["fertility"],
        "tokens_a_word_gpt2": theirs["fertility"],
        "change": round(ours["tokens"] / theirs["tokens"] - 1, 4),
        "bytes_per_token": ours["bytes_per_token"],
        "bytes_per_token_gpt2": theirs["bytes_per_token"],
    }


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and processor time of some work."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def speed(run: Path, language: str) -> dict:
    tokenizer.build(
        run, settings=TokenizerConfig(vocab_size=SPEED_ENTRIES), language=language, force=True
    )
    encoder = bpe.load(run / "tokenizer", literal_specials=True)
    batches = [
        [text for _, text in batch]
        for split in ("train", "validation")
        for batch in reading.documents(run / "corpus", split=split, batch_bytes=BATCH_BYTES)
    ]
    num_bytes = sum(len(text.encode()) for batch in batches for text in batch)

    def encode() -> None:
        for batch in batches:
            encoder.encode_batch_fast(batch, add_special_tokens=True)

    stage, alone, processor = [], [], []
    for _ in range(REPEATS):
        wall, cpu = seconds(lambda: tokens.build(run, force=True))
        wall_alone, cpu_alone = seconds(encode)
        stage.append(num_bytes / 1e6 / wall)
        alone.append(num_bytes / 1e6 / wall_alone)
        processor.append(cpu_alone / cpu)
    ratios = [one / other for one, other in zip(stage, alone, strict=True)]
    return {
        "megabytes": round(num_bytes / 1e6, 1),
        "cores": os.cpu_count(),
        "stage_mb_per_s": _spread(stage),
        "encode_batch_fast_mb_per_s": _spread(alone),
        "ratio": _spread(ratios),
        # Processor time, which other work on the machine hardly changes.
        "processor_ratio": _spread(processor),
    }


def memory(corpora: Path, place: Path) -> list[dict]:
    """Peak memory of the stage in a process of its own, on two amounts of text in small shards."""
    rows = []
    for names in (ITALIAN, MORE_ITALIAN):
        run = place / f"memory-{len(names)}"
        run.mkdir()
        done = corpus.build(run, text=[str(corpora / "it" / f"{name}.txt.zst") for name in names])
        shutil.copytree(place / "it" / "tokenizer", run / "tokenizer")
        out = subprocess.run(
            [sys.executable, "-c", STAGE, str(run), str(SHARD_TOKENS)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        size = done.facts["train"]["bytes"] / 1e6
        rows.append({"megabytes": round(size, 1), "peak_mb": round(int(out) / 1e3)})
    return rows


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def main() -> None:
    corpora = Path(sys.argv[1])
    result: dict = {"fertility": {}}
    with tempfile.TemporaryDirectory() as place:
        for language in LANGUAGES:
            run = Path(place, language)
            run.mkdir()
            corpus.build(run, text=sources(corpora, language), settings=CorpusConfig())
            row = result["fertility"][language] = compare(run, language)
            print(
                f"{language}  {row['tokens_a_word']:.3f} tokens a word, GPT-2's split "
                f"{row['tokens_a_word_gpt2']:.3f} ({100 * row['change']:+.1f} %)",
                flush=True,
            )
        result["speed"] = row = speed(Path(place, "it"), "it")
        print(
            f"stage tokens {row['stage_mb_per_s']['median']:.2f} MB/s, encode_batch_fast alone "
            f"{row['encode_batch_fast_mb_per_s']['median']:.2f} MB/s: {row['ratio']}, "
            f"in processor time {row['processor_ratio']}",
            flush=True,
        )
        result["memory"] = memory(corpora, Path(place))
        print(result["memory"])
    path = Path(__file__).parent / "results" / "tokenizer.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
