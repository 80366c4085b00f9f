"""How well a vocabulary fits its language, in figures that need no model."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from tokenizers import Tokenizer


def quality(tokenizer: Tokenizer, texts: Iterable[str]) -> dict[str, float | int]:
    """Measure a tokenizer on text it was not trained on.

    Args:
        tokenizer: reads literal specials as text.
        texts: held-out documents.

    Returns:
        `fertility` (tokens a word, words being what white space separates), `bytes_per_token`,
        `single_token_words` (share of running words), `round_trip_failures` (documents that do
        not come back as their NFC), `words`, `tokens`.
    """
    words = tokens = num_bytes = single = failures = 0
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        tokens += len(ids)
        num_bytes += len(text.encode())
        # skip_special_tokens: a literal `<s>` in the text is ordinary tokens here, never special.
        failures += tokenizer.decode(ids, skip_special_tokens=False) != unicodedata.normalize(
            "NFC", text
        )
        pieces = [f" {word}" for word in text.split()]
        words += len(pieces)
        encodings = tokenizer.encode_batch(pieces, add_special_tokens=False)
        single += sum(len(encoding.ids) == 1 for encoding in encodings)
    return {
        "words": words,
        "tokens": tokens,
        "fertility": round(tokens / max(1, words), 4),
        "bytes_per_token": round(num_bytes / max(1, tokens), 4),
        "single_token_words": round(single / max(1, words), 4),
        "round_trip_failures": failures,
    }
