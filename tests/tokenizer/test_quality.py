import unicodedata

import pytest
from tokenizers import Tokenizer

from filiberto.tokenizer import bpe
from filiberto.tokenizer.pretokenize import pattern_of
from filiberto.tokenizer.quality import quality, spelled, text_of
from tests.conftest import italian_lines

TELUGU = "తెలుగు భాష చాలా అందమైనది"
DOCUMENTS = [
    *((f"it.txt:{n}", line) for n, line in enumerate(italian_lines(50))),
    ("te.txt:0", TELUGU),
    ("te.txt:1", "un <mask> letterale, l'amico 2026 e\u0301"),
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    made = bpe.new_tokenizer(split="script", cut_after_apostrophe=True)
    bpe.train_bpe(made, [italian_lines(100)], vocab_size=500, min_frequency=2)
    made.encode_special_tokens = True
    return made


def measured(tokenizer: Tokenizer) -> dict:
    pattern = pattern_of(split="script", cut_after_apostrophe=True)
    return quality(tokenizer, [DOCUMENTS[:20], DOCUMENTS[20:]], pattern=pattern).figures()


def test_the_tokens_counted_by_piece_are_those_of_whole_documents(tokenizer: Tokenizer) -> None:
    figures = measured(tokenizer)
    texts = [text for _, text in DOCUMENTS]
    encoded = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    words = [word for text in texts for word in text.split()]
    assert figures["text"]["tokens"] == sum(map(len, encoded))
    assert figures["text"]["words"] == len(words)
    composed = [unicodedata.normalize("NFC", text).encode() for text in texts]
    assert figures["text"]["bytes"] == sum(map(len, composed))
    single = [len(tokenizer.encode(f" {w}", add_special_tokens=False)) == 1 for w in words]
    assert figures["text"]["single_token_words"] == round(sum(single) / len(words), 4)
    assert figures["text"]["round_trip_failures"] == 0


@pytest.mark.parametrize("group", ["sources", "scripts"])
def test_the_parts_add_up_to_the_whole(tokenizer: Tokenizer, group: str) -> None:
    figures = measured(tokenizer)
    for key in ("tokens", "words", "bytes"):
        assert sum(part[key] for part in figures[group].values()) == figures["text"][key]


def test_scripts_and_sources_are_told_apart(tokenizer: Tokenizer) -> None:
    figures = measured(tokenizer)
    assert list(figures["sources"]) == ["it.txt", "te.txt"]
    assert set(figures["scripts"]) == {"Latin", "Telugu", "digits", "signs"}
    assert next(iter(figures["scripts"])) == "Latin"
    # The vocabulary has not seen a letter of Telugu: every token of it is one byte of three.
    assert figures["scripts"]["Telugu"]["byte_fallback"] > 0.8
    assert figures["scripts"]["Telugu"]["characters_per_token"] < 0.5
    # Of all Latin letters only é has not been seen.
    assert 0 < figures["scripts"]["Latin"]["byte_fallback"] < 0.01
    assert figures["scripts"]["signs"]["fertility"] is None or figures["scripts"]["signs"]["words"]
    assert figures["text"]["unknown"] == 0


def test_a_failed_round_trip_is_counted(tokenizer: Tokenizer) -> None:
    lossy = Tokenizer.from_str(tokenizer.to_str().replace('"type":"NFC"', '"type":"Lowercase"'))
    lossy.encode_special_tokens = True
    capitals = sum(text != text.lower() for _, text in DOCUMENTS)
    assert measured(lossy)["text"]["round_trip_failures"] == capitals


def test_a_token_is_text_only_if_it_is_whole_characters() -> None:
    assert text_of(spelled(" è")) == " è"
    assert text_of(spelled("è")[:1]) is None
    assert text_of(spelled("\ufffd")) == "\ufffd"
