"""The text a vocabulary is learned from: a sample over all documents, bounded in bytes and words.

    documents --key--> candidates --pieces--> threshold          1. `choose`, one reading
    documents --key below the threshold--> texts for training    2. `texts`, another

A document's key is a hash of seed and id, and the sample is the documents with the smallest keys.
So it depends on no order, and no source is cut off for standing late in the corpus. Training needs
memory for each *different* piece, however often it occurs, so these have a limit of their own.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import regex

Batches = Iterable[list[tuple[str, str]]]

# Merging takes time quadratic in the length of a piece (tokenizers 0.23): a million letters in a
# row would take hours. Longer pieces are left out of the sample.
LONGEST_PIECE = 1_000

_KEYS = 1 << 63


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Which documents are drawn, and what they hold.

    Attributes:
        below: documents with a smaller key are in the sample.
        words: different pieces in it.
        cut_by_words: the limit on pieces made it smaller than the limit on bytes would.
    """

    below: int
    seed: int
    documents: int
    bytes: int
    words: int
    cut_by_words: bool


def choose(
    batches: Batches,
    *,
    pattern: str,
    total_bytes: int,
    max_bytes: int,
    max_words: int,
    seed: int,
) -> Sample:
    """Draw a sample of at most so many bytes and so many different pieces, or of one document.

    In memory are 16 bytes a candidate and about twice `max_words` pieces.

    Args:
        batches: all documents as (id, text), in any order.
        pattern: its matches are the pieces.
        total_bytes: of all documents; with `max_bytes` it says which are candidates at all.
    """
    find = regex.compile(pattern).findall
    below = min(_KEYS, int(_KEYS * (max_bytes / max(1, total_bytes))))
    keys, sizes = array("Q"), array("Q")
    first_in: dict[str, int] = {}
    smallest = (_KEYS, 0, 0)
    cut_by_words = False
    for batch in batches:
        for identity, text in batch:
            key = key_of(identity, seed=seed)
            if key >= below and key >= smallest[0]:
                continue
            num_bytes, pieces = len(text.encode()), set(find(text))
            smallest = min(smallest, (key, num_bytes, len(pieces)))
            if key < below:
                keys.append(key)
                sizes.append(num_bytes)
                _note(first_in, pieces, key)
        if len(first_in) > 2 * max_words:
            below, cut_by_words = _lowered(first_in, max_words), True
    if len(first_in) > max_words:
        below, cut_by_words = _lowered(first_in, max_words), True
    number, num_bytes, below = _fitting(keys, sizes, max_bytes=max_bytes, below=below)
    words = sum(key < below for key in first_in.values())
    if not number:
        below, number, (_, num_bytes, words) = smallest[0] + 1, int(smallest[0] < _KEYS), smallest
    return Sample(
        below=below,
        seed=seed,
        documents=number,
        bytes=num_bytes,
        words=words,
        cut_by_words=cut_by_words,
    )


def texts(batches: Batches, sample: Sample, *, pattern: str) -> Iterator[list[str]]:
    """The documents of a sample, in the order they come, without pieces too long to train on."""
    find = regex.compile(pattern).findall
    for batch in batches:
        keys = [key_of(identity, seed=sample.seed) for identity, _ in batch]
        drawn = [text for key, (_, text) in zip(keys, batch, strict=True) if key < sample.below]
        if drawn:
            yield [_without_long_pieces(text, find) for text in drawn]


def share_of(batches: Batches, *, share: float, seed: int) -> Iterator[list[tuple[str, str]]]:
    """About this share of the documents, drawn from all; from a share of 1 on all of them."""
    below = int(_KEYS * min(1.0, share))
    for batch in batches:
        drawn = [document for document in batch if key_of(document[0], seed=seed) < below]
        if drawn:
            yield drawn


def key_of(identity: str, *, seed: int) -> int:
    """A uniform number below 2 ** 63 that seed and id alone decide."""
    digest = hashlib.blake2b(f"{seed}\0{identity}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def _note(first_in: dict[str, int], pieces: set[str], key: int) -> None:
    for piece in pieces:
        if key < first_in.get(piece, _KEYS):
            first_in[piece] = key


def _lowered(first_in: dict[str, int], max_words: int) -> int:
    """The key below which no more than `max_words` pieces come first; the others are dropped."""
    keys = np.fromiter(first_in.values(), dtype=np.uint64, count=len(first_in))
    below = int(np.partition(keys, max_words)[max_words])
    for piece in [piece for piece, key in first_in.items() if key >= below]:
        del first_in[piece]
    return below


def _fitting(
    keys: array[int], sizes: array[int], *, max_bytes: int, below: int
) -> tuple[int, int, int]:
    """How many of the smallest keys fit, the bytes of their documents, and a key above them."""
    all_keys = np.frombuffer(keys, dtype=np.uint64) if keys else np.zeros(0, np.uint64)
    order = np.argsort(all_keys)
    total = np.cumsum(np.frombuffer(sizes, dtype=np.uint64)[order]) if keys else all_keys
    number = min(
        int(np.searchsorted(total, np.uint64(max_bytes), side="right")),
        int(np.searchsorted(all_keys[order], np.uint64(below))),
    )
    if not number:
        return 0, 0, 0
    return number, int(total[number - 1]), int(all_keys[order][number - 1]) + 1


def _without_long_pieces(text: str, find: Callable[[str], list[str]]) -> str:
    if len(text) <= LONGEST_PIECE:
        return text
    pieces = find(text)
    if max(map(len, pieces)) <= LONGEST_PIECE:
        return text
    return "".join(piece for piece in pieces if len(piece) <= LONGEST_PIECE)
