"""Stage 1, corpus: from sources to the files of the stage's folder.

    sources  ->  engine (Daft)  ->  spool, signatures, lines, in any order   + ledger     1. read
    ledger, signatures  ->  decide.sides                                                  2. decide
    spool, a window of indices at a time  ->  train-*, validation-*, quarantine           3. write
    ledger, sides, what was seen while writing  ->  report.json, report.html              4. report

The text passes through memory twice, a window at a time; only the ledger stays. What is written
depends on the records' indices alone, so the bytes are the same for any order and any number of
threads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa

from filiberto import console
from filiberto.config import CorpusConfig
from filiberto.corpus import decide, engine, funnel, ledger, neardup, output, report
from filiberto.corpus.decide import Sides
from filiberto.corpus.ledger import Ledger, LedgerWriter
from filiberto.corpus.lines import Lines
from filiberto.corpus.neardup import Signatures
from filiberto.corpus.output import OutputFiles
from filiberto.corpus.processing import Process
from filiberto.corpus.reasons import Reason
from filiberto.corpus.records import RECORD_BITS, Log
from filiberto.corpus.sources import Source
from filiberto.corpus.spool import Spool
from filiberto.errors import TryAgainError

QUARANTINE = "quarantine.jsonl"


def write(
    folder: Path, sources: Sequence[Source], *, settings: CorpusConfig, seed: int, process: Process
) -> dict[str, Any]:
    """Fill a stage folder, its manifest aside.

    Returns:
        The facts of `funnel.count`.

    Raises:
        BadDataError: too much of the text is malformed, or none is left.
        UserError: a source is damaged or unusable.
        TryAgainError: the engine was stopped before all was read.
    """
    names = [source.name for source in sources]
    with ExitStack() as stack:
        spool = stack.enter_context(Spool(folder / "spool.arrow"))
        signatures = stack.enter_context(Signatures(folder))
        lines = stack.enter_context(Lines(folder / "lines"))
        book = _read(
            sources,
            (spool, signatures, lines),
            settings=settings,
            seed=seed,
            process=process,
        )
        funnel.require_sound(book, spool, sources, max_bad_share=settings.max_bad_share)
        with console.progress("corpus: comparing", total=decide.STEPS, unit="steps") as advance:
            sides = decide.sides(
                book, signatures, names=names, settings=settings, seed=seed, advance=advance
            )
        facts = funnel.count(book, sides, names=names)
        seen = report.Seen(book, sides, lines.most_frequent(report.NUM_LINES), names=names)
        _write(folder, spool, book, sides, names, seen)
    report.write(folder, facts, book, sides, seen, masked=process.mask_personal)
    return facts


def _read(
    sources: Sequence[Source],
    keep: tuple[Spool, Signatures, Lines],
    *,
    settings: CorpusConfig,
    seed: int,
    process: Process,
) -> Ledger:
    spool, signatures, lines = keep
    writer, log = LedgerWriter(), Log()
    total = sum(source.num_bytes for source in sources)
    with console.progress("corpus: reading", total=total, unit="bytes") as advance:
        shown = 0
        for batch in engine.processed(
            sources, settings=settings, seed=seed, process=process, log=log
        ):
            rest = writer.add(batch)
            if rest.num_rows:
                spool.add(rest)
                hashes = rest["signature"].flatten().to_numpy()
                signatures.add(hashes.reshape(-1, neardup.NUM_HASHES))
                lines.add(rest["index"].to_numpy(), rest["text"], rest["key0"].to_numpy())
            now = log.num_bytes
            advance(now - shown)
            shown = now
    signatures.flush()
    book = writer.finish()
    if len(book.read) < len(sources):  # Daft 0.7.26 ends so at SIGINT, whoever else handles that
        raise TryAgainError(
            f"reading was stopped after {len(book.read)} of {len(sources)} sources",
            hint="run the same command again",
        )
    return book


def _write(
    folder: Path,
    spool: Spool,
    book: Ledger,
    sides: Sides,
    names: Sequence[str],
    seen: report.Seen,
) -> None:
    total = float(book.num_bytes.sum())
    train_rows = sides.train
    with (
        console.progress("corpus: writing", total=total, unit="bytes") as advance,
        OutputFiles(folder, "train") as train,
        OutputFiles(folder, "validation") as validation,
        (folder / QUARANTINE).open("w", encoding="utf-8") as quarantine,
    ):
        for window in ledger.slices(book.num_bytes, limit=output.WINDOW_BYTES):
            index, num_bytes = book.index[window], book.num_bytes[window]
            rows = spool.read(int(index[0]), int(index[-1]))
            assert np.array_equal(rows["index"].to_numpy(), index), "the spool lost records"
            seen.add(window, rows)
            documents = output.documents(rows, names)
            for files, chosen in (
                (train, train_rows[window]),
                (validation, sides.validation[window]),
            ):
                if chosen.any():
                    files.add(documents.filter(pa.array(chosen)), int(num_bytes[chosen].sum()))
            for row in rows.filter(pa.array(book.bad[window])).to_pylist():
                _write_quarantined(quarantine, row, names)
            advance(float(num_bytes.sum()))


def _write_quarantined(file: TextIO, row: dict[str, Any], names: Sequence[str]) -> None:
    line = {
        "source": names[row["index"] >> RECORD_BITS],
        "record": row["index"] & ((1 << RECORD_BITS) - 1),
        "offset": row["offset"],
        "reason": Reason(row["reason"]).label,
        "preview": row["text"],
    }
    file.write(json.dumps(line, ensure_ascii=False) + "\n")
