"""How well a vocabulary fits text it was not trained on, in figures that need no model.

    documents -> pieces and words, counted by source -> tokens of each different one -> figures

Every figure is a sum over different pieces times how often they occur, so a piece is looked at once
however often it occurs.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import regex
from tokenizers import Tokenizer, decoders
from tokenizers.pre_tokenizers import ByteLevel

from filiberto.scripts import script_of

UNKNOWN = "<unk>"


@dataclass
class Tally:
    """Counts over some text; `figures` makes them comparable."""

    documents: int = 0
    round_trip_failures: int = 0
    words: int = 0
    single: int = 0
    tokens: int = 0
    characters: int = 0
    bytes: int = 0
    fallback: int = 0
    unknown: int = 0

    def figures(self) -> dict[str, float | int | None]:
        """The counts, and the ratios that need no explanation beyond their names.

        `fertility` is tokens a word, words being what white space separates; `byte_fallback` the
        share of tokens that are not whole characters, but bytes of one; `unknown` the share of
        `<unk>`, which nothing needs as long as all 256 bytes are in the vocabulary. A ratio of
        what is not there is None.
        """
        return {
            "words": self.words,
            "tokens": self.tokens,
            "bytes": self.bytes,
            "fertility": _ratio(self.tokens, self.words),
            "bytes_per_token": _ratio(self.bytes, self.tokens),
            "characters_per_word": _ratio(self.characters, self.words),
            "characters_per_token": _ratio(self.characters, self.tokens),
            "single_token_words": _ratio(self.single, self.words),
            "byte_fallback": _ratio(self.fallback, self.tokens),
            "unknown": _ratio(self.unknown, self.tokens),
        }


@dataclass
class Quality:
    """Tallies of all text, by source and by script."""

    total: Tally = field(default_factory=Tally)
    sources: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    scripts: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def figures(self) -> dict[str, Any]:
        """All figures, largest sources and scripts first."""
        by_size = {
            name: {
                key: tally.figures() | {"share": _ratio(tally.bytes, self.total.bytes)}
                for key, tally in sorted(tallies.items(), key=lambda item: -item[1].bytes)
            }
            for name, tallies in (("scripts", self.scripts), ("sources", self.sources))
        }
        documents = {
            "documents": self.total.documents,
            "round_trip_failures": self.total.round_trip_failures,
        }
        return {"text": {**self.total.figures(), **documents}, **by_size}


def quality(
    tokenizer: Tokenizer, batches: Iterable[list[tuple[str, str]]], *, pattern: str
) -> Quality:
    """Measure a tokenizer on documents it was not trained on.

    Args:
        tokenizer: reads literal specials as text.
        batches: held-out documents as (id, text); an id begins with its source and a colon.
        pattern: its matches are the pieces that the tokenizer's split makes.
    """
    found = Quality()
    pieces: defaultdict[str, Counter[str]] = defaultdict(Counter)
    words: defaultdict[str, Counter[str]] = defaultdict(Counter)
    find = regex.compile(pattern).findall
    for batch in batches:
        texts = [unicodedata.normalize("NFC", text) for _, text in batch]
        found.total.documents += len(texts)
        found.total.round_trip_failures += _round_trip_failures(tokenizer, texts)
        for (identity, _), text in zip(batch, texts, strict=True):
            source = identity.rpartition(":")[0]
            pieces[source].update(find(text))
            words[source].update(text.split())
    _count_pieces(tokenizer, pieces, found)
    _count_words(tokenizer, words, found)
    return found


def fit(tokenizer: Tokenizer, batches: Iterable[list[tuple[str, str]]]) -> Quality:
    """The same of another's tokenizer, however it cuts: no figures by script, nor of bytes."""
    found = Quality()
    words: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for batch in batches:
        texts = [text for _, text in batch]
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        found.total.documents += len(texts)
        found.total.tokens += sum(len(encoding) for encoding in encodings)
        found.total.characters += sum(map(len, texts))
        found.total.bytes += sum(len(text.encode()) for text in texts)
        words[""].update(word for text in texts for word in text.split())
    _count_words(tokenizer, words, found)
    return found


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _round_trip_failures(tokenizer: Tokenizer, texts: list[str]) -> int:
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    # skip_special_tokens: a literal `<s>` in the text is ordinary tokens here, never special.
    back = tokenizer.decode_batch([e.ids for e in encodings], skip_special_tokens=False)
    return sum(one != other for one, other in zip(texts, back, strict=True))


def _count_pieces(tokenizer: Tokenizer, pieces: dict[str, Counter[str]], found: Quality) -> None:
    partial = {token for token in tokenizer.get_vocab() if text_of(token) is None}
    known: dict[str, tuple[int, int, int, str]] = {}
    for source, counts in pieces.items():
        for piece, count in counts.items():
            if piece not in known:
                tokens = [token.value for token in tokenizer.model.tokenize(spelled(piece))]
                known[piece] = (
                    len(tokens),
                    sum(token in partial for token in tokens),
                    tokens.count(UNKNOWN),
                    script_of(piece),
                )
            tokens, fallback, unknown, script = known[piece]
            for tally in (found.total, found.sources[source], found.scripts[script]):
                tally.tokens += count * tokens
                tally.characters += count * len(piece)
                tally.bytes += count * len(piece.encode())
                tally.fallback += count * fallback
                tally.unknown += count * unknown


def _count_words(tokenizer: Tokenizer, words: dict[str, Counter[str]], found: Quality) -> None:
    for source, counts in words.items():
        spaced = [f" {word}" for word in counts]
        encodings = tokenizer.encode_batch_fast(spaced, add_special_tokens=False)
        for (word, count), encoding in zip(counts.items(), encodings, strict=True):
            single = count if len(encoding) == 1 else 0
            for tally in (found.total, found.sources[source], found.scripts[script_of(word)]):
                tally.words += count
                tally.single += single


def text_of(token: str) -> str | None:
    """The text of a token of the vocabulary, or None where it is not whole characters."""
    text = decoders.ByteLevel().decode([token])
    return text if spelled(text) == token else None


def spelled(piece: str) -> str:
    """A piece as the vocabulary spells it, a character a byte."""
    return "".join(part for part, _ in _SPELL.pre_tokenize_str(piece))


_SPELL = ByteLevel(add_prefix_space=False, use_regex=False)
