"""Accepted answers of a prompt, scored whether or not they are among the fillers that are shown.

    "ci <mask> domani" + "rivedremo" -> "ci [][][] domani" -> its tokens from left to right

`<mask>` is filled with single tokens, so a word that the vocabulary cuts can never be shown. It is
scored as a word in a hole as wide as itself. The width tells the model how long the word is, which
no single token is told: such a probability is a little flattered, and `tokens` says so beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from filiberto.evaluate.bits import HiddenWord, Window, WordCost, word_costs, word_tokens
from filiberto.evaluate.fill import BLANK, MASK
from filiberto.evaluate.model import Reader


def score_answers(
    reader: Reader, text: str, answers: Sequence[str], *, hole: int, found: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The probability of each accepted answer, and its place among the fillers that are shown.

    Args:
        reader: the model.
        text: the prompt, whose other holes stay open.
        answers: accepted in the hole, in NFC.
        hole: its number from 0.
        found: the fillers that are shown, as `fill` gives them.

    Returns:
        For each answer `word`, `tokens` (how many it has), `probability` (for `___` a token, as
        that of the fillers) and `rank` from 1, None where it is behind all that are shown. One that
        is not shown is left out where the tokenizer cannot set it apart from its neighbours or it
        makes the text too long for the model.
    """
    shown: dict[str, dict[str, Any]] = {}
    for rank, filler in enumerate(found, 1):
        shown.setdefault(filler["token_str"].strip().casefold(), _shown(filler, rank))
    hidden = {a: _window(reader, text, a, hole=hole) for a in answers if a.casefold() not in shown}
    asked = {answer: window for answer, window in hidden.items() if window is not None}
    costs = word_costs(reader, list(asked.values()))
    scored = {
        answer: _scored(window, cost, a_token=BLANK in text, found=found)
        for (answer, window), (cost,) in zip(asked.items(), costs, strict=True)
    }
    entries = ((a, shown.get(a.casefold()) or scored.get(a)) for a in answers)
    return [{"word": answer, **entry} for answer, entry in entries if entry is not None]


def _shown(filler: dict[str, Any], rank: int) -> dict[str, Any]:
    tokens = len(filler["token"]) if isinstance(filler["token"], list) else 1
    return {"tokens": tokens, "probability": filler["score"], "rank": rank}


def _scored(
    window: Window, cost: WordCost, *, a_token: bool, found: list[dict[str, Any]]
) -> dict[str, Any]:
    """What is known of an answer that is not shown."""
    tokens = len(window.words[0])
    probability = math.exp(-cost.nats / (tokens if a_token else 1))
    before = sum(filler["score"] >= probability for filler in found)
    rank = before + 1 if before < len(found) else None
    return {"tokens": tokens, "probability": probability, "rank": rank}


def _window(reader: Reader, text: str, answer: str, *, hole: int) -> Window | None:
    """The text with an answer in one of its holes, or None where it cannot be asked for."""
    mask = reader.special_tokens[MASK]
    parts = text.split(BLANK if BLANK in text else MASK)
    before, after = mask.join(parts[: hole + 1]), mask.join(parts[hole + 1 :])
    filled = f"{before}{answer}{after}"
    encoding = reader.tokenizer.encode(filled, add_special_tokens=False)
    start, stop = word_tokens(encoding.offsets, len(before), len(before) + len(answer))
    if start == stop:
        return None
    spelled = filled[encoding.offsets[start][0] : encoding.offsets[stop - 1][1]]
    ids = [reader.special_ids["<s>"], *encoding.ids, reader.special_ids["</s>"]]
    if spelled.strip() != answer or len(ids) > reader.max_length:
        return None
    return Window(ids, [HiddenWord(start + 1, stop + 1, answer)])
