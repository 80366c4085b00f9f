from collections.abc import Iterator
from pathlib import Path

import pytest

from filiberto.errors import StateError
from filiberto.tokenizer import bpe
from filiberto.tokens import encode
from filiberto.tokens.stream import open_stream
from tests.conftest import italian_lines


def test_all_text_is_kept_over_shards_of_any_size(tmp_path: Path) -> None:
    texts = [*italian_lines(60), "con un <mask> letterale </s>", ""]
    tokenizer = bpe.new_tokenizer(split="script", cut_after_apostrophe=True)
    bpe.train_bpe(tokenizer, [texts], vocab_size=400, min_frequency=2)
    tokenizer.encode_special_tokens = True
    facts = encode.write_shards(
        tmp_path,
        encode.encode_documents(tokenizer, [texts[:7], texts[7:]]),
        split="train",
        shard_tokens=100,
        vocab_size=400,
        facts={"tokenizer": "t", "special_ids": bpe.special_ids(tokenizer)},
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


def test_items_made_ahead_come_in_order_and_all() -> None:
    assert list(encode.ahead(iter(range(1, 50)))) == list(range(1, 50))
    assert list(encode.ahead([])) == []


def test_an_error_in_what_is_made_ahead_is_not_lost() -> None:
    def broken() -> Iterator[str]:
        yield "one"
        raise StateError("the second is damaged")

    items = encode.ahead(broken())
    assert next(items) == "one"
    with pytest.raises(StateError, match="the second is damaged"):
        next(items)


def test_no_more_than_one_item_is_made_ahead() -> None:
    made = []

    def counted() -> Iterator[int]:
        for number in range(1, 100):
            made.append(number)
            yield number

    items = encode.ahead(counted())
    for wanted in range(1, 10):
        assert next(items) == wanted
        assert len(made) <= wanted + 1
    items.close()
    assert len(made) <= 10
