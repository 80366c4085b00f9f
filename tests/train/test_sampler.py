from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filiberto.errors import BadDataError
from filiberto.tokens.shards import open_shard, write_shard
from filiberto.tokens.stream import TokenStream
from filiberto.train.sampler import Sampler

BOS, EOS = 0, 2


def stream_of(folder: Path, documents: list[list[int]]) -> TokenStream:
    ids = np.array([t for document in documents for t in (BOS, *document, EOS)])
    write_shard(folder / "train-00000.tokens", ids, vocab_size=60_000, facts={})
    return TokenStream([open_shard(folder / "train-00000.tokens")])


def sampler_of(folder: Path, documents: list[list[int]], *, length: int = 5, seed: int = 0):
    stream = stream_of(folder, documents)
    return Sampler(stream, row_length=length, bos_id=BOS, seed=seed)


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=4, max_size=40),
    length=st.integers(3, 9),
    epoch=st.integers(0, 3),
)
def test_an_epoch_shows_every_token_once(tmp_path_factory, sizes, length, epoch) -> None:
    numbers = iter(range(10, 60_000))
    documents = [[next(numbers) for _ in range(size)] for size in sizes]
    sampler = sampler_of(tmp_path_factory.mktemp("tokens"), documents, length=length)
    per_epoch = sampler.rows_per_epoch
    rows = sampler.rows(epoch * per_epoch, per_epoch).input_ids.tolist()
    counts = Counter(token for row in rows for token in row if token >= 10)
    # What is left over at the end is less than a row.
    left_over = sum(sizes) + 2 * len(sizes) - per_epoch * (length - 1)
    assert 0 <= left_over < length - 1
    assert sum(sizes) - len(counts) <= left_over
    # Only a row that begins with its document shows its last token ahead of the next row.
    ahead = {row[-1] for row in rows if row[1] in {document[0] for document in documents}}
    assert {token for token, count in counts.items() if count > 1} <= ahead
    assert max(counts.values()) <= 2


def test_a_row_inside_a_document_begins_with_bos(tmp_path: Path) -> None:
    sampler = sampler_of(tmp_path, [list(range(10, 50))])
    rows = sampler.rows(0, sampler.rows_per_epoch)
    assert (rows.input_ids[:, 0] == BOS).all()


def test_positions_and_documents_restart_together(tmp_path: Path) -> None:
    sampler = sampler_of(tmp_path, [[10, 11], [12], [13, 14, 15], [16]], length=8)
    rows = sampler.rows(0, sampler.rows_per_epoch)
    for ids, documents, positions in zip(
        rows.input_ids, rows.document_ids, rows.positions, strict=True
    ):
        starts = ids == BOS
        assert (positions[starts] == 0).all()
        assert (np.diff(documents) == starts[1:]).all()
        assert (np.diff(positions)[~starts[1:]] == 1).all()


def test_rows_do_not_depend_on_how_they_are_asked_for(tmp_path: Path) -> None:
    sampler = sampler_of(tmp_path, [list(range(10, 200))])
    whole = sampler.rows(0, 60)
    parts = [sampler.rows(first, 20) for first in (40, 0, 20)]
    for name in ("input_ids", "keys", "positions"):
        joined = np.concatenate([getattr(parts[i], name) for i in (1, 2, 0)])
        assert np.array_equal(getattr(whole, name), joined)


def test_epochs_and_seeds_differ(tmp_path: Path) -> None:
    sampler = sampler_of(tmp_path, [list(range(10, 400))])
    other = Sampler(sampler._stream, row_length=5, bos_id=BOS, seed=1)
    per_epoch = sampler.rows_per_epoch
    first, second = sampler.rows(0, per_epoch), sampler.rows(per_epoch, per_epoch)
    assert not np.array_equal(first.input_ids, second.input_ids)
    assert not np.array_equal(first.input_ids, other.rows(0, per_epoch).input_ids)
    assert not np.intersect1d(first.keys, second.keys).size


def test_text_shorter_than_a_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="the text has 4 tokens, one row has 5"):
        sampler_of(tmp_path, [[10, 11]])
