import unicodedata
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from filiberto.tokenizer import bpe
from filiberto.tokens import encode
from filiberto.tokens.stream import open_stream
from tests.conftest import italian_lines

SPECIAL = {token: number for number, token in enumerate(bpe.SPECIAL_TOKENS)}


def test_all_text_is_kept_over_shards_of_any_size(tmp_path: Path) -> None:
    texts = [*italian_lines(60), "con un <mask> letterale </s>", ""]
    tokenizer = bpe.new_tokenizer(split="script", cut_after_apostrophe=True)
    bpe.train_bpe(tokenizer, [texts], vocab_size=400, min_frequency=2)
    facts = encode.write_shards(
        tmp_path,
        encode.encode_documents(tokenizer, [texts[:7], texts[7:]], special_ids=SPECIAL),
        split="train",
        shard_tokens=100,
        vocab_size=400,
        facts={"tokenizer": "t", "special_ids": SPECIAL},
    )
    stream = open_stream(tmp_path, split="train")
    ids = stream.read(0, len(stream)).tolist()
    assert facts == {"tokens": len(ids), "documents": 62, "shards": -(-len(ids) // 100)}
    documents: list[list[int]] = []
    for token in ids:
        if token == 0:
            documents.append([])
        documents[-1].append(token)
    assert all(document[-1] == 2 for document in documents)
    assert [tokenizer.decode(document[1:-1]) for document in documents] == texts


@pytest.fixture(scope="module", params=["script", "gpt2"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    made = bpe.new_tokenizer(split=request.param, cut_after_apostrophe=True)
    bpe.train_bpe(made, [italian_lines(200)], vocab_size=500, min_frequency=2)
    return made


WORDS = st.sampled_from(
    ["casa", "l'orologio", "2024", "తెలుగు", "m'", "\u200bx", "...", "क्‍ष", "«si»", "a_b", "ไทย"]
)
TEXT = st.lists(st.tuples(WORDS, st.sampled_from([" ", "  ", "\n", " \t ", ""]))).map(
    lambda pairs: unicodedata.normalize("NFC", "".join(map("".join, pairs)))
)


@given(text=TEXT, characters=st.integers(1, 9))
def test_the_parts_of_a_text_have_the_ids_of_the_whole(
    tokenizer: Tokenizer, text: str, characters: int
) -> None:
    parts = list(encode.parts_of(text, characters=characters))
    assert "".join(parts) == text
    whole = tokenizer.encode(text, add_special_tokens=False).ids
    cut = [tokenizer.encode(part, add_special_tokens=False).ids for part in parts]
    assert list(chain.from_iterable(cut)) == whole


def test_documents_of_any_length_in_any_batches_have_the_ids_of_the_tokenizer(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "BATCH_BYTES", 200)
    monkeypatch.setattr(encode, "PART_CHARACTERS", 60)
    lines = italian_lines(300)
    texts = [" ".join(lines[i : i + i % 9]) for i in range(0, 300, 5)]  # some of them empty
    wanted = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    for cut in (0, 1, 30):
        found = list(
            encode.encode_documents(tokenizer, [texts[:cut], texts[cut:]], special_ids=SPECIAL)
        )
        assert np.concatenate([ids for ids, _ in found]).tolist() == list(chain(*wanted))
        assert list(chain(*(lengths for _, lengths in found))) == [len(ids) for ids in wanted]


def test_a_long_text_is_cut_and_a_short_one_or_one_without_spaces_is_not() -> None:
    assert len(list(encode.parts_of("parola " * 30, characters=70))) == 3
    assert list(encode.parts_of("ab" * 100, characters=70)) == ["ab" * 100]
    assert list(encode.parts_of("", characters=70)) == [""]
