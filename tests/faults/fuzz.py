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
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["filiberto"]):
    from filiberto import initial
    from filiberto.errors import UserError
    from filiberto.evaluate.labelled import Layout, read_file
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


def stage(data: bytes) -> None:
    """Read the manifest of a stage."""
    (FOLDER / manifest.MANIFEST).write_bytes(data)
    manifest.read(FOLDER)


def records(data: bytes) -> None:
    """Read the lines of a training."""
    path = FOLDER / METRICS
    path.write_bytes(data)
    list(read_lines(path))


def recipe(data: bytes) -> None:
    """Read a recipe."""
    path = FOLDER / "recipe.toml"
    path.write_bytes(data)
    load_recipe(path)


def prompts(data: bytes) -> None:
    """Read a file of prompts."""
    path = FOLDER / "prompts.toml"
    path.write_bytes(data)
    read_prompts(path)


def pairs(data: bytes) -> None:
    """Read a file of minimal pairs."""
    path = FOLDER / "pairs.tsv"
    path.write_bytes(data)
    read_pairs(path)


def marks(data: bytes) -> None:
    """Read the marks of a sheet of prompts, and write them as a run keeps them."""
    path = FOLDER / "marks.json"
    path.write_bytes(data)
    safeio.write_json(path, asdict(read_marks(path)))


def tokenizer(data: bytes) -> None:
    """Read the two files of a tokenizer, which stand one after the other."""
    first, _, second = data.partition(b"\x1e")
    (FOLDER / "tokenizer.json").write_bytes(first)
    (FOLDER / "tokenizer_config.json").write_bytes(second)
    bpe.special_ids(bpe.load(FOLDER), bpe.special_tokens(FOLDER))


def configuration(data: bytes) -> None:
    """Read the configuration of a model that comes from elsewhere."""
    (FOLDER / "config.json").write_bytes(data)
    initial.configuration(FOLDER)


def labelled(data: bytes) -> None:
    """Read labelled text, in one layout or another."""
    layouts: dict[str, Layout] = {"conllu": "conllu", "iob": "iob", "tsv": "classes"}
    for suffix, layout in layouts.items():
        path = FOLDER / f"train.{suffix}"
        path.write_bytes(data)
        with contextlib.suppress(UserError):
            read_file(path, layout)


READERS: dict[str, Callable[[bytes], None]] = {
    reader.__name__: reader
    for reader in (
        *(shard, checkpoint, stage, records, recipe),
        *(prompts, pairs, marks, labelled, tokenizer, configuration),
    )
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
