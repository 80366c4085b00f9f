"""The unigram model: guesses each token as often as the training text has it.

    token shards -> each token's share of the text -> a reader that guesses so everywhere

What a model knows beyond it, it has learned from what stands around a token: the other words and
the rest of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from filiberto.console import progress
from filiberto.evaluate.model import Reader
from filiberto.tokens.stream import TokenStream

# A second's work; of more, the shares of rare tokens change little.
_MOST_TOKENS, _PART_TOKENS = 100_000_000, 1_000_000


@dataclass(frozen=True)
class UnigramReader(Reader):
    """Guesses the same everywhere.

    Attributes:
        log_shares: `[vocab]`, natural logarithm of each token's share of the text.
    """

    log_shares: Tensor

    def _scores(self, rows: list[list[int]], places: list[list[int]], chosen: list[int]) -> Tensor:
        return self.log_shares.expand(sum(len(places[i]) for i in chosen), -1)


def unigram_reader(reader: Reader, stream: TokenStream) -> UnigramReader:
    """A reader with another's tokenizer and the frequencies of a text, add-one smoothed.

    Args:
        reader: of the run's model.
        stream: of the training text; of a long one, parts are read that lie evenly in it.
    """
    parts = stream.parts(most=_MOST_TOKENS, length=_PART_TOKENS)
    total = sum(length for _, length in parts)
    with progress("frequencies", total=total, unit="tokens") as advance:
        counts = stream.counts(parts, advance=advance)
    # They frame a text, and are not of it; an unknown word is.
    frame = [n for name, n in stream.header["special_ids"].items() if name != "<unk>"]
    counts[frame] = 0
    shares = (1 + torch.from_numpy(counts)).double()
    log_shares = (shares / shares.sum()).log().float()
    return UnigramReader(reader.model, reader.tokenizer, reader.special_tokens, log_shares)
