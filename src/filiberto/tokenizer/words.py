"""Words that are cut already, as labelled data has them, for a tokenizer that cuts by itself."""

from __future__ import annotations

from collections.abc import Sequence


def spaced(words: Sequence[str]) -> list[str]:
    """The words, each but the first with a space before it.

    Given to `tokenizer(spaced(words), is_split_into_words=True)` of transformers, or to
    `encode(spaced(words), is_pretokenized=True)` of tokenizers, they get the ids of
    `" ".join(words)`, and `word_ids()` says which token is of which word. The bare words would
    all get the ids of words with no space before them, which the model knows as the middles of
    words; `add_prefix_space=True` changes nothing, for the pre-tokenizer is a sequence.

    Raises:
        ValueError: a word is empty or has white space at an end, so that no joined text has it.
    """
    for word in words:
        if not word or word != word.strip():
            raise ValueError(f"{word!r} is no word: it is empty or has white space at an end")
    return [word if place == 0 else f" {word}" for place, word in enumerate(words)]
