"""Stage 1, corpus: the finished corpus, read back as a stream by the stages after it.

    train-*.parquet, validation-*.parquet  ->  (id, text), in order, in batches of bounded size

Needs pyarrow alone, not the engine that built it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq

from filiberto.runfolder import manifest

_ROWS = 1024


def documents(
    folder: Path, *, split: Literal["train", "validation"], batch_bytes: int = 8 << 20
) -> Iterator[list[tuple[str, str]]]:
    """Read the documents of one side in the order of the corpus.

    Args:
        folder: the stage's folder.
        batch_bytes: text in a batch, in bytes: at most a document more.

    Returns:
        Batches of (id, text).
    """
    batch: list[tuple[str, str]] = []
    waiting = 0
    for path in sorted(folder.glob(f"{split}-*.parquet")):
        with pq.ParquetFile(path, memory_map=False) as file:
            for rows in file.iter_batches(batch_size=_ROWS, columns=["id", "text"]):
                pairs = zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True)
                for identity, text in pairs:
                    batch.append((identity, text))
                    waiting += len(text.encode())
                    if waiting >= batch_bytes:
                        yield batch
                        batch, waiting = [], 0
    if batch:
        yield batch


def sample(folder: Path, *, max_bytes: int, seed: int) -> Iterator[list[str]]:
    """Read the training texts, or, where they are too many, a uniform sample of them.

    A text is in the sample if the hash of its id falls below max_bytes / all bytes, so what is
    drawn depends on nothing but ids and seed.

    Args:
        max_bytes: about the most text in the sample; it is never more than a document above.

    Raises:
        UnfinishedStageError: the corpus is not finished.
    """
    facts = manifest.require(folder.parent, folder.name).facts
    share = max_bytes / max(1, facts["train"]["bytes"])
    taken = 0
    for batch in documents(folder, split="train"):
        texts = []
        for identity, text in batch:
            if share >= 1 or (taken < max_bytes and _fraction(seed, identity) < share):
                texts.append(text)
                taken += len(text.encode())
        if texts:
            yield texts


def _fraction(seed: int, identity: str) -> float:
    digest = hashlib.blake2b(f"{seed}\0{identity}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64
