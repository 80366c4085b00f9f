"""A run folder and its figures by hand, with all that a report may hold; nothing is trained."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from filiberto.runfolder import manifest

HOSTILE = "<script>alert(1)</script>{{7*7}}<img src=x onerror=alert(1)>"
LONG = "a-group-with-a-long-name/an-encoder-of-many-languages-base-2026"
STEP_TOKENS = 4_096


def make_run(folder: Path) -> Path:
    """A folder with what a finished run leaves for the report, but for its weights."""
    for name in ("corpus", "tokenizer", "initial"):
        (folder / name).mkdir(parents=True)
    manifest.finish(
        folder / "initial",
        stage="tokenizer",
        settings={},
        inputs={},
        facts={"name": "it-base"},
        seconds=0.0,
    )
    (folder / "recipe.toml").write_text(
        f'text = ["{folder.as_posix()}/texts/it"]\nlanguage = "it"\n'
        f'init_from = "{folder.as_posix()}/models/it-base"\n'
        '[train]\narchitecture = "modernbert"\n'
    )
    _write(folder / "plan.json", plan())
    _write(
        folder / "environment.json",
        {
            "device": "cpu",
            "precision": "bf16",
            "name": "x86_64 CPU (AVX512)",
            "threads": 2,
            "torch": "2.13.0+cpu",
            "transformers": "5.23.0",
            "processes": 1,
        },
    )
    _write(folder / "corpus" / "report.json", corpus())
    _write(folder / "tokenizer" / "sheet.json", sheet())
    _write_lines(folder / "metrics.jsonl", course())
    _write_lines(folder / "timings.jsonl", clock())
    return folder


def plan() -> dict[str, Any]:
    """A training of 1,866 steps."""
    return {
        "architecture": "modernbert",
        "size": "mini",
        "shape": {"num_hidden_layers": 4, "hidden_size": 256, "num_attention_heads": 4},
        "parameters": 11_700_736,
        "vocab_size": 32_768,
        "row_length": 128,
        "text_tokens": 6_169_225,
        "max_steps": 1_866,
        "warmup_steps": 136,
        "decay_share": 0.4,
        "batch_rows": 32,
        "micro_rows": 32,
        "peak_lr": 0.002,
        "precision": "bf16",
        "tokens_per_second": 3_521.8,
        "device": "cpu",
        "time_seconds": 2_759.6,
    }


def course() -> list[dict[str, Any]]:
    """Training and validation loss, bits per byte and the learning rate."""
    lines: list[dict[str, Any]] = []
    for step in range(12, 1_867, 12):
        wobble = 0.09 * math.sin(step * 1.7) + 0.05 * math.sin(step * 0.37)
        rate = min(1, step / 136, (1_866 - step) / (0.4 * 1_866))
        loss = 4.0 + 6.3 * math.exp(-step / 240) + wobble
        lines.append({"step": step, "loss": loss, "learning_rate": 0.002 * max(0, rate)})
        if step % 228 == 0:
            loss = 3.95 + 6.1 * math.exp(-step / 230)
            lines.append(
                {
                    "step": step,
                    "validation_loss": loss,
                    "validation_accuracy": 0.4 - 0.35 * math.exp(-step / 230),
                    "validation_bits_per_byte": loss * 0.282,
                }
            )
    return lines


def clock() -> list[dict[str, Any]]:
    """Speed, slower while something else ran."""
    lines, seconds = [], 0.0
    for step in range(12, 1_867, 12):
        speed = 2_300 if 700 < step < 1_000 else 3_450 + 150 * math.sin(step)
        seconds += 12 * STEP_TOKENS / speed
        lines.append({"step": step, "seconds": seconds, "tokens_per_second": speed, "mfu": 0.4})
    return lines


def corpus() -> dict[str, Any]:
    """The account of some sources."""
    dropped = {"too_short": 2, "repeated_words": 7_197, "duplicate": 399, "near_duplicate": 5_800}
    total = {
        "read": 350_352,
        "kept": 336_954,
        "kept_bytes": 31_394_269,
        "dropped": dropped,
        "dropped_bytes": {},
        "quarantined": {},
    }
    sources = {name: {"kept": 9, "kept_bytes": size} for name, size in _SOURCES.items()}
    return {
        "funnel": {
            "total": total,
            "train": {"documents": 334_176, "bytes": 30_849_542},
            "validation": {"documents": 2_778, "bytes": 544_727, "leaky": False},
            "sources": sources,
        }
    }


_SOURCES = {
    "europarl.txt.zst": 15_000_000,
    "novels.txt.zst": 9_000_000,
    "manuals.jsonl": 4_000_000,
    "plays.txt": 2_000_000,
    "talk.txt": 1_394_269,
}


def sheet() -> dict[str, Any]:
    """Of a vocabulary."""
    return {
        "vocabulary": {"entries": 32_768, "wanted": 32_768},
        "text": {
            "words": 388_404,
            "fertility": 1.2656,
            "bytes_per_token": 5.177,
            "single_token_words": 0.8044,
            "documents": 2_778,
        },
        "warnings": ["a word of manuals.jsonl takes 1.91 tokens, 1.27 on the whole"],
    }


_GUESSES = ("bits_per_byte", "word_accuracy", "words", "token_accuracy", "calibration")


def metrics() -> dict[str, Any]:
    """Figures of the run's model, what it began from, and two others."""
    own = figures(1.5588, 0.2266, 0.3504)
    return {
        "name": "it",
        "validation_loss": 4.099014,
        "validation_accuracy": 0.350380,
        "tokens": 7_643_136,
        "plan": plan(),
        **own,
        "evaluated_bytes": 500_875,
        "evaluated_documents": 372,
        "choices": {"count": 387, "right": 361, "wrong": []},
        "probes": [
            _probe("tags", "Parts of speech", "UPOS", 0.957, 0.882),
            _probe("tags", "Morphological features", "UFeats", 0.931, 0.842),
            _probe("parse", "Dependencies with their names", "LAS", 0.788, 0.655),
        ],
        "before": figures(2.0313, 0.1512, 0.2712),
        # Better than any model, which it never is: it may not be marked.
        "unigram": {
            **{key: value for key, value in figures(0.9, 0.9, 0.7).items() if key in _GUESSES},
            "intervals": {"top1": [0.69, 0.71]},
        },
        "against": [
            {"name": "it-article", **figures(1.8841, 0.1801, 0.3011)},
            {"name": LONG, **figures(1.4102, 0.2702, 0.4211)},
        ],
    }


def figures(bits: float, words_right: float, tokens_right: float) -> dict[str, Any]:
    """What every model is measured by."""
    return {
        "bits_per_byte": bits,
        "word_accuracy": words_right,
        "words": 11_559,
        "word_bytes": 64_050,
        "token_accuracy": {"top1": tokens_right, "top5": tokens_right + 0.2, "tokens": 15_000},
        "calibration": {
            "expected_error": 0.021 * bits,
            "bins": [
                {
                    "confidence": (n + 0.5) / 10,
                    "accuracy": min(1.0, (n + 0.5) / 10 * (1.25 - 0.2 * bits) + 0.02),
                    "count": 4_000 // (1 + n) + 40 * n,
                }
                for n in range(10)
            ],
        },
        "by_source": _groups(bits, words_right, [*_SOURCES]),
        "by_frequency": _groups(
            bits,
            words_right,
            ["100 to 1,000 in a million", "over 1,000 in a million", "under 1 in a million"],
        ),
        "by_length": _groups(bits, words_right, ["1 token", "2 tokens", "5 or more tokens"]),
        "pseudo_likelihood": {
            "nats_per_word": 2.9 * bits,
            "bits_per_byte": 0.71 * bits,
            "words": 2_000,
        },
        "prompts": prompts(tokens_right),
        "pairs": _pairs(words_right),
    }


def _groups(bits: float, words_right: float, names: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "bits_per_byte": bits + 0.13 * n,
            "word_accuracy": words_right / (1 + 0.2 * n),
            "words": 5_800 // (n + 1),
        }
        for n, name in enumerate(names)
    ]


def prompts(share: float) -> list[dict[str, Any]]:
    """One right, one wrong, one of several holes, one of several tokens, one not filled."""

    def hole(answers: list[str], words: list[str]) -> dict[str, Any]:
        top = [{"word": w, "probability": share / (n + 1) ** 1.4} for n, w in enumerate(words)]
        ranks = [n for n, word in enumerate(words, 1) if word in answers]
        accepted = [
            {"word": w, "tokens": 1 + (w not in words), "probability": 0.0123, "rank": None}
            for w in answers
        ]
        rank = ranks[0] if ranks else None
        return {"answers": answers, "top": top, "accepted": accepted, "rank": rank}

    whose = hole(["ci", "vi"], ["ci", "si", "vi", "li", "mi"])
    when = hole(["questa", "domani"], ["ogni", "questa", "una", "la", "domani"])
    base = {"note": "", "problem": ""}
    return [
        {
            **base,
            "text": "ciao <mask> va?",
            "note": "hi, how is it going?",
            **hole(["come"], ["come", "non", "ti", "si", "mi"]),
        },
        {
            **base,
            "text": "ciao, dove ci ___ oggi pomeriggio?",
            **hole(["vediamo", "incontriamo"], ["sono", "siamo", "vediamo", "è", "va"]),
        },
        {
            **base,
            "text": "<mask> vediamo <mask> sera",
            "top": [],
            "rank": 2,
            "answers": [["ci", "vi"], ["questa", "domani"]],
            "holes": [whose, when],
        },
        {
            **base,
            "text": "הוא <mask> הביתה",
            "note": "he went home",
            **hole(["הלך", "חזר"], ["היה", "הלך", "בא", "יצא", "נכנס"]),
        },
        {
            **base,
            "text": "<mask> " + 9 * "va ",
            "top": [],
            "rank": None,
            "answers": ["x"],
            "problem": "the text has 140 tokens, the model reads 128",
        },
    ]


def _pairs(share: float) -> list[dict[str, Any]]:
    rows = []
    for n, name in enumerate(("subject-verb number", "gender of the article", "mood", "all")):
        accuracy = min(0.99, 0.62 + share - 0.07 * n)
        count = 500 // (1 + n % 3)
        spread = 1.96 * math.sqrt(accuracy * (1 - accuracy) / count)
        rows.append(
            {
                "phenomenon": name,
                "count": count,
                "right": round(accuracy * count),
                "accuracy": accuracy,
                "low": accuracy - spread,
                "high": accuracy + spread,
            }
        )
    return rows


def _probe(task: str, title: str, measure: str, own: float, random: float) -> dict[str, Any]:
    return {
        "task": task,
        "title": title,
        "measure": measure,
        "data": "UD_Italian-ParTUT",
        "train_sentences": 1_781,
        "dev_sentences": 156,
        "test_sentences": 153,
        "seen_sentences": 4,
        "rows": [
            _row("it", "model", own),
            _row("same shape, random weights", "random", random),
            _row("it-article", "against", own - 0.021),
            _row(LONG, "against", own + 0.013),
            _row("most frequent label", "majority", random - 0.11),
        ],
    }


def _row(name: str, kind: str, mean: float) -> dict[str, Any]:
    learned = {
        "rates": {"adamw": 0.001, "muon": 0.005},
        "tried": [0.5, 0.6, 0.7, mean],
        "seconds": 90.1,
        "steps": 672,
    }
    return {
        "name": name,
        "kind": kind,
        "mean": mean,
        "scores": [mean] if kind == "majority" else [mean - 0.002, mean, mean + 0.002],
        "low": mean - 0.009,
        "high": mean + 0.008,
        "unseen_mean": mean - 0.001,
        **({} if kind == "majority" else learned),
    }


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
