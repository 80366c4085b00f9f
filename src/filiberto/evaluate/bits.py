"""Bits per byte: how many bits the model needs for a hidden word, by its length in bytes.

    documents -> words chosen by hash -> all their tokens hidden -> scored from left to right

Which words are hidden depends on the document's id and the word's place in it, and a word's tokens
are all hidden together, so models with different tokenizers can be compared on the same documents.
(Hiding single tokens is not comparable: finer tokens see the rest of their word.)
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from filiberto.console import Advance
from filiberto.evaluate.bootstrap import interval
from filiberto.evaluate.model import Reader

# What white space separates. A longer run, as scripts without spaces and web addresses have them,
# counts in parts of this many characters, so that it fits any model.
WORD = re.compile(r"\S{1,32}")
_WINDOWS_AT_ONCE = 256


@dataclass(frozen=True)
class HiddenWord:
    """A word to guess: where its tokens stand in a window, and what it is in the text.

    Attributes:
        is_known: whether the tokenizer has tokens for all of it.
    """

    start: int
    stop: int
    text: str
    is_known: bool = True

    @property
    def num_bytes(self) -> int:
        """Its length in the text."""
        return len(self.text.encode())

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Window:
    """A stretch of a document that the model reads at once, with its words to guess."""

    ids: list[int]
    words: list[HiddenWord]
    document: str = ""


@dataclass
class WordCost:
    """What a hidden word cost: nats in all, and whether each of its tokens was the first guess."""

    nats: float = 0.0
    right: bool = True


GroupsOf = Callable[[str, HiddenWord], Mapping[str, str]]


def _no_groups(document: str, word: HiddenWord) -> Mapping[str, str]:
    return {}


@dataclass
class Score:
    """Sums over the hidden words.

    A word that the tokenizer does not know costs its bytes, each eight bits, beside the token that
    stands for it, and is never right.
    """

    nats: float = 0.0
    num_bytes: int = 0
    words: int = 0
    words_right: int = 0
    groups: dict[str, dict[str, Score]] = field(default_factory=dict)
    """The same by a property of the words, such as their source, and by its value."""
    documents: dict[str, Score] = field(default_factory=dict)
    """The same by the document's id."""

    @property
    def bits_per_byte(self) -> float | None:
        """Bits needed for a byte of a hidden word; None where no word was hidden."""
        return self.nats / (math.log(2) * self.num_bytes) if self.num_bytes else None

    def add(
        self,
        windows: list[Window],
        costs: list[list[WordCost]],
        *,
        groups_of: GroupsOf = _no_groups,
    ) -> None:
        """Count the words of some windows.

        Args:
            windows: that were scored.
            costs: of their words.
            groups_of: for a document's id and a word the value of each property.
        """
        for window, window_costs in zip(windows, costs, strict=True):
            for word, cost in zip(window.words, window_costs, strict=True):
                self._count(word, cost)
                self.documents.setdefault(window.document, Score())._count(word, cost)
                for name, value in groups_of(window.document, word).items():
                    self.groups.setdefault(name, {}).setdefault(value, Score())._count(word, cost)

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The 95 % intervals of bits per byte and of the words right, by resampled documents.

        Empty where fewer than two documents have a hidden word.
        """
        some = list(self.documents.values())
        if len(some) < 2:
            return {}
        bits = [(one.nats / math.log(2), one.num_bytes) for one in some]
        right = [(one.words_right, one.words) for one in some]
        found = {"bits_per_byte": bits, "word_accuracy": right}
        return {name: interval(np.array([pairs], float)) for name, pairs in found.items()}

    def _count(self, word: HiddenWord, cost: WordCost) -> None:
        self.nats += cost.nats + (0 if word.is_known else math.log(256) * word.num_bytes)
        self.num_bytes += word.num_bytes
        self.words += 1
        self.words_right += cost.right and word.is_known


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
    encoding = reader.document_tokenizer.encode(text, add_special_tokens=False)
    bos, eos = reader.special_ids["<s>"], reader.special_ids["</s>"]
    unknown = reader.special_ids.get("<unk>")
    room = reader.max_length - 2
    spans = _spans(text, encoding.offsets)
    begin = number = 0
    while begin < len(encoding.ids):
        end = min(begin + room, len(encoding.ids))
        words: list[HiddenWord] = []
        while number < len(spans) and spans[number][0] < end:
            start, stop, word = spans[number]
            if stop > end and start > begin:
                end = start
                break
            if stop <= end and is_hidden(document, number, share=share):
                is_known = unknown not in encoding.ids[start:stop]
                words.append(HiddenWord(start - begin + 1, stop - begin + 1, word, is_known))
            number += 1
        yield Window([bos, *encoding.ids[begin:end], eos], words, document)
        begin = end


def word_costs(reader: Reader, batch: list[Window]) -> list[list[WordCost]]:
    """The cost of every hidden word in some windows.

    In pass j the first j tokens of each word longer than j are shown, and its next token scored;
    all shorter words stay hidden.

    Returns:
        For each window the costs of its words, in their order.
    """
    mask = reader.special_ids["<mask>"]
    costs = [[WordCost() for _ in window.words] for window in batch]
    longest = max((len(word) for window in batch for word in window.words), default=0)
    for step in range(longest):
        numbers = [n for n, w in enumerate(batch) if any(len(word) > step for word in w.words)]
        rows = [_shown(batch[n], step, mask_id=mask) for n in numbers]
        open_words = [
            [(place, word) for place, word in enumerate(batch[n].words) if len(word) > step]
            for n in numbers
        ]
        places = [[word.start + step for _, word in words] for words in open_words]
        truths = [
            [batch[n].ids[place] for place in row] for n, row in zip(numbers, places, strict=True)
        ]
        found = reader.token_costs(rows, places, truths)
        for number, words, results in zip(numbers, open_words, found, strict=True):
            for (place, _), (nats, right) in zip(words, results, strict=True):
                cost = costs[number][place]
                cost.nats += nats
                cost.right = cost.right and right
    return costs


def bits_per_byte(
    reader: Reader,
    documents: Iterable[tuple[str, str]],
    *,
    share: float,
    advance: Advance,
    groups_of: GroupsOf = _no_groups,
) -> Score:
    """Measure a model on documents.

    Args:
        reader: the model.
        documents: pairs of id and text.
        share: of the words to hide, between 0 and 1.
        advance: told the bytes that are done.
        groups_of: see `Score.add`.

    Source:
        Kauf and Ivanova 2023, arXiv:2305.10588, for the order within a word.
    """
    score = Score()
    batch: list[Window] = []
    waiting = 0
    for document, text in documents:
        for window in windows(reader, document, text, share=share):
            batch.append(window)
            if len(batch) == _WINDOWS_AT_ONCE:
                score.add(batch, word_costs(reader, batch), groups_of=groups_of)
                batch = []
        waiting += len(text.encode())
        if not batch:
            advance(waiting)
            waiting = 0
    score.add(batch, word_costs(reader, batch), groups_of=groups_of)
    advance(waiting)
    return score


def word_tokens(
    offsets: list[tuple[int, int]], begin: int, end: int, *, first: int = 0
) -> tuple[int, int]:
    """Which tokens spell a stretch of text: the first, and the one after the last.

    A token that carries the space before a word counts to the word.

    Args:
        offsets: where each token begins and ends in the text.
        begin: where the stretch begins, in characters.
        end: where it ends.
        first: a token from which to look, to save time.
    """
    start = first
    while start < len(offsets) and offsets[start][1] <= begin:
        start += 1
    stop = start
    while stop < len(offsets) and offsets[stop][0] < end:
        stop += 1
    return start, stop


def _spans(text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int, str]]:
    """First token, token after the last, and letters of each word of a text.

    Where a token reaches over the cut of a long run it belongs to the part it begins in, whole.
    """
    spans = []
    stop = 0
    for match in WORD.finditer(text):
        start, stop = word_tokens(offsets, match.start(), match.end(), first=stop)
        if start < stop:
            covered = text[offsets[start][0] : offsets[stop - 1][1]].strip()
            spans.append((start, stop, covered))
    return spans


def _shown(window: Window, step: int, *, mask_id: int) -> list[int]:
    """The window's ids in pass `step`: every word hidden, but for what came before in long ones."""
    ids = list(window.ids)
    for word in window.words:
        shown = step if len(word) > step else 0
        ids[word.start + shown : word.stop] = [mask_id] * (len(word) - shown)
    return ids
