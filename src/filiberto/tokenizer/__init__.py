"""Stage 2, tokenizer: documents -> a byte-level BPE vocabulary of the language's own.

corpus/train-*.parquet -> a seeded sample -> bpe.train_bpe -> tokenizer/ -> quality on validation
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from filiberto.config import Recipe, TokenizerConfig
from filiberto.console import progress, say
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest

QUALITY_DOCUMENTS = 2_000


def build(
    run: Path,
    *,
    settings: TokenizerConfig | None = None,
    language: str = "",
    seed: int = 0,
    force: bool = False,
) -> Manifest:
    """Train the tokenizer of a run on its corpus, or return what is there.

    Args:
        run: the run folder; its stage `corpus` is finished.
        settings: vocabulary size, split and sample.
        language: ISO 639 code; decides what an apostrophe does where the settings say 'auto'.
        seed: of the sample.
        force: build again even if it is finished.

    Raises:
        UnfinishedStageError: there is no finished corpus.
        OtherRunError: a tokenizer with other settings is there.
    """
    from filiberto.tokenizer import bpe, pretokenize
    from filiberto.tokenizer.quality import quality

    settings = settings or TokenizerConfig()
    inputs = {"corpus": manifest.require(run, "corpus").content}
    cut = pretokenize.cuts_after_apostrophe(settings.apostrophe, language=language)
    asked = {**asdict(settings), "cut_after_apostrophe": cut, "seed": seed}
    if done := manifest.finished_as_asked(
        run, "tokenizer", settings=asked, inputs=inputs, force=force
    ):
        return done
    start = time.perf_counter()
    with safeio.new_folder(run / "tokenizer") as folder:
        tokenizer = bpe.new_tokenizer(split=settings.split, cut_after_apostrophe=cut)
        bpe.train_bpe(
            tokenizer,
            _sample(run, max_bytes=settings.max_sample_bytes, seed=seed),
            vocab_size=settings.vocab_size,
            min_frequency=settings.min_frequency,
        )
        bpe.save(tokenizer, folder)
        measured = bpe.load(folder, literal_specials=True)
        facts = {
            "vocab_size": tokenizer.get_vocab_size(),
            "special_ids": bpe.special_ids(tokenizer),
            "quality": quality(measured, _held_out(run)),
        }
        return manifest.finish(
            folder,
            stage="tokenizer",
            settings=asked,
            inputs=inputs,
            facts=facts,
            seconds=time.perf_counter() - start,
        )


def run(recipe: Recipe, run: Path, *, force: bool = False) -> Manifest:
    """The command `filiberto tokenizer`."""
    done = build(
        run,
        settings=recipe.tokenizer,
        language=recipe.language,
        seed=recipe.seed,
        force=force,
    )
    say(summary(done))
    return done


def summary(done: Manifest) -> str:
    """The tokenizer in two lines."""
    facts = done.facts["quality"]
    loader = (
        "AutoTokenizer and RobertaTokenizer"
        if done.settings["split"] == "gpt2"
        else "AutoTokenizer (not RobertaTokenizer, which would cut words as GPT-2 does)"
    )
    return (
        f"tokenizer: {done.facts['vocab_size']:,} entries · {facts['fertility']:.2f} tokens a word"
        f" · {facts['bytes_per_token']:.2f} bytes a token"
        f" · {100 * facts['single_token_words']:.0f} % of words are one token\n"
        f"           load it with {loader}"
    )


def _sample(run: Path, *, max_bytes: int, seed: int) -> Iterator[list[str]]:
    from filiberto.corpus import reading

    counts = manifest.require(run, "corpus").facts
    total = min(max_bytes, counts["train"]["bytes"])
    with progress("tokenizer", total=total, unit="bytes") as advance:
        for texts in reading.sample(run / "corpus", max_bytes=max_bytes, seed=seed):
            yield texts
            advance(sum(len(text.encode()) for text in texts))
    say("tokenizer: words counted, now merging the most frequent pairs")


def _held_out(run: Path) -> Iterator[str]:
    from filiberto.corpus import reading

    batches = reading.documents(run / "corpus", split="validation")
    texts = (text for batch in batches for _, text in batch)
    return itertools.islice(texts, QUALITY_DOCUMENTS)
