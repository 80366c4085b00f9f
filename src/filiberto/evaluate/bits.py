"""Bits per byte: how many bits the model needs for a hidden word, by its length in bytes.

    documents -> words chosen by hash -> all their tokens hidden -> scored from left to right

Which words are hidden depends on the text alone, and a word's tokens are all hidden together, so
models with different tokenizers can be compared. (Hiding single tokens is not comparable: finer
tokens see the rest of their word.)
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from filiberto.console import Advance
from filiberto.evaluate.model import Reader

_WORD = re.compile(r"\S+")
_WINDOWS_AT_ONCE = 256


@dataclass(frozen=True)
class HiddenWord:
    """A word to guess: where its tokens stand in a window, and its length in the text."""

    start: int
    stop: int
    num_bytes: int


@dataclass(frozen=True)
class Window:
    """A stretch of a document that the model reads at once, with its words to guess."""

    ids: list[int]
    words: list[HiddenWord]


@dataclass
class Score:
    """Sums over the hidden words."""

    nats: float = 0.0
    num_bytes: int = 0
    words: int = 0
    words_right: int = 0
    tokens: int = 0
    too_long: int = 0

    @property
    def bits_per_byte(self) -> float:
        """Bits needed for a byte of a hidden word."""
        return self.nats / (math.log(2) * max(1, self.num_bytes))


def is_hidden(document: str, word: int, *, share: float) -> bool:
    """Whether a word is one to guess: a matter of the document's id and its number alone."""
    digest = hashlib.blake2b(f"{document}\x1f{word}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") < share * 2**64


def windows(reader: Reader, document: str, text: str, *, share: float) -> Iterator[Window]:
    """Cut a document into windows the model can read, between words where there is room.

    Args:
        reader: tokenizer and longest input.
        document: its id, from which the hidden words follow.
        text: in NFC.
        share: of the words to hide.
    """
    encoding = reader.tokenizer.encode(text, add_special_tokens=False)
    bos, eos = reader.special_ids["<s>"], reader.special_ids["</s>"]
    room = reader.max_length - 2
    spans = _word_tokens(text, encoding.offsets)
    begin = 0
    while begin < len(encoding.ids):
        end = min(begin + room, len(encoding.ids))
        if end < len(encoding.ids):
            end = max((start for start, _, _ in spans if begin < start <= end), default=end)
        words = [
            HiddenWord(start - begin + 1, stop - begin + 1, size)
            for number, (start, stop, size) in enumerate(spans)
            if begin <= start and stop <= end and is_hidden(document, number, share=share)
        ]
        yield Window([bos, *encoding.ids[begin:end], eos], words)
        begin = end


def score_windows(reader: Reader, batch: list[Window], score: Score) -> None:
    """Add the cost of every hidden word in some windows.

    In pass j the first j tokens of each word longer than j are shown, and its next token scored;
    all shorter words stay hidden.
    """
    mask = reader.special_ids["<mask>"]
    wrong: set[tuple[int, int]] = set()
    longest = max((w.stop - w.start for window in batch for w in window.words), default=0)
    for step in range(longest):
        rows, places, owners = [], [], []
        for number, window in enumerate(batch):
            open_words = [w for w in window.words if w.stop - w.start > step]
            if not open_words:
                continue
            ids = list(window.ids)
            for word in window.words:
                shown = step if word.stop - word.start > step else 0
                ids[word.start + shown : word.stop] = [mask] * (word.stop - word.start - shown)
            rows.append(ids)
            places.append([word.start + step for word in open_words])
            owners.append(number)
        for number, place, scores in zip(
            owners, places, reader.log_probabilities(rows, places), strict=True
        ):
            truth = [batch[number].ids[p] for p in place]
            score.nats -= sum(scores[n, token].item() for n, token in enumerate(truth))
            score.tokens += len(truth)
            best = scores.argmax(-1).tolist()
            missed = (p - step for p, b, t in zip(place, best, truth, strict=True) if b != t)
            wrong.update((number, start) for start in missed)
    hidden = [word for window in batch for word in window.words]
    score.words += len(hidden)
    score.num_bytes += sum(word.num_bytes for word in hidden)
    score.words_right += len(hidden) - len(wrong)


def bits_per_byte(
    reader: Reader,
    documents: Iterable[tuple[str, str]],
    *,
    share: float,
    advance: Advance,
) -> Score:
    """Measure a model on documents.

    Args:
        reader: the model.
        documents: pairs of id and text.
        share: of the words to hide, between 0 and 1.
        advance: told the bytes that are done.

    Source:
        Kauf and Ivanova 2023, arXiv:2305.10588, for the order within a word.
    """
    score = Score()
    batch: list[Window] = []
    waiting = 0
    for document, text in documents:
        batch += windows(reader, document, text, share=share)
        waiting += len(text.encode())
        if len(batch) >= _WINDOWS_AT_ONCE:
            score_windows(reader, batch, score)
            advance(waiting)
            batch, waiting = [], 0
    score_windows(reader, batch, score)
    advance(waiting)
    return score


def _word_tokens(text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """First token, token after the last, and bytes of each word.

    A token that carries the space before a word counts to the word; a token across two words
    counts to the first.
    """
    spans = []
    token = 0
    for match in _WORD.finditer(text):
        while token < len(offsets) and offsets[token][1] <= match.start():
            token += 1
        start = token
        while token < len(offsets) and offsets[token][0] < match.end():
            token += 1
        spans.append((start, token, len(match.group().encode())))
    return [span for span in spans if span[0] < span[1]]
