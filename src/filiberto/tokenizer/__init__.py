"""Stage 2, tokenizer: documents -> a byte-level BPE vocabulary of the language's own.

corpus/train-*.parquet -> sample -> bpe.train_bpe -> tokenizer.json ...
corpus/validation-*.parquet -> quality -> sheet.json
"""

from __future__ import annotations

import resource
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from filiberto import initial
from filiberto.config import Recipe, TokenizerConfig
from filiberto.console import progress, say
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest

# Held-out text the sheet is measured on: all of it with the corpus's default bounds.
_QUALITY_BYTES = 4_000_000

# Beside the tokenizer in the folder of a model.
_OF_THE_MODEL = ("config.json", "generation_config.json", manifest.MANIFEST)


def build(
    run: Path,
    *,
    settings: TokenizerConfig | None = None,
    language: str = "",
    seed: int = 0,
    init_from: Path | None = None,
    force: bool = False,
) -> Manifest:
    """Train the tokenizer of a run on its corpus, or return what is there.

    Args:
        run: the run folder; its stage `corpus` is finished.
        settings: vocabulary size, split and sample.
        language: ISO 639 code; decides what an apostrophe does where the settings say 'auto'.
        seed: of the sample.
        init_from: folder of a model whose tokenizer is taken instead, and from whose weights the
            training will begin.
        force: build again even if it is finished.

    Raises:
        UnfinishedStageError: there is no finished corpus.
        OtherRunError: a tokenizer with other settings is there.
        UsageError, StateError: `init_from` is no model that can be trained here.
    """
    from filiberto.tokenizer import pretokenize

    settings = settings or TokenizerConfig()
    corpus = manifest.require(run, "corpus")
    inputs = {"corpus": corpus.content}
    cut = pretokenize.cuts_after_apostrophe(settings.apostrophe, language=language)
    asked = {**asdict(settings), "cut_after_apostrophe": cut, "seed": seed}
    if init_from is not None:
        given = initial.take(run, init_from, force=force)
        inputs[initial.INITIAL], asked = given.content, {}
    if done := manifest.finished_as_asked(
        run, "tokenizer", settings=asked, inputs=inputs, force=force
    ):
        return done
    start = time.perf_counter()
    with safeio.new_folder(run / "tokenizer") as folder:
        if init_from is None:
            facts = _fill(folder, run, corpus.facts, settings=settings, cut=cut, seed=seed)
        else:
            facts = _fill_with_given(folder, run, corpus.facts, seed=seed)
        return manifest.finish(
            folder,
            stage="tokenizer",
            settings=asked,
            inputs=inputs,
            facts={**facts, "process_peak_bytes": _peak_bytes()},
            seconds=time.perf_counter() - start,
        )


def _fill(
    folder: Path,
    run: Path,
    corpus: dict[str, Any],
    *,
    settings: TokenizerConfig,
    cut: bool,
    seed: int,
) -> dict[str, Any]:
    """Write the stage's files, its manifest aside, and return its facts."""
    from filiberto.tokenizer import bpe, pretokenize, sample, sheet
    from filiberto.tokenizer.quality import quality
    from filiberto.tokenizer.vocabulary import vocab_size_for

    pattern = pretokenize.pattern_of(split=settings.split, cut_after_apostrophe=cut)
    text_bytes = corpus["train"]["bytes"]
    wanted = settings.vocab_size
    if wanted == "auto":
        wanted = vocab_size_for(text_bytes)
    chosen = sample.choose(
        _read(run, "train", what="tokenizer: different words", total=text_bytes),
        pattern=pattern,
        total_bytes=text_bytes,
        max_bytes=settings.max_sample_bytes,
        max_words=settings.max_sample_words,
        seed=seed,
    )
    tokenizer = bpe.new_tokenizer(split=settings.split, cut_after_apostrophe=cut)
    training = _read(run, "train", what="tokenizer: how often each", total=text_bytes)
    bpe.train_bpe(
        tokenizer,
        sample.texts(training, chosen, pattern=pattern),
        vocab_size=wanted,
        min_frequency=settings.min_frequency,
    )
    bpe.save(tokenizer, folder)
    measured = quality(
        bpe.load(folder, literal_specials=True),
        _held_out(run, corpus, seed=seed),
        pattern=pattern,
    )
    page = sheet.make_sheet(tokenizer, measured, sample=chosen, wanted=wanted, split=settings.split)
    safeio.write_json(folder / sheet.SHEET, page)
    return {
        "vocab_size": tokenizer.get_vocab_size(),
        "special_ids": bpe.special_ids(tokenizer, bpe.special_tokens(folder)),
        "sample": page["sample"],
        "quality": page["text"],
        "warnings": page["warnings"],
    }


def _fill_with_given(
    folder: Path, run: Path, corpus: dict[str, Any], *, seed: int
) -> dict[str, Any]:
    """Copy the tokenizer of the model that the run begins from, and measure it."""
    from filiberto.tokenizer import bpe
    from filiberto.tokenizer.quality import fit

    for file in (run / initial.INITIAL).iterdir():
        if file.suffix in (".json", ".txt", ".model") and file.name not in _OF_THE_MODEL:
            shutil.copyfile(file, folder / file.name)
    tokenizer = bpe.load(folder, literal_specials=True)
    return {
        "vocab_size": tokenizer.get_vocab_size(),
        "special_ids": bpe.special_ids(tokenizer, bpe.special_tokens(folder)),
        "given": manifest.require(run, initial.INITIAL).facts["name"],
        "quality": fit(tokenizer, _held_out(run, corpus, seed=seed)).figures()["text"],
        "warnings": [],
    }


def run(recipe: Recipe, run: Path, *, force: bool = False) -> Manifest:
    """The command `filiberto tokenizer`."""
    done = build(
        run,
        settings=recipe.tokenizer,
        language=recipe.language,
        seed=recipe.seed,
        init_from=Path(recipe.init_from) if recipe.init_from else None,
        force=force,
    )
    say(summary(done))
    return done


def summary(done: Manifest) -> str:
    """The tokenizer in three lines, and a line for each warning."""
    facts = done.facts["quality"]
    given = done.facts.get("given")
    loader = (
        "AutoTokenizer"
        if given
        else "AutoTokenizer and RobertaTokenizer"
        if done.settings["split"] == "gpt2"
        else "AutoTokenizer (not RobertaTokenizer, which would cut words as GPT-2 does)"
    )
    fit = (
        f"{facts['fertility']:.2f} tokens a word · {facts['bytes_per_token']:.2f} bytes a token"
        f" · {100 * facts['single_token_words']:.0f} % of words are one token"
        if facts["words"]
        else "no validation text to measure it on"
    )
    origin = f"it is that of {given}"
    if not given:
        origin = (
            f"learned from {done.facts['sample']['bytes'] / 1e6:,.1f} MB with "
            f"{done.facts['sample']['words']:,} different words, {done.seconds:.0f} s, "
            f"{done.facts['process_peak_bytes'] / 1e9:.2f} GB at most"
        )
    return (
        f"tokenizer: {done.facts['vocab_size']:,} entries · {fit}\n"
        f"           {origin}\n"
        f"           load it with {loader}"
        + "".join(f"\n  warning: {warning}" for warning in done.facts["warnings"])
    )


def _held_out(run: Path, corpus: dict[str, Any], *, seed: int) -> Iterator[list[tuple[str, str]]]:
    """Validation documents to measure a tokenizer on."""
    from filiberto.tokenizer import sample

    share = _QUALITY_BYTES / max(1, corpus["validation"]["bytes"])
    return sample.share_of(_read(run, "validation"), share=share, seed=seed)


def _read(
    run: Path, split: Literal["train", "validation"], *, what: str = "", total: int = 0
) -> Iterator[list[tuple[str, str]]]:
    """The documents of a side as (id, text), with progress where it is worth showing."""
    from filiberto.corpus import reading

    batches = reading.documents(run / "corpus", split=split)
    if not what:
        yield from batches
        return
    with progress(what, total=total, unit="bytes") as advance:
        for batch in batches:
            yield batch
            advance(sum(len(text.encode()) for _, text in batch))


def _peak_bytes() -> int:
    """The most memory this process has had so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
