"""Stage 3, tokens: how often each source's training documents are written.

    "europarl=0.5", "dialogue=4"  ->  a weight a source  ->  copies of each document

The whole part of a weight is written as so many passes over the corpus, so copies of a document lie
an epoch's length apart; the fraction is a choice of documents by the hash of seed and id.
"""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from filiberto.config import parse_weights
from filiberto.errors import UsageError


def of_sources(weights: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """The weight of each source: as asked for, else 1.

    A weight's name is a source's name, that name without its suffixes, its last path part (with
    or without suffixes) or a glob over names.

    Example:
        `europarl` is `it/europarl.txt.zst`, and so is `it/*`.

    Args:
        weights: `NAME=WEIGHT` each.
        names: of the sources of the corpus.

    Raises:
        UsageError: a name fits no source, a source has two weights, or all weigh nothing.
    """
    chosen: dict[str, float] = {}
    for key, weight in parse_weights(weights).items():
        fitting = [name for name in names if _fits(key, name)]
        if not fitting:
            raise _no_such_source(key, names)
        for name in fitting:
            if chosen.setdefault(name, weight) != weight:
                raise UsageError(
                    f"source {name!r} has two weights, {chosen[name]:g} and {weight:g} (`{key}`)",
                    hint="name each source once",
                )
    every = {name: chosen.get(name, 1.0) for name in names}
    if every and not any(every.values()):
        raise UsageError("every source has weight 0", hint="leave at least one to train on")
    return every


def copies(weight: float, identity: str, *, seed: int) -> int:
    """How often a document is written: the weight's whole part, and one more for its fraction."""
    whole = math.floor(weight)
    return whole + (_fraction(seed, identity) < weight - whole)


def passes(weights: Mapping[str, float]) -> int:
    """How many passes over the corpus hold all copies."""
    return max((math.ceil(weight) for weight in weights.values()), default=1)


def _fits(key: str, name: str) -> bool:
    # `it/a.v1.txt` is also `it/a.v1` and `it/a`, and the last parts of these.
    path = PurePosixPath(name)
    cuts = [path]
    while cuts[-1].suffix:
        cuts.append(cuts[-1].with_suffix(""))
    named = {text for cut in cuts for text in (str(cut), cut.name)}
    return key in named or fnmatch.fnmatchcase(name, key)


def _no_such_source(key: str, names: Sequence[str]) -> UsageError:
    short = [PurePosixPath(name).name.split(".")[0] for name in names]
    nearest = difflib.get_close_matches(key, [*names, *short], n=1)
    hint = f"did you mean `{nearest[0]}`?" if nearest else "the sources: " + ", ".join(names[:8])
    return UsageError(f"no source is called {key!r}", hint=hint)


def _fraction(seed: int, identity: str) -> float:
    digest = hashlib.blake2b(f"weight\0{seed}\0{identity}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64
