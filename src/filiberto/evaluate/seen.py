"""Which test sentences occur in the text that a model was trained on.

    sentences, documents -> both without spaces and ASCII punctuation -> found word for word

The first bytes of all sentences are looked for at every place of the text at once; what may be one
is then compared as a whole.
"""

from __future__ import annotations

import string
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from filiberto.evaluate.labelled import Sentence

MIN_BYTES = 30
"""What is shorter, without spaces and punctuation, is anybody's sentence."""

_DROPPED = (string.whitespace + string.punctuation).encode()
_KEY_BYTES = 8
_TABLE_BITS = 16
_AT_ONCE = 4 << 20  # characters


def seen_sentences(sentences: Sequence[Sentence], documents: Iterable[str]) -> list[bool]:
    """For each sentence whether it occurs in a document.

    Args:
        sentences: whose `text` is looked for; short ones count as not seen.
        documents: the training text.
    """
    wanted: defaultdict[bytes, set[int]] = defaultdict(set)
    letters = [_letters(sentence.text) for sentence in sentences]
    for number, sought in enumerate(letters):
        if len(sought) >= MIN_BYTES:
            wanted[sought[:_KEY_BYTES]].add(number)
    found = [False] * len(sentences)
    if not wanted:
        return found
    keys = np.sort(np.frombuffer(b"".join(wanted), np.uint64))
    table = np.zeros(1 << _TABLE_BITS, np.bool_)
    table[(keys & np.uint64(len(table) - 1)).astype(np.int64)] = True
    for text in map(_letters, _joined(documents)):
        for place in _places(text, keys, table):
            for number in wanted[text[place : place + _KEY_BYTES]]:
                found[number] |= text.startswith(letters[number], place)
    return found


def _joined(documents: Iterable[str]) -> Iterator[str]:
    """Many documents as one text, so that short ones cost little; nothing reaches over a cut."""
    waiting: list[str] = []
    length = 0
    for document in documents:
        waiting.append(document)
        length += len(document)
        if length >= _AT_ONCE:
            yield "\0".join(waiting)
            waiting, length = [], 0
    yield "\0".join(waiting)


def _letters(text: str) -> bytes:
    return text.encode().translate(None, _DROPPED)


def _places(text: bytes, keys: np.ndarray, table: np.ndarray) -> list[int]:
    """Where one of the keys stands in a text."""
    found: list[int] = []
    for shift in range(min(_KEY_BYTES, len(text) - _KEY_BYTES + 1)):
        count = (len(text) - shift) // _KEY_BYTES
        views = np.frombuffer(text, np.uint64, count, offset=shift)
        # Most places are told by their first bytes alone.
        low = np.frombuffer(text[shift : shift + count * _KEY_BYTES], np.uint16)[::4]
        likely = np.flatnonzero(table[low])
        hits = likely[np.isin(views[likely], keys)]
        found += (hits * _KEY_BYTES + shift).tolist()
    return found
