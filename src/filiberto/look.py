"""`filiberto look`: the objects that lie at each stop of the road."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from filiberto.config import RECIPE_FILE
from filiberto.console import say
from filiberto.errors import UnfinishedStageError, UsageError
from filiberto.recipe import load_recipe
from filiberto.runfolder import manifest, safeio

EXAMPLE = "ciao, come va?"
_WIDTH = 100


def look(run: Path, stage: str | None, *, rows: int) -> None:
    """Show what a stage made, or what every finished stage made.

    Args:
        run: the run folder.
        stage: `corpus`, `tokenizer`, `tokens`, `train`, `evaluate`, or None for all.
        rows: documents to show.

    Raises:
        UsageError: there is no such stage.
        UnfinishedStageError: the stage is not finished.
    """
    views = {
        "corpus": lambda: _corpus(run, rows=rows),
        "tokenizer": lambda: _tokenizer(run),
        "tokens": lambda: _tokens(run),
        "train": lambda: _train(run),
        "evaluate": lambda: _evaluate(run),
    }
    if rows < 0:
        raise UsageError(f"rows is {rows}; it must be 0 or more")
    if stage is not None and stage not in views:
        raise UsageError(f"there is no stage {stage!r}", hint=f"one of: {', '.join(views)}")
    for name, view in views.items():
        if stage not in (None, name):
            continue
        say(f"{name}", style="bold cyan")
        try:
            view()
        except UnfinishedStageError:
            if stage is not None:
                raise
            say("  not made yet")
        say()


def _corpus(run: Path, *, rows: int) -> None:
    from filiberto.corpus import reading

    facts = manifest.require(run, "corpus").facts
    say(f"  {facts['train']['documents']:,} documents to train on; the first {rows}:")
    documents = (d for batch in reading.documents(run / "corpus", split="train") for d in batch)
    for name, text in islice(documents, rows):
        shown = text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
        say(f"  {name}  {len(text):,} characters")
        say(f"    {shown}")


def _tokenizer(run: Path) -> None:
    from filiberto.tokenizer import bpe, sheet

    manifest.require(run, "tokenizer")
    tokenizer = bpe.load(run / "tokenizer")
    encoding = tokenizer.encode(EXAMPLE)
    pieces = [tokenizer.decode([i], skip_special_tokens=False) for i in encoding.ids]
    say(f"  text    {EXAMPLE}")
    say(f"  tokens  {' '.join(encoding.tokens)}   (Ġ is a space)")
    say(f"  pieces  {'|'.join(pieces)}")
    say(f"  ids     {encoding.ids}")
    say(f"  back    {tokenizer.decode(encoding.ids)}")
    if not (run / "tokenizer" / sheet.SHEET).is_file():  # it came with a model
        return
    page = safeio.read_json(
        run / "tokenizer" / sheet.SHEET, hint=f"make it again: filiberto tokenizer {run} --force"
    )
    for line in sheet.describe(page):
        say(f"  {line}")


def _tokens(run: Path) -> None:
    from filiberto.tokenizer import bpe
    from filiberto.tokens.stream import open_stream

    manifest.require(run, "tokens")
    tokenizer = bpe.load(run / "tokenizer")
    stream = open_stream(run / "tokens", split="train")
    ids = stream.read(0, min(16, len(stream))).tolist()
    say(f"  {len(stream):,} ids of {stream.header['dtype']}; the first {len(ids)}:")
    say(f"  {ids}")
    say(f"  {tokenizer.decode(ids, skip_special_tokens=False)}")


def _train(run: Path) -> None:
    """One training row: where documents begin, what is hidden, what must be guessed."""
    import numpy as np

    from filiberto.tokenizer import bpe
    from filiberto.tokens.stream import open_stream
    from filiberto.train.masking import mask_rows, num_slots_for
    from filiberto.train.sampler import Sampler

    manifest.require(run, "tokens")
    own = run / RECIPE_FILE
    recipe = load_recipe(*[own] if own.is_file() else [])
    tokenizer = bpe.load(run / "tokenizer")
    special = bpe.special_ids(tokenizer, bpe.special_tokens(run / "tokenizer"))
    length = recipe.train.row_length
    stream = open_stream(run / "tokens", split="train")
    sampler = Sampler(stream, row_length=length, bos_id=special["<s>"], seed=recipe.seed)
    batch = sampler.rows(0, 1)
    masked = mask_rows(
        batch.input_ids,
        keys=batch.keys,
        num_slots=num_slots_for(recipe.train.mask_rate, length),
        mask_id=special["<mask>"],
        special_ids=np.asarray(list(special.values())),
        vocab_size=tokenizer.get_vocab_size(),
    )
    row, ids = batch.document_ids[0], masked.input_ids[0]
    say(
        f"  row 0 of epoch 0: {length} tokens of {row[-1] + 1} documents, which see only themselves"
    )
    for document in range(row[-1] + 1):
        mine = np.flatnonzero(row == document)
        text = tokenizer.decode(ids[mine].tolist(), skip_special_tokens=False)
        say(f"  positions {mine[0]:>3} to {mine[-1]:>3}  {text}")
    say("  to guess:")
    for slot, label in zip(masked.slots[0].tolist(), masked.labels[0].tolist(), strict=True):
        if label >= 0:
            shown, wanted = (
                tokenizer.decode([i], skip_special_tokens=False) for i in (int(ids[slot]), label)
            )
            say(f"    {slot:>3}  shown {shown!r:<18} label {wanted!r} ({label})")


def _evaluate(run: Path) -> None:
    from filiberto.evaluate.report import summary_text

    manifest.require(run, "report")
    metrics = safeio.read_json(
        run / "report" / "metrics.json", hint=f"make it again: filiberto evaluate {run} --force"
    )
    for line in summary_text(metrics).splitlines():
        say(f"  {line}" if line else "")
