"""The stage: what it writes, for any number of threads, and what it says of it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from filiberto import corpus, tokenizer, tokens
from filiberto.config import CorpusConfig, TokenizerConfig
from filiberto.runfolder import manifest
from filiberto.tokenizer.vocabulary import vocab_size_for
from filiberto.tokens.stream import open_stream
from tests.conftest import italian_lines

STAGES = """
import sys, pathlib
from filiberto import tokenizer, tokens
from filiberto.config import TokenizerConfig, TokensConfig
run = pathlib.Path(sys.argv[1])
settings = TokenizerConfig(vocab_size=700, max_sample_bytes=30_000)
print(tokenizer.summary(tokenizer.build(run, settings=settings, language="it")))
tokens.build(run, settings=TokensConfig(shard_tokens=5_000))
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a corpus of two files."""
    folder = tmp_path_factory.mktemp("base")
    lines = italian_lines(1_200)
    (folder / "a.txt").write_text("\n".join(lines[:600]) + "\n", encoding="utf-8")
    (folder / "b.txt").write_text("\n".join(lines[600:]) + "\n", encoding="utf-8")
    settings = CorpusConfig(validation_share=0.4, skip_rules=("near_duplicate", "leak"))
    corpus.build(folder, text=[str(folder / "*.txt")], settings=settings)
    return folder


def copy_of(base: Path, run: Path) -> Path:
    shutil.copytree(base / "corpus", run / "corpus")
    return run


def hashes(run: Path) -> dict[str, str]:
    return {
        file.relative_to(run).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for stage in ("tokenizer", "tokens")
        for file in sorted((run / stage).iterdir())
        if file.name != "manifest.json"
    }


def test_the_bytes_are_the_same_for_any_number_of_threads(base: Path, tmp_path: Path) -> None:
    made = []
    for threads in ("1", "2", "3"):
        run = copy_of(base, tmp_path / threads)
        subprocess.run(
            [sys.executable, "-c", STAGES, str(run)],
            env={**os.environ, "RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": threads},
            check=True,
            capture_output=True,
            timeout=120,
        )
        made.append(hashes(run))
    assert made[0] == made[1] == made[2]
    assert "tokenizer/sheet.json" in made[0]
    assert "tokens/train-00001.tokens" in made[0]


def test_the_sheet_lies_in_the_folder_and_its_core_in_the_manifest(
    base: Path, tmp_path: Path
) -> None:
    run = copy_of(base, tmp_path)
    done = tokenizer.build(run, settings=TokenizerConfig(vocab_size=450), language="it")
    sheet = json.loads((run / "tokenizer" / "sheet.json").read_text(encoding="utf-8"))
    assert sheet["text"] == done.facts["quality"]
    assert sheet["vocabulary"]["entries"] == done.facts["vocab_size"] == 450
    assert set(sheet["sources"]) == {"a.txt", "b.txt"}
    whole = manifest.require(run, "corpus").facts["train"]["documents"]
    assert sheet["sample"]["documents"] == whole > 600
    assert done.facts["process_peak_bytes"] > 10_000_000
    summary = tokenizer.summary(done)
    assert f"{sheet['text']['fertility']:.2f} tokens a word" in summary
    assert "load it with AutoTokenizer" in summary


def test_warnings_are_printed(base: Path, tmp_path: Path) -> None:
    run = copy_of(base, tmp_path)
    done = tokenizer.build(run, settings=TokenizerConfig(vocab_size=9_000), language="it")
    assert "\n  warning: the text gave only " in tokenizer.summary(done)


def test_auto_takes_the_size_from_the_corpus(base: Path, tmp_path: Path) -> None:
    run = copy_of(base, tmp_path)
    done = tokenizer.build(run, language="it")
    sheet = json.loads((run / "tokenizer" / "sheet.json").read_text(encoding="utf-8"))
    assert done.settings["vocab_size"] == "auto"
    assert sheet["vocabulary"]["wanted"] == vocab_size_for(60_000)


@pytest.mark.parametrize("num_bytes", [0, 10, 10**5, 10**6, 9 * 10**6, 10**8, 10**9, 10**13])
def test_an_automatic_size_is_a_multiple_of_64_that_grows_with_the_text(num_bytes: int) -> None:
    size = vocab_size_for(num_bytes)
    assert size % 64 == 0
    assert 2_048 <= size <= vocab_size_for(2 * num_bytes) <= 32_768


def test_tokens_of_literal_specials_stay_ordinary(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    lines = [f"{line} <mask> </s> <pad>" for line in italian_lines(300)]
    text.write_text("\n".join(lines) + "\n", encoding="utf-8")
    corpus.build(tmp_path, text=[str(text)])
    tokenizer.build(tmp_path, settings=TokenizerConfig(vocab_size=500), language="it")
    facts = tokens.build(tmp_path).facts
    stream = open_stream(tmp_path / "tokens", split="train")
    ids = stream.read(0, len(stream)).tolist()
    documents = facts["train"]["documents"]
    assert (ids.count(0), ids.count(2)) == (documents, documents)
    assert (ids.count(1), ids.count(3), ids.count(4)) == (0, 0, 0)
