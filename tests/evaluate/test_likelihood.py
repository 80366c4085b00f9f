import copy
import dataclasses
import math
import re
from pathlib import Path

import pytest
import torch

from filiberto.evaluate.likelihood import likelihoods, pseudo_likelihood, text_windows
from filiberto.evaluate.model import Reader, load_reader
from tests.conftest import italian_lines
from tests.test_initial import MAKERS

TEXTS = [
    "Anna legge il libro oggi, e alle 3 torna a casa numero 7.",
    "«Perché?» disse l'arrivederci",
    "x",
]
DOCUMENTS = [(f"d{n}", text) for n, text in enumerate(italian_lines(60))]


@pytest.fixture(scope="module")
def reader(mini_run: Path) -> Reader:
    return load_reader(mini_run)


@pytest.fixture(scope="module")
def folders(mini_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models of three vocabularies: ours, ModernBERT's and XLM-RoBERTa's kind."""
    made = {"ours": mini_run / "model"}
    for kind in ("modernbert", "xlm-roberta"):
        made[kind] = tmp_path_factory.mktemp(kind)
        MAKERS[kind](made[kind])
    return made


def quiet(amount: float, note: str = "", *, total: float | None = None) -> None:
    pass


def slowly(folder: Path, text: str) -> list[float]:
    """The same by the book: stock classes, a forward pass for each token."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    encoding = tokenizer(text, return_offsets_mapping=True, return_tensors="pt")
    ids, offsets = encoding.input_ids, encoding.offset_mapping[0].tolist()
    special = set(tokenizer.all_special_ids)
    words = []
    for match in re.finditer(r"\S+", text):
        places = [
            place
            for place, (begin, end) in enumerate(offsets)
            if begin < match.end() and end > match.start() and ids[0, place].item() not in special
        ]
        total = 0.0
        for number, place in enumerate(places):
            shown = ids.clone()
            shown[0, places[number:]] = tokenizer.mask_token_id
            with torch.no_grad():
                logits = model(input_ids=shown).logits[0, place]
            total += torch.log_softmax(logits, -1)[ids[0, place]].item()
        words.append(total)
    return words


@pytest.mark.parametrize("kind", ["ours", "modernbert", "xlm-roberta"])
def test_likelihoods_are_those_of_a_plain_loop_in_transformers(
    kind: str, folders: dict[str, Path]
) -> None:
    reader = load_reader(folders[kind])
    texts = TEXTS[:1] if kind == "xlm-roberta" else TEXTS  # its vocabulary lacks the second's signs
    found = likelihoods(reader, [text_windows(reader, text) for text in texts], advance=quiet)
    for likelihood, text in zip(found, texts, strict=True):
        expected = slowly(folders[kind], text)
        assert list(likelihood.words) == pytest.approx(expected, abs=1e-4)
        assert likelihood.total == pytest.approx(sum(expected), abs=1e-4)


def test_texts_together_are_texts_alone(reader: Reader) -> None:
    cut = [text_windows(reader, text) for _, text in DOCUMENTS[:12]]
    done: list[float] = []
    together = likelihoods(reader, cut, advance=done.append)
    alone = [likelihoods(reader, [text], advance=quiet)[0] for text in cut]
    assert sum(done) == len(cut)
    for one, other in zip(together, alone, strict=True):
        # fp32 sums over padded and unpadded rows differ in the last places.
        assert one.words == pytest.approx(other.words, abs=1e-4)


def test_a_text_longer_than_the_model_reads_keeps_all_its_words(reader: Reader) -> None:
    text = " ".join(italian_lines(8))
    cut = text_windows(reader, text)
    assert len(cut) > 1
    (found,) = likelihoods(reader, [cut], advance=quiet)
    assert len(found.words) == len(text.split())


def test_a_text_without_words_is_certain(reader: Reader) -> None:
    (found,) = likelihoods(reader, [text_windows(reader, " ")], advance=quiet)
    assert (found.words, found.total) == ((), 0.0)


def test_about_as_many_words_are_drawn_as_are_asked_for(reader: Reader) -> None:
    found = pseudo_likelihood(reader, DOCUMENTS, max_words=150, advance=quiet)
    assert found is not None
    # Of 60 x 14 words a share of 0.179: a standard deviation is 11.1 words.
    assert found["words"] == pytest.approx(150, abs=4 * 11.1)
    assert found == pseudo_likelihood(reader, DOCUMENTS, max_words=150, advance=quiet)


def test_running_text_is_the_mean_of_its_words(reader: Reader) -> None:
    documents = DOCUMENTS[:5]
    whole = pseudo_likelihood(reader, documents, max_words=10_000, advance=quiet)
    cut = [text_windows(reader, text) for _, text in documents]
    words = [w for found in likelihoods(reader, cut, advance=quiet) for w in found.words]
    size = sum(len(word.encode()) for _, text in documents for word in text.split())
    assert whole is not None
    assert whole["words"] == len(words)
    assert whole["nats_per_word"] == pytest.approx(-sum(words) / len(words), rel=1e-5)
    assert whole["bits_per_byte"] == pytest.approx(-sum(words) / math.log(2) / size, rel=1e-5)


def test_a_uniform_model_pays_the_logarithm_of_its_vocabulary(reader: Reader) -> None:
    uniform = dataclasses.replace(reader, model=copy.deepcopy(reader.model))
    for parameter in uniform.model.parameters():
        parameter.data.zero_()
    cut = text_windows(uniform, TEXTS[0])
    (found,) = likelihoods(uniform, [cut], advance=quiet)
    tokens = sum(len(word) for window in cut for word in window.words)
    assert found.total == pytest.approx(-tokens * math.log(uniform.model.config.vocab_size))


def test_no_words_are_no_likelihood(reader: Reader) -> None:
    assert pseudo_likelihood(reader, [], max_words=10, advance=quiet) is None
    assert pseudo_likelihood(reader, [("d", " ")], max_words=10, advance=quiet) is None
