"""Stage 3, tokens: documents -> flat shards of token ids.

corpus/*.parquet -> tokenizer.encode_batch -> shards.write ... stream.read <- train.sampler
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from filiberto.config import Recipe, TokensConfig
from filiberto.console import Advance, progress, readable_number, say
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest
from filiberto.tokens.stream import Split


def build(run: Path, *, settings: TokensConfig | None = None, force: bool = False) -> Manifest:
    """Tokenise the corpus of a run into shards, or return what is there.

    Args:
        run: the run folder; its stages `corpus` and `tokenizer` are finished.
        settings: the size of a shard.
        force: build again even if it is finished.

    Raises:
        UnfinishedStageError: a stage before is not finished.
        OtherRunError: tokens of another corpus, tokenizer or setting are there.
    """
    from filiberto.tokenizer import bpe
    from filiberto.tokens import encode

    settings = settings or TokensConfig()
    corpus = manifest.require(run, "corpus")
    inputs = {
        "corpus": corpus.content,
        "tokenizer": manifest.require(run, "tokenizer").files["tokenizer.json"],
    }
    asked = asdict(settings)
    if done := manifest.finished_as_asked(
        run, "tokens", settings=asked, inputs=inputs, force=force
    ):
        return done
    start = time.perf_counter()
    tokenizer = bpe.load(run / "tokenizer", literal_specials=True)
    header = {"tokenizer": inputs["tokenizer"], "special_ids": bpe.special_ids(tokenizer)}
    facts = {}
    total = corpus.facts["train"]["bytes"] + corpus.facts["validation"]["bytes"]
    with (
        safeio.new_folder(run / "tokens") as folder,
        progress("tokens", total=total, unit="bytes") as advance,
    ):
        for split in ("train", "validation"):
            facts[split] = encode.write_shards(
                folder,
                encode.encode_documents(tokenizer, _texts(run, split=split, advance=advance)),
                split=split,
                shard_tokens=settings.shard_tokens,
                vocab_size=tokenizer.get_vocab_size(),
                facts=header,
            )
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
    done = build(run, settings=recipe.tokens, force=force)
    train, validation = done.facts["train"], done.facts["validation"]
    say(
        f"tokens: {readable_number(train['tokens'])} to train on in {train['documents']:,} "
        f"documents · {readable_number(validation['tokens'])} for validation in "
        f"{validation['documents']:,} · nothing cut, nothing padded"
    )
    return done


def _texts(run: Path, *, split: Split, advance: Advance) -> Iterator[list[str]]:
    from filiberto.corpus import reading
    from filiberto.tokens.encode import BATCH_BYTES

    for batch in reading.documents(run / "corpus", split=split, batch_bytes=BATCH_BYTES):
        texts = [text for _, text in batch]
        yield texts
        advance(sum(len(text.encode()) for text in texts))
