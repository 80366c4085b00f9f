"""Fill the holes of a text: `<mask>` is one token, `___` one word of any length.

"ciao <mask> va?" -> one forward pass -> the likeliest tokens
"ciao ___ va?"    -> 1 to 5 masks, a beam from left to right -> the likeliest words
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

import torch

from filiberto.errors import UsageError
from filiberto.evaluate.model import Reader

BLANK = "___"
MASK = "<mask>"
MAX_WORD_TOKENS = 5
_BEAM = 8
_TRIED = 32
"""Words in the making that are kept at each token, and tokens looked at to go on with each."""


@dataclass(frozen=True)
class Hypothesis:
    """A word in the making: its tokens, and the sum of their log-probabilities."""

    ids: tuple[int, ...]
    score: float

    @property
    def mean(self) -> float:
        """Log-probability a token."""
        return self.score / len(self.ids)


def fill(reader: Reader, text: str, *, top_k: int = 5) -> list[Any]:
    """The likeliest fillers of every hole in a text.

    Args:
        reader: the model.
        text: with one or several `<mask>`, or one `___`.
        top_k: how many for each hole.

    Returns:
        As transformers' fill-mask pipeline: for one hole a list of dictionaries with the keys
        `score`, `token`, `token_str`, `sequence`, for several holes a list of such lists. For
        `___`, `score` is the probability a token and `token` a list of ids.

    Raises:
        UsageError: the text has no hole, both kinds, several `___`, or is too long.
    """
    if top_k < 1:
        raise UsageError(f"top-k is {top_k}; it must be 1 or more")
    holes, blanks = text.count(MASK), text.count(BLANK)
    if not holes and not blanks:
        raise UsageError(
            f"the text {text!r} has nothing to fill",
            hint="put <mask> (one token) or ___ (one word) where the model shall guess",
        )
    if blanks and (holes or blanks > 1):
        raise UsageError("one ___ at a time, and not beside <mask>", hint="fill them in turn")
    return fill_word(reader, text, top_k=top_k) if blanks else fill_masks(reader, text, top_k=top_k)


def fill_masks(reader: Reader, text: str, *, top_k: int) -> list[Any]:
    """Fill each `<mask>` with the likeliest tokens, each hole while the others are open."""
    ids = _encode(reader, text.replace(MASK, reader.special_tokens[MASK]))
    mask_id = reader.special_ids[MASK]
    places = [place for place, token in enumerate(ids) if token == mask_id]
    if not places:
        raise UsageError(f"the tokenizer sees no {MASK} in {text!r}")
    scores = reader.log_probabilities([ids], [places])[0]
    results = []
    for place, row in zip(places, scores, strict=True):
        best = row.topk(min(top_k, len(row)))
        results.append(
            [
                _answer(reader, ids, place, token, score)
                for score, token in zip(
                    best.values.exp().tolist(), best.indices.tolist(), strict=True
                )
            ]
        )
    return results[0] if len(places) == 1 else results


def fill_word(reader: Reader, text: str, *, top_k: int) -> list[dict[str, Any]]:
    """Fill the one `___` with whole words of one to five tokens.

    For each number of masks a beam goes from left to right, each token scored with those after it
    still hidden; words are ranked by log-probability a token, so long ones are not punished.

    Source:
        Salazar et al. 2020, arXiv:1910.14659, section 2; the order within the word is that of
        Kauf and Ivanova 2023, arXiv:2305.10588.
    """
    before, _, after = text.partition(BLANK)
    mask = reader.special_tokens[MASK]
    table = WordTable.of(reader)
    found: dict[str, tuple[Hypothesis, str]] = {}
    for length in range(1, MAX_WORD_TOKENS + 1):
        holed = f"{before}{mask * length}{after}"
        ids = reader.tokenizer.encode(holed).ids if length > 1 else _encode(reader, holed)
        if len(ids) > reader.max_length:
            break
        start = ids.index(reader.special_ids[MASK])
        for hypothesis in _beam(reader, ids, start, length, table, spaced=_spaced(before)):
            filled = [*ids[:start], *hypothesis.ids, *ids[start + length :]]
            word = reader.tokenizer.decode(list(hypothesis.ids)).strip()
            best = found.get(word)
            if word and (best is None or best[0].mean < hypothesis.mean):
                found[word] = (hypothesis, reader.tokenizer.decode(filled))
    ranked = sorted(found.items(), key=lambda item: -item[1][0].mean)[:top_k]
    return [
        {
            "score": float(torch.tensor(hypothesis.mean).exp()),
            "token": list(hypothesis.ids),
            "token_str": word,
            "sequence": sequence,
        }
        for word, (hypothesis, sequence) in ranked
    ]


@dataclass(frozen=True)
class WordTable:
    """Which tokens can stand where in a word, as additive penalties `[vocab]` (0 or -inf).

    Attributes:
        first_spaced: begins a word after a space (the token carries the space).
        first_bare: begins a word with no space before it.
        inside: goes on with a word.
    """

    first_spaced: torch.Tensor
    first_bare: torch.Tensor
    inside: torch.Tensor

    @classmethod
    def of(cls, reader: Reader) -> WordTable:
        """Sort the vocabulary by what each token is made of."""
        special = set(reader.special_ids.values())
        size = reader.model.config.vocab_size
        tables = {name: torch.full((size,), -torch.inf) for name in ("spaced", "bare", "inside")}
        texts = reader.tokenizer.decode_batch([[index] for index in range(size)])
        for index, text in enumerate(texts):
            # SentencePiece's sign for a space, which decoding drops at the beginning of a text.
            piece = reader.tokenizer.id_to_token(index) or ""
            texts[index] = f" {text}" if piece.startswith(_SPACE) and text[:1] != " " else text
        inner = _inner_prefix(reader)
        for index, text in enumerate(texts):
            spaced, letters = text.startswith(" "), text.removeprefix(" ")
            goes_on = bool(inner) and letters.startswith(inner)
            letters = letters.removeprefix(inner)
            signs = [_is_letter(c) for c in letters]
            if index in special or not all(
                s or c in _JOINERS for s, c in zip(signs, letters, strict=True)
            ):
                continue
            if any(signs) and not goes_on:
                for name in ("spaced", "bare") if inner else ("spaced" if spaced else "bare",):
                    tables[name][index] = 0.0
            # A capital with a small letter after it begins a word: no "dovePerché".
            begins = letters[:1].isupper() and letters[1:2].islower()
            if letters and not spaced and not begins and goes_on == bool(inner):
                tables["inside"][index] = 0.0
        return cls(tables["spaced"], tables["bare"], tables["inside"])


def _beam(
    reader: Reader, ids: list[int], start: int, length: int, table: WordTable, *, spaced: bool
) -> list[Hypothesis]:
    beam = [Hypothesis((), 0.0)]
    for step in range(length):
        rows = [[*ids[:start], *h.ids, *ids[start + step :]] for h in beam]
        scores = reader.log_probabilities(rows, [[start + step]] * len(rows))
        first = table.first_spaced if spaced else table.first_bare
        allowed = table.inside if step else first
        grown = []
        for hypothesis, row in zip(beam, scores, strict=True):
            best = (row[0] + allowed).topk(min(_TRIED, row.shape[-1]))
            grown += [
                Hypothesis((*hypothesis.ids, token), hypothesis.score + value)
                for value, token in zip(best.values.tolist(), best.indices.tolist(), strict=True)
                if value > -torch.inf and _as_written(reader, (*hypothesis.ids, token))
            ]
        beam = sorted(grown, key=lambda h: -h.score)[:_BEAM]
    return beam


_SPACE = "\u2581"
_JOINERS = "'\u2019-\u200c\u200d"


def _is_letter(sign: str) -> bool:
    """A letter, mark or digit, or the sign for a part of one (tokens may cut inside a letter)."""
    return sign == "\ufffd" or unicodedata.category(sign)[0] in "LMN"


def _as_written(reader: Reader, ids: tuple[int, ...]) -> bool:
    """Whether the tokenizer itself would cut the word into these tokens.

    The model has seen no other way of cutting, so what it thinks of one means nothing.
    """
    inner = _inner_prefix(reader)
    first, *others = (reader.tokenizer.id_to_token(token) or "" for token in ids)
    letters = "".join([first, *(piece.removeprefix(inner) for piece in others)])
    return [token.id for token in reader.tokenizer.model.tokenize(letters)] == list(ids)


def _inner_prefix(reader: Reader) -> str:
    """What marks a token that goes on with a word, as BERT's `##`; empty where nothing does."""
    return getattr(reader.tokenizer.model, "continuing_subword_prefix", None) or ""


def _spaced(before: str) -> bool:
    """Whether the word's first token carries a space: it follows text that ends in one."""
    return before != before.rstrip() and bool(before.strip())


def _encode(reader: Reader, text: str) -> list[int]:
    ids = reader.tokenizer.encode(text).ids
    if len(ids) > reader.max_length:
        raise UsageError(
            f"the text has {len(ids)} tokens, the model reads at most {reader.max_length}",
            hint="shorten it around the hole",
        )
    return ids


def _answer(reader: Reader, ids: list[int], place: int, token: int, score: float) -> dict[str, Any]:
    filled = [*ids[:place], token, *ids[place + 1 :]]
    return {
        "score": score,
        "token": token,
        "token_str": reader.tokenizer.decode([token]),
        "sequence": reader.tokenizer.decode(filled),
    }
