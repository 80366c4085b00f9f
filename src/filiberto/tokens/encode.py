"""Documents to ids, and ids to shard files of bounded size.

    reading (a thread) -> encoding (a thread, all cores inside) -> ids -> shards

The three overlap, a batch ahead each, so the cores that encode do not wait for the disk or for
Python. In memory are three batches and a shard, whatever the size of the corpus.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from filiberto.tokens.shards import dtype_for, write_shard

BATCH_BYTES = 1 << 20
"""Text in a batch: its encodings take some 500 bytes a token (tokenizers 0.23)."""

Item = TypeVar("Item")


def encode_documents(
    tokenizer: Tokenizer, batches: Iterable[list[str]]
) -> Iterator[tuple[NDArray[Any], int]]:
    """Encode batches of documents, each `<s> ... </s>`, nothing cut.

    Args:
        tokenizer: reads literal specials as text (`bpe.load(..., literal_specials=True)`).
        batches: lists of texts.

    Yields:
        The ids of a batch in one array, and its number of documents.
    """
    dtype = np.dtype(dtype_for(tokenizer.get_vocab_size()))
    for encodings in ahead(_encoded(tokenizer, ahead(batches))):
        total = sum(map(len, encodings))
        ids = chain.from_iterable(encoding.ids for encoding in encodings)
        yield np.fromiter(ids, dtype=dtype, count=total), len(encodings)


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, of which the next is made in another thread while one is being used."""
    iterator = iter(items)
    with ThreadPoolExecutor(max_workers=1) as thread:
        waiting = thread.submit(next, iterator, None)
        while (item := waiting.result()) is not None:
            waiting = thread.submit(next, iterator, None)
            yield item


def _encoded(tokenizer: Tokenizer, batches: Iterable[list[str]]) -> Iterator[list[Encoding]]:
    for texts in batches:
        yield tokenizer.encode_batch_fast(texts, add_special_tokens=True)


def write_shards(
    folder: Path,
    batches: Iterable[tuple[NDArray[Any], int]],
    *,
    split: str,
    shard_tokens: int,
    vocab_size: int,
    facts: dict[str, Any],
) -> dict[str, int]:
    """Write batches of ids as `SPLIT-00000.tokens` and so on, each `shard_tokens` long.

    A shard may end inside a document: readers see the shards as one sequence.

    Returns:
        `tokens`, `documents` and `shards` written.
    """
    held: list[NDArray[Any]] = []
    held_tokens = tokens = documents = shards = 0

    def write(ids: NDArray[Any]) -> None:
        nonlocal shards
        path = folder / f"{split}-{shards:05d}.tokens"
        write_shard(path, ids, vocab_size=vocab_size, facts=facts)
        shards += 1

    for ids, count in batches:
        held.append(ids)
        held_tokens += len(ids)
        tokens += len(ids)
        documents += count
        while held_tokens >= shard_tokens:
            joined = np.concatenate(held)
            write(joined[:shard_tokens])
            held, held_tokens = [joined[shard_tokens:]], held_tokens - shard_tokens
    if held_tokens or not shards:
        write(np.concatenate(held) if held else np.zeros(0, dtype=np.uint16))
    return {"tokens": tokens, "documents": documents, "shards": shards}
