import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from filiberto.publish.card import WORD_LEVEL
from filiberto.tokenizer import bpe
from filiberto.tokenizer.words import spaced
from tests.conftest import italian_lines

WORD = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cn", "Z", "Cc"]), min_size=1, max_size=8
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    made = bpe.new_tokenizer(split="script", cut_after_apostrophe=True)
    bpe.train_bpe(made, [italian_lines(200)], vocab_size=600, min_frequency=2)
    return made


@settings(max_examples=300, deadline=None)
@given(words=st.lists(WORD, min_size=1, max_size=8))
def test_spaced_words_get_the_ids_of_the_joined_text(
    tokenizer: Tokenizer, words: list[str]
) -> None:
    encoding = tokenizer.encode(spaced(words), is_pretokenized=True)
    assert encoding.ids == tokenizer.encode(" ".join(words)).ids
    assert sorted({n for n in encoding.word_ids if n is not None}) == list(range(len(words)))


def test_bare_words_get_other_ids(tokenizer: Tokenizer) -> None:
    words = ["Anna", "legge", "il", "libro"]
    bare = tokenizer.encode(words, is_pretokenized=True)
    assert bare.ids != tokenizer.encode(" ".join(words)).ids


def test_a_mask_among_the_words_is_a_mask(tokenizer: Tokenizer) -> None:
    words = ["Anna", "<mask>", "il", "libro"]
    encoding = tokenizer.encode(spaced(words), is_pretokenized=True)
    assert encoding.ids == tokenizer.encode("Anna <mask> il libro").ids
    assert encoding.ids[encoding.word_ids.index(1)] == tokenizer.token_to_id("<mask>")


@pytest.mark.parametrize("word", ["", " due", "due\n"])
def test_what_is_no_word_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="is no word"):
        spaced(["uno", word])


def test_the_cards_lines_give_the_ids_of_the_joined_text(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    bpe.save(tokenizer, tmp_path)
    words = ["Anna", "scrive", "l'orologio", "2026", "più", "<mask>", "!"]
    lines = [
        "import json, sys, transformers",
        "tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])",
        "words = json.loads(sys.argv[2])",
        *WORD_LEVEL,
        "print(json.dumps([batch['input_ids'], batch.word_ids()]))",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), str(tmp_path), json.dumps(words)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    ids, word_ids = json.loads(done.stdout.splitlines()[-1])
    assert ids == tokenizer.encode(" ".join(words)).ids
    assert word_ids == tokenizer.encode(spaced(words), is_pretokenized=True).word_ids
