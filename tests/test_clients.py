"""Programs that nobody here wrote load a model folder and do their work with it.

The fill-mask pipeline is in `evaluate/test_fill.py`, onnxruntime in `publish/test_onnx.py`,
transformers' Trainer in `train/test_dataset.py` and in the guide that `test_docs.py` runs.
"""

import logging
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForTokenClassification, AutoTokenizer

from filiberto.tokenizer.words import spaced
from tests.conftest import italian_lines

SENTENCES = [line.split() for line in italian_lines(48)]


def tags(words: list[str]) -> list[int]:
    """Of a toy task: does the word begin with a capital, end in punctuation, neither?"""
    return [1 if word[0].isupper() else 2 if word[-1] in ",." else 0 for word in words]


def test_stock_token_classification_learns_from_it_in_fifty_steps(mini_run: Path) -> None:
    folder = mini_run / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=3)
    batch = tokenizer(
        [spaced(words) for words in SENTENCES],
        is_split_into_words=True,
        padding=True,
        return_tensors="pt",
    )
    labels = torch.full(batch["input_ids"].shape, -100)
    for row, words in enumerate(SENTENCES):
        places = batch.word_ids(row)
        for word, tag in enumerate(tags(words)):
            labels[row, places.index(word)] = tag
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(50):
        found = model(**inputs, labels=labels)
        found.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(found.loss.item())
    right = (model(**inputs).logits.argmax(-1) == labels)[labels != -100].float().mean()
    assert losses[-1] < losses[0] / 4
    assert right > 0.9


def test_sentence_transformers_pools_it(mini_run: Path, caplog: pytest.LogCaptureFixture) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    caplog.set_level(logging.ERROR)
    folder = str(mini_run / "model")
    texts = ["Anna legge il libro", "Luca", "Marta cerca la chiave ogni sera, e poi torna a casa."]
    found = sentence_transformers.SentenceTransformer(folder, device="cpu").encode(texts)
    batch = AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        hidden = AutoModel.from_pretrained(folder).eval()(**inputs).last_hidden_state
    seen = inputs["attention_mask"][..., None]
    means = (hidden * seen).sum(1) / seen.sum(1)
    torch.testing.assert_close(torch.from_numpy(found), means, atol=1e-4, rtol=1e-3)
