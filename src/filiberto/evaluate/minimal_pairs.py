"""Minimal pairs: does the model find a good sentence likelier than a bad one nearly like it?

    "Le ragazze leggono." | "Le ragazze legge."  -> two likelihoods -> right if the first is higher

Both sentences are scored whole: after a wrong word the others become less likely too, and that is
part of what the model knows.

Source:
    Salazar et al. 2020, arXiv:1910.14659, section 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filiberto.console import Advance
from filiberto.evaluate.likelihood import likelihoods, text_windows
from filiberto.evaluate.model import Reader
from filiberto.evaluate.pair_files import ALL, MinimalPair


def judge(reader: Reader, pairs: Sequence[MinimalPair], *, advance: Advance) -> list[bool]:
    """Whether the model finds each good sentence likelier than its bad one.

    A tie is not right: sentences that the tokenizer cannot tell apart are lost.

    Args:
        reader: the model.
        pairs: to be judged, in NFC.
        advance: told the pairs that are done, about.
    """
    texts = {text: text_windows(reader, text) for pair in pairs for text in (pair.good, pair.bad)}
    keys = {text: tuple(tuple(window.ids) for window in cut) for text, cut in texts.items()}
    cuts = {keys[text]: cut for text, cut in texts.items()}
    share = len(pairs) / max(1, len(cuts))
    found = likelihoods(reader, list(cuts.values()), advance=lambda amount: advance(amount * share))
    totals = dict(zip(cuts, (likelihood.total for likelihood in found), strict=True))
    return [totals[keys[pair.good]] > totals[keys[pair.bad]] for pair in pairs]


def by_phenomenon(pairs: Sequence[MinimalPair], verdicts: Sequence[bool]) -> list[dict[str, Any]]:
    """Accuracy by phenomenon, in the order of their first pairs, then over all.

    Returns:
        For each `phenomenon` the `count` of pairs, those that are `right`, their share as
        `accuracy`, and the ends `low` and `high` of its 95 % interval.
    """
    tally: dict[str, list[bool]] = {}
    for pair, is_right in zip(pairs, verdicts, strict=True):
        tally.setdefault(pair.phenomenon, []).append(is_right)
    rows = [_row(name, some) for name, some in tally.items()]
    return [*rows, _row(ALL, verdicts)] if pairs else []


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share: with 9 right of 10 it reaches from 0.596 to 0.982.

    Raises:
        ValueError: there are none, or more right ones than there are.

    Source:
        Wilson 1927, Journal of the American Statistical Association 22, pages 209 to 212.
    """
    if not 0 <= right <= count or not count:
        raise ValueError(f"{right} right of {count} is no share")
    from scipy.stats import binomtest

    found = binomtest(right, count).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def _row(name: str, verdicts: Sequence[bool]) -> dict[str, Any]:
    right = sum(verdicts)
    low, high = wilson(right, len(verdicts))
    return {
        "phenomenon": name,
        "count": len(verdicts),
        "right": right,
        "accuracy": right / len(verdicts),
        "low": low,
        "high": high,
    }
