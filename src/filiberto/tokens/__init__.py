"""Stage 3, tokens: documents -> flat shards of token ids.

corpus/*.parquet -> tokenizer.encode_batch -> shards.write ... stream.read <- train.sampler

A source's weight (`weights`) repeats its training documents here; an epoch is one pass over that.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from filiberto.config import Recipe, TokensConfig
from filiberto.console import Advance, printable, progress, readable_number, say
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest
from filiberto.tokens.stream import Split


def build(
    run: Path, *, settings: TokensConfig | None = None, seed: int = 0, force: bool = False
) -> Manifest:
    """Tokenise the corpus of a run into shards, or return what is there.

    Args:
        run: the run folder; its stages `corpus` and `tokenizer` are finished.
        settings: the size of a shard, and the weights of sources.
        seed: of the choice of documents where a weight has a fraction.
        force: build again even if it is finished.

    Raises:
        UnfinishedStageError: a stage before is not finished.
        UsageError: a weight names no source.
        OtherRunError: tokens of another corpus, tokenizer or setting are there.
    """
    from filiberto.tokenizer import bpe
    from filiberto.tokens import encode, weights
    from filiberto.tokens.shards import header_digest

    settings = settings or TokensConfig()
    corpus = manifest.require(run, "corpus")
    inputs = {
        "corpus": corpus.content,
        "tokenizer": manifest.require(run, "tokenizer").files["tokenizer.json"],
    }
    weighed = weights.of_sources(settings.weights, list(corpus.facts["sources"]))
    # Without weights nothing is drawn, and any seed gives the same files.
    asked = asdict(settings) | ({"seed": seed} if settings.weights else {})
    if done := manifest.finished_as_asked(
        run, "tokens", settings=asked, inputs=inputs, force=force
    ):
        return done
    start = time.perf_counter()
    tokenizer = bpe.load(run / "tokenizer")
    special_ids = bpe.special_ids(tokenizer, bpe.special_tokens(run / "tokenizer"))
    header = {"tokenizer": inputs["tokenizer"], "special_ids": special_ids}
    facts = {}
    sizes = {name: source["kept_bytes"] for name, source in corpus.facts["sources"].items()}
    total = sum(weighed[name] * size for name, size in sizes.items())
    with (
        safeio.new_folder(run / "tokens") as folder,
        progress("tokens", total=total, unit="bytes") as advance,
    ):
        for split in ("train", "validation"):
            tally = _Tally()
            documents = _documents(run, split=split, weighed=weighed, seed=seed, advance=advance)
            facts[split] = encode.write_shards(
                folder,
                tally.counted(
                    encode.encode_documents(
                        tokenizer, tally.texts(documents), special_ids=special_ids
                    )
                ),
                split=split,
                shard_tokens=settings.shard_tokens,
                vocab_size=tokenizer.get_vocab_size(),
                facts=header,
            ) | {"sources": tally.facts()}
        # Validation text is never repeated: its bytes are those of the corpus.
        facts["validation"]["bytes"] = corpus.facts["validation"]["bytes"]
        shards = sorted(folder.glob("*.tokens"))
        facts["headers"] = {path.name: header_digest(path) for path in shards}
        return manifest.finish(
            folder,
            stage="tokens",
            settings=asked,
            inputs=inputs,
            facts=facts,
            seconds=time.perf_counter() - start,
        )


def run(recipe: Recipe, run: Path, *, force: bool = False) -> Manifest:
    """The command `filiberto tokens`."""
    done = build(run, settings=recipe.tokens, seed=recipe.seed, force=force)
    train, validation = done.facts["train"], done.facts["validation"]
    say(
        f"tokens: {readable_number(train['tokens'])} to train on in {train['documents']:,} "
        f"documents · {readable_number(validation['tokens'])} for validation in "
        f"{validation['documents']:,} · nothing cut, nothing padded"
    )
    if recipe.tokens.weights:
        for line in _weights_table(run, recipe.tokens.weights, train["sources"]):
            say(line)
    return done


def token_bytes(tokens: Manifest) -> float | None:
    """Bytes of text in a validation token, on average; None where they were not counted yet."""
    validation = tokens.facts["validation"]
    if not validation.get("bytes"):
        return None
    return validation["bytes"] / validation["tokens"]


class _Tally:
    """Counts documents and tokens of each source while they go by, in order."""

    def __init__(self) -> None:
        self._documents: dict[str, int] = defaultdict(int)
        self._tokens: dict[str, int] = defaultdict(int)
        self._on_their_way: deque[str] = deque()

    def texts(self, batches: Iterator[list[tuple[str, str]]]) -> Iterator[list[str]]:
        """The texts of batches of (source, text), whose sources wait for `counted`."""
        for batch in batches:
            self._on_their_way.extend(source for source, _ in batch)
            yield [text for _, text in batch]

    def counted(
        self, encoded: Iterator[tuple[NDArray[Any], list[int]]]
    ) -> Iterator[tuple[NDArray[Any], list[int]]]:
        """The same ids and lengths of documents, counted."""
        for ids, lengths in encoded:
            for length in lengths:
                source = self._on_their_way.popleft()
                self._documents[source] += 1
                self._tokens[source] += length
            yield ids, lengths

    def facts(self) -> dict[str, dict[str, int]]:
        """What was counted, by name of the source."""
        return {
            name: {"documents": self._documents[name], "tokens": self._tokens[name]}
            for name in sorted(self._documents)
        }


def _documents(
    run: Path, *, split: Split, weighed: Mapping[str, float], seed: int, advance: Advance
) -> Iterator[list[tuple[str, str]]]:
    """Batches of (source, text); of training documents as many passes as their copies need."""
    from filiberto.corpus import reading
    from filiberto.tokens import weights
    from filiberto.tokens.encode import BATCH_BYTES

    training = split == "train"
    for number in range(weights.passes(weighed) if training else 1):
        for batch in reading.documents(run / "corpus", split=split, batch_bytes=BATCH_BYTES):
            chosen = []
            for identity, text in batch:
                source = identity.rpartition(":")[0]
                if not training or number < weights.copies(weighed[source], identity, seed=seed):
                    chosen.append((source, text))
            if chosen:
                yield chosen
                advance(sum(len(text.encode()) for _, text in chosen))


def _weights_table(
    run: Path, asked: tuple[str, ...], sources: dict[str, dict[str, int]]
) -> Iterator[str]:
    from filiberto.tokens import weights

    weighed = weights.of_sources(asked, list(manifest.require(run, "corpus").facts["sources"]))
    total = sum(source["tokens"] for source in sources.values()) or 1
    yield f"  {'weight':>6} {'tokens':>9} {'%':>6}  source"
    for name in sorted(weighed, key=lambda name: -sources.get(name, {}).get("tokens", 0))[:12]:
        tokens = sources.get(name, {}).get("tokens", 0)
        share = 100 * tokens / total
        yield f"  {weighed[name]:>6g} {readable_number(tokens):>9} {share:>6.1f}  {printable(name)}"
    if len(weighed) > 12:
        yield f"  and {len(weighed) - 12} more sources"
