"""Coverage-guided fuzzing of a reader: python -m tests.faults.fuzz READER SEEDS -runs=1000 -seed=1

SEEDS is a folder of sound files to begin from. A reader may return, or raise a `UserError` that
says what is wrong; anything else ends the process with a traceback, as libFuzzer does, and leaves
the file that did it beside SEEDS.
"""

import contextlib
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["filiberto"]):
    from filiberto import initial
    from filiberto.errors import UserError
    from filiberto.evaluate.labelled import read_file
    from filiberto.evaluate.marks import read_marks
    from filiberto.evaluate.pair_files import read_pairs
    from filiberto.evaluate.prompts import read_prompts
    from filiberto.recipe import load_recipe
    from filiberto.runfolder import manifest, safeio, store
    from filiberto.tokenizer import bpe
    from filiberto.tokens.shards import open_shard
    from filiberto.train.records import METRICS, read_lines

FOLDER = Path(tempfile.mkdtemp())


def shard(data: bytes) -> None:
    """Open a shard and read all of it."""
    path = FOLDER / "train-00000.tokens"
    path.write_bytes(data)
    found = open_shard(path)
    found.read(0, len(found))


def checkpoint(data: bytes) -> None:
    """Verify a checkpoint whose manifest is in order in itself, whatever it says."""
    path = FOLDER / "step-00000001"
    path.mkdir(exist_ok=True)
    (path / store.MANIFEST).write_bytes(signed(data))
    assert store.problem_of(path) is not None, "there are no files that it could name"


def tokenizer(data: bytes) -> None:
    """Read the two files of a tokenizer, which stand one after the other."""
    first, _, second = data.partition(b"\x1e")
    (FOLDER / "tokenizer.json").write_bytes(first)
    (FOLDER / "tokenizer_config.json").write_bytes(second)
    bpe.special_ids(bpe.load(FOLDER), bpe.special_tokens(FOLDER))


# What reads one file: its name, and the reader.
FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "stage": (manifest.MANIFEST, lambda path: manifest.read(path.parent)),
    "records": (METRICS, lambda path: list(read_lines(path))),
    "recipe": ("recipe.toml", load_recipe),
    "prompts": ("prompts.toml", read_prompts),
    "pairs": ("pairs.tsv", read_pairs),
    # and written as a run keeps them
    "marks": ("marks.json", lambda path: safeio.write_json(path, asdict(read_marks(path)))),
    "trees": ("train.conllu", lambda path: read_file(path, "conllu")),
    "entities": ("train.iob", lambda path: read_file(path, "iob")),
    "classes": ("train.tsv", lambda path: read_file(path, "classes")),
    "configuration": ("config.json", lambda path: initial.configuration(path.parent)),
}


def file(kind: str, data: bytes) -> None:
    """Read a file of a kind."""
    name, reader = FILES[kind]
    (FOLDER / name).write_bytes(data)
    reader(FOLDER / name)


READERS: dict[str, Callable[[bytes], None]] = {
    "shard": shard,
    "checkpoint": checkpoint,
    "tokenizer": tokenizer,
    **{kind: partial(file, kind) for kind in FILES},
}


def signed(data: bytes) -> bytes:
    """JSON with its digest made right, so that what stands behind the check is tried too."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data
    if not isinstance(value, dict):
        return data
    value.pop("sha256", None)
    text = json.dumps(value, sort_keys=True)
    return json.dumps({**value, "sha256": hashlib.sha256(text.encode()).hexdigest()}).encode()


def main() -> None:
    reader = READERS[sys.argv.pop(1)]

    def once(data: bytes) -> None:
        with contextlib.suppress(UserError):
            reader(data)

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
