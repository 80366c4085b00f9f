"""What the stock word-level call costs in part-of-speech tagging (UPOS).

    python benchmarks/upos.py MODEL TREEBANK

MODEL is a run's model folder, TREEBANK a folder of Universal Dependencies with train and test
.conllu. The model is fine-tuned by AutoModelForTokenClassification, three seeds each: with the
words as `filiberto.tokenizer.words.spaced` gives them, and bare, as most examples do. A word's
label is at its first token; the score is the share of test words tagged right. JSON into
benchmarks/results/upos-TREEBANK.json.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

from filiberto.evaluate.labelled import Sentence, read_folder
from filiberto.tokenizer.words import spaced

EPOCHS, ROWS, PEAK_LR, MAX_TOKENS, SEEDS = 8, 16, 1e-3, 128, 3


def main() -> None:
    model, bank = sys.argv[1], Path(sys.argv[2])
    reader = AutoTokenizer.from_pretrained(model)
    parts = read_folder(bank, "conllu").parts
    train, test = parts["train"], parts["test"]
    labels = sorted({label for sentence in train for label in sentence.labels["upos"]})
    result: dict[str, Any] = {"treebank": bank.name, "train_sentences": len(train)}
    for name, prepare in (("spaced", spaced), ("bare", list)):
        found = [
            score(
                tuned(model, encoded(reader, train, labels, prepare), labels, seed),
                encoded(reader, test, labels, prepare),
            )
            for seed in range(SEEDS)
        ]
        result[name] = {"median": statistics.median(found), "min": min(found), "max": max(found)}
        print(f"{name}: {100 * result[name]['median']:.2f} % ({[round(f, 4) for f in found]})")
    path = Path(__file__).parent / "results" / f"upos-{bank.name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def encoded(
    reader: Any, sentences: list[Sentence], labels: list[str], prepare: Any
) -> list[tuple[list[int], list[int]]]:
    """Ids and labels of each sentence, -100 but at the first token of a word."""
    rows = []
    for sentence in sentences:
        words, tags = list(sentence.words), sentence.labels["upos"]
        found = reader(
            prepare(words), is_split_into_words=True, truncation=True, max_length=MAX_TOKENS
        )
        target, before = [], None
        for word in found.word_ids():
            new = word is not None and word != before
            target.append(labels.index(tags[word]) if new and tags[word] in labels else -100)
            before = word
        rows.append((found["input_ids"], target))
    return rows


def batches(rows: list[tuple[list[int], list[int]]], order: list[int]) -> Iterator[Any]:
    for first in range(0, len(order), ROWS):
        chosen = [rows[i] for i in order[first : first + ROWS]]
        width = max(len(ids) for ids, _ in chosen)
        ids = torch.tensor([i + [1] * (width - len(i)) for i, _ in chosen])
        target = torch.tensor([t + [-100] * (width - len(t)) for _, t in chosen])
        yield ids, (ids != 1).long(), target


def tuned(model: str, rows: list[tuple[list[int], list[int]]], labels: list[str], seed: int) -> Any:
    torch.manual_seed(seed)
    tagger = AutoModelForTokenClassification.from_pretrained(model, num_labels=len(labels))
    optimizer = torch.optim.AdamW(tagger.parameters(), lr=PEAK_LR)
    steps = EPOCHS * -(-len(rows) // ROWS)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    tagger.train()
    for _ in range(EPOCHS):
        for ids, seen, target in batches(rows, torch.randperm(len(rows)).tolist()):
            tagger(input_ids=ids, attention_mask=seen, labels=target).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    return tagger.eval()


@torch.no_grad()
def score(tagger: Any, rows: list[tuple[list[int], list[int]]]) -> float:
    right = total = 0
    for ids, seen, target in batches(rows, list(range(len(rows)))):
        guesses = tagger(input_ids=ids, attention_mask=seen).logits.argmax(-1)
        right += int(((guesses == target) & (target != -100)).sum())
        total += int((target != -100).sum())
    return right / total


if __name__ == "__main__":
    main()
