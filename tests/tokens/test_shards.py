from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filiberto.errors import StateError
from filiberto.tokens.shards import BLOCK_BYTES, open_shard, write_shard
from filiberto.tokens.stream import TokenStream, open_stream

FACTS = {"tokenizer": "abc", "special_ids": {"<s>": 0}}


def shard(path: Path, ids: list[int], *, vocab_size: int = 1_000, **facts: object) -> Path:
    write_shard(path, np.array(ids), vocab_size=vocab_size, facts={**FACTS, **facts})
    return path


@settings(max_examples=40, deadline=None)
@given(ids=st.lists(st.integers(0, 999), max_size=300), wide=st.booleans())
def test_ids_come_back(tmp_path_factory, ids: list[int], wide: bool) -> None:
    path = tmp_path_factory.mktemp("tokens") / "train-00000.tokens"
    opened = open_shard(shard(path, ids, vocab_size=100_000 if wide else 1_000))
    assert opened.read(0, len(ids)).tolist() == ids
    assert opened.ids.itemsize == (4 if wide else 2)
    assert opened.header["tokenizer"] == "abc"


def test_the_stream_joins_shards_and_goes_round(tmp_path: Path) -> None:
    for number, ids in enumerate(([1, 2, 3], [4, 5], [6])):
        shard(tmp_path / f"train-{number:05d}.tokens", ids)
    stream = open_stream(tmp_path, split="train")
    assert len(stream) == 6
    assert stream.read(1, 4).tolist() == [2, 3, 4, 5]
    assert stream.read(5, 4).tolist() == [6, 1, 2, 3]
    assert stream.read(8, 2).tolist() == [3, 4]


@pytest.mark.parametrize("cut", [1, 2, 3, 100])
def test_a_cut_shard_is_named_with_both_lengths(tmp_path: Path, cut: int) -> None:
    path = shard(tmp_path / "train-00003.tokens", list(range(200)))
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-cut])
    message = f"train-00003.tokens has {whole - cut:,} bytes, its header promises {whole:,}"
    with pytest.raises(StateError, match=message):
        open_shard(path)


def test_a_longer_shard_is_refused(tmp_path: Path) -> None:
    path = shard(tmp_path / "train-00000.tokens", [1, 2, 3])
    path.write_bytes(path.read_bytes() + b"\0\0")
    with pytest.raises(StateError, match="its header promises"):
        open_shard(path)


def test_a_flipped_bit_is_found_in_its_block_when_that_is_read(tmp_path: Path) -> None:
    many = 3 * BLOCK_BYTES // 2
    path = tmp_path / "train-00000.tokens"
    write_shard(path, np.arange(many) % 1_000, vocab_size=1_000, facts=FACTS)
    data = bytearray(path.read_bytes())
    data[-1] ^= 4
    path.write_bytes(data)
    opened = open_shard(path)
    assert opened.read(0, 10).tolist() == list(range(10))
    with pytest.raises(StateError, match="MiB 2 are not those that were written"):
        opened.read(many - 5, many)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64, b"\x02" + b"\0" * 7 + b"{}"])
def test_a_foreign_file_is_no_shard(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train-00000.tokens"
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"train-00000\.tokens is no token shard"):
        open_shard(path)


def test_any_flipped_bit_of_a_small_shard_is_found(tmp_path: Path) -> None:
    path = shard(tmp_path / "train-00000.tokens", [1, 2, 3])
    whole = path.read_bytes()
    header_padding = whole.rstrip(b"\0\1\2\3").rindex(b"}")
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        try:
            opened = open_shard(path)
            opened.read(0, 3)
        except StateError:
            continue
        # What a flip can change unseen is a word of the header that says nothing about the ids.
        assert place <= header_padding
        assert opened.ids.tolist() == [1, 2, 3]


def test_shards_of_two_tokenizers_are_refused(tmp_path: Path) -> None:
    shard(tmp_path / "train-00000.tokens", [1])
    shard(tmp_path / "train-00001.tokens", [1], tokenizer="xyz")
    with pytest.raises(StateError, match="disagree on `tokenizer`: 'xyz', 'abc'"):
        open_stream(tmp_path, split="train")


def test_a_folder_without_shards_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="has no validation shards"):
        open_stream(tmp_path, split="validation")


def test_an_empty_shard_between_others_is_no_harm(tmp_path: Path) -> None:
    shards = [shard(tmp_path / f"{n}.tokens", ids) for n, ids in enumerate(([1], [], [2]))]
    stream = TokenStream([open_shard(path) for path in shards])
    assert stream.read(0, 3).tolist() == [1, 2, 1]
