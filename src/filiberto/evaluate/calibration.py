"""Single hidden tokens: how often the first guess or the first five hold the right one, and whether
the model is as often right as it believes.

    documents -> windows -> tokens chosen by hash, hidden together -> first five, probability

Tokens of one vocabulary are other things to guess than those of another: compare bits per byte
between vocabularies, and these figures only within one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filiberto.console import Advance
from filiberto.evaluate.bits import Window, windows
from filiberto.evaluate.bootstrap import interval
from filiberto.evaluate.model import Reader

NUM_BINS = 10
_TOP = 5
_HIDDEN_SHARE = 0.15
_WINDOWS_AT_ONCE = 16  # all scores of the vocabulary are in memory for so many


class Calibration:
    """Counts by how sure the model was of its first guess, and by document.

    Source:
        Guo et al. 2017, arXiv:1706.04599, section 2 (expected calibration error).
    """

    def __init__(self) -> None:
        self._count = np.zeros(NUM_BINS, np.int64)
        self._right = np.zeros(NUM_BINS, np.int64)
        self._confidence = np.zeros(NUM_BINS)
        self._documents: dict[str, NDArray[np.float64]] = {}

    def add(
        self, document: str, confidence: np.ndarray, right: np.ndarray, among_top: np.ndarray
    ) -> None:
        """Count guesses.

        Args:
            document: id of the tokens' document.
            confidence: `[tokens]`, probability of the first guess.
            right: whether it is the hidden token.
            among_top: whether that is among the first five.
        """
        bins = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
        self._count += np.bincount(bins, minlength=NUM_BINS)
        self._right += np.bincount(bins[right], minlength=NUM_BINS)
        self._confidence += np.bincount(bins, weights=confidence, minlength=NUM_BINS)
        found = self._documents.setdefault(document, np.zeros(3))
        found += right.sum(), among_top.sum(), len(right)

    def facts(self) -> dict[str, Any]:
        """`token_accuracy`, `calibration` and `intervals`, as metrics.json has them.

        The 95 % intervals of the accuracies are by resampled documents; fewer than two have none.
        The error has none: it is a sum of absolute values, which resampling makes larger.
        """
        documents = np.array([np.zeros(3), *self._documents.values()])
        right, among_top, total = documents.sum(0)
        shares = {
            name: interval(documents[None, 1:, [column, 2]])
            for column, name in enumerate(("top1", "top5"))
            if len(self._documents) > 1
        }
        filled = self._count > 0
        accuracy = self._right[filled] / self._count[filled]
        confidence = self._confidence[filled] / self._count[filled]
        error = np.abs(accuracy - confidence) @ self._count[filled] / max(1, total)
        return {
            "token_accuracy": {
                "top1": float(right / max(1, total)),
                "top5": float(among_top / max(1, total)),
                "tokens": int(total),
            },
            "calibration": {
                "expected_error": float(error),
                "bins": [
                    {"confidence": float(c), "accuracy": float(a), "count": int(n)}
                    for c, a, n in zip(confidence, accuracy, self._count[filled], strict=True)
                ],
            },
            "intervals": shares,
        }


def calibration(
    reader: Reader, documents: Iterable[tuple[str, str]], *, advance: Advance
) -> dict[str, Any]:
    """Hide 15 % of the tokens of some documents and look at the guesses.

    Args:
        reader: the model.
        documents: pairs of id and text.
        advance: told the bytes that are done.

    Returns:
        See `Calibration.facts`.
    """
    found = Calibration()
    rows: list[tuple[Window, list[int]]] = []
    for document, text in documents:
        begin = 0
        for window in windows(reader, document, text, share=0.0):
            places = [
                place
                for place in range(1, len(window.ids) - 1)
                if _is_hidden(document, begin + place)
            ]
            begin += len(window.ids)
            if places:
                rows.append((window, places))
            if len(rows) == _WINDOWS_AT_ONCE:
                _guess(reader, rows, found)
                rows = []
        advance(len(text.encode()))
    if rows:
        _guess(reader, rows, found)
    return found.facts()


def _is_hidden(document: str, place: int) -> bool:
    digest = hashlib.blake2b(f"{document}\x1ftoken\x1f{place}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") < _HIDDEN_SHARE * 2**64


def _guess(reader: Reader, rows: list[tuple[Window, list[int]]], found: Calibration) -> None:
    mask = reader.special_ids["<mask>"]
    hidden = [
        [mask if place in chosen else token for place, token in enumerate(window.ids)]
        for window, places in rows
        for chosen in (set(places),)
    ]
    scores = reader.log_probabilities(hidden, [places for _, places in rows])
    for (window, places), row in zip(rows, scores, strict=True):
        best = row.topk(min(_TOP, row.shape[-1]))
        guesses = best.indices.numpy()
        truth = np.array([window.ids[place] for place in places])
        hits = guesses == truth[:, None]
        confidence = best.values[:, 0].exp().numpy().clip(0.0, 1.0)
        found.add(window.document, confidence, hits[:, 0], hits.any(1))
