import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from filiberto.corpus import funnel, reading
from filiberto.runfolder.manifest import Manifest
from tests.corpus.conftest import build, number, write

WORDS = [f"parola{i}" for i in range(400)]


def stories(seed: int, count: int, *, copies: float = 0.0) -> list[str]:
    """Texts of 40 words, some of which are an earlier one with a third of its words changed."""
    draw = random.Random(seed)
    made: list[str] = []
    for _ in range(count):
        words = draw.choices(WORDS, k=40)
        if made and draw.random() < copies:
            words = draw.choice(made).split()
            start = draw.randrange(30)
            words[start : start + draw.choice([1, 5, 10])] = draw.choices(WORDS, k=5)
        made.append(" ".join(words))
    return made


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def side(run: Path, split: str) -> dict[str, str]:
    return dict(pair for batch in reading.documents(run / "corpus", split=split) for pair in batch)


@pytest.fixture(scope="module")
def parted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("parted")
    for name in "ab":
        write(run / f"in/{name}.txt", stories(ord(name), 3000, copies=0.3))
    build(run, run / "in", documents="line", validation_min_bytes=200_000)
    return run


def test_no_validation_text_is_half_in_training(parted: Path):
    train, validation = side(parted, "train"), side(parted, "validation")
    assert len(validation) > 150
    by_shingle: dict[tuple[str, ...], set[str]] = {}
    for identity, text in train.items():
        for shingle in shingles(text):
            by_shingle.setdefault(shingle, set()).add(identity)
    for text in validation.values():
        own = shingles(text)
        near = {identity for shingle in own for identity in by_shingle.get(shingle, ())}
        for identity in near:
            other = shingles(train[identity])
            assert len(own & other) < 0.5 * len(own | other)


def test_no_validation_text_is_beside_training(parted: Path):
    train, validation = side(parted, "train"), side(parted, "validation")
    for identity in validation:
        source, record = identity.split(":")[0], number(identity)
        assert f"{source}:{record - 1}" not in train
        assert f"{source}:{record + 1}" not in train


def test_what_is_dropped_for_it_is_counted_as_a_leak(parted: Path):
    manifest = json.loads((parted / "corpus/manifest.json").read_text(encoding="utf-8"))
    dropped = manifest["facts"]["total"]["dropped"]
    assert dropped["leak"] > 0
    assert dropped["near_duplicate"] > 0


def test_rules_that_are_skipped_drop_nothing(run: Path, tmp_path: Path):
    text = write(tmp_path / "a.txt", [*stories(1, 300, copies=0.5), *stories(1, 5)])
    rules = ("duplicate", "near_duplicate", "leak")
    assert build(run, text, documents="line", skip_rules=rules).facts["total"]["dropped"] == {}


def test_text_too_little_to_part_cleanly_is_parted_all_the_same_and_it_is_told(
    run: Path, tmp_path: Path
):
    facts = build(run, write(tmp_path / "a.txt", stories(1, 6)), documents="line").facts
    assert facts["validation"]["documents"] > 0
    assert facts["validation"]["leaky"]
    assert any("too little text to part cleanly" in line for line in funnel.render(facts))


def files_of(folder: Path, *text: Path) -> dict[str, str]:
    folder.mkdir()
    made: Manifest = build(folder, *text, documents="line", language="it")
    return made.files


def test_the_bytes_are_the_same_for_any_order_of_files_place_and_number_of_cores(tmp_path: Path):
    texts = [write(tmp_path / f"in/{n}.txt", stories(ord(n), 400, copies=0.3)) for n in "abc"]
    first = files_of(tmp_path / "one", *texts)
    assert files_of(tmp_path / "two", *reversed(texts)) == first
    for text in texts:
        write(tmp_path / "elsewhere/deep" / text.name, text.read_bytes())
    assert files_of(tmp_path / "three", tmp_path / "elsewhere/deep") == first
    code = (
        "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from pathlib import Path\n"
        "from filiberto import corpus\n"
        "from filiberto.config import CorpusConfig\n"
        "text, settings = sys.argv[2:], CorpusConfig(documents='line')\n"
        "corpus.build(Path(sys.argv[1]), text=text, settings=settings, language='it')\n"
    )
    (tmp_path / "four").mkdir()
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "four"), *map(str, texts)],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Kolkata", "LC_ALL": "C"},
        timeout=120,
    )
    manifest = json.loads((tmp_path / "four/corpus/manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"] == first
