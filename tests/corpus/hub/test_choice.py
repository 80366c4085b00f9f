"""What is taken from the Hub, and the whole stage with it, against a server of our own."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from filiberto import corpus
from filiberto.config import Recipe
from filiberto.corpus import decoding, sources
from filiberto.corpus import hub as source
from filiberto.corpus.hub_choice import HUB_FILE
from filiberto.errors import (
    OtherRunError,
    StateError,
    UsageError,
    UserError,
)
from tests.conftest import filiberto
from tests.corpus.hub.conftest import (
    FINEWEB,
    PARTS,
    SMALL,
    build,
    chosen,
    environment,
    lines_of,
    texts,
)
from tests.hub_server import Hub


def test_a_language_alone_takes_as_many_files_of_its_default_as_are_asked_for(
    hub: Hub, home: Path, run: Path
):
    done = build(run, settings=replace(SMALL, skip_rules=("near_duplicate", "leak")))
    assert len(chosen(run)) == 3
    held = {line for path in chosen(run) for line in lines_of(path)}
    assert texts(run) <= held
    # The last file is read up to the text asked for, to a document, by a footer that counts a
    # little more than text (4 bytes of length a row).
    num_bytes = done.facts["train"]["bytes"] + done.facts["validation"]["bytes"]
    assert 60_000 - 4 * 900 - 100 < num_bytes <= 60_000
    assert set(done.facts["sources"]) == {f"{FINEWEB}/{path}" for path in chosen(run)}


def test_the_files_are_drawn_by_the_seed_from_all_pages_of_the_listing(
    hub: Hub, home: Path, tmp_path: Path
):
    drawn = []
    for number, seed in enumerate((0, 0, 1, 2)):
        run = tmp_path / f"run{number}"
        run.mkdir()
        build(run, seed=seed)
        drawn.append(chosen(run))
    assert drawn[0] == drawn[1]
    assert len({tuple(paths) for paths in drawn}) == 3
    assert len({path for paths in drawn for path in paths}) > 4


def test_nothing_is_asked_when_the_run_has_its_choice(hub: Hub, home: Path, run: Path):
    build(run)
    hub.requests.clear()
    build(run)
    shutil.rmtree(home)
    build(run)
    assert hub.requests == []


def test_a_finished_corpus_is_not_replaced_by_another_choice_unasked(
    hub: Hub, home: Path, run: Path
):
    build(run)
    record = (run / HUB_FILE).read_bytes()
    hub.requests.clear()
    with pytest.raises(OtherRunError, match=r"`max_text_bytes` 60000 there, 10000 now\n.*--force"):
        build(run, max_text_bytes=10_000)
    assert hub.requests == []
    assert (run / HUB_FILE).read_bytes() == record
    build(run, max_text_bytes=10_000, force=True)
    assert len(chosen(run)) == 1


def test_a_corpus_of_other_text_is_not_replaced_either(
    hub: Hub, home: Path, run: Path, text_file: Path
):
    corpus.build(run, text=[str(text_file)])
    with pytest.raises(OtherRunError, match="made from text that is not from the Hub"):
        build(run)


def test_an_unknown_set_is_refused_by_name(hub: Hub, home: Path, run: Path):
    with pytest.raises(UsageError, match=r"127\.0\.0\.1 has no data set my/typo, or it is private"):
        build(run, dataset="my/typo")


def test_unknown_configs_splits_and_columns_are_refused_with_what_there_is(
    hub: Hub, home: Path, run: Path
):
    for asked, message in [
        ({"config": "ita_Lat"}, "no config 'ita_Lat'; it has ita_Latn"),
        ({"split": "dev"}, "no split 'dev' there; it has train, test"),
        ({"text_field": "corpo"}, r"no column `corpo`; seen: id, text\n.*--text-field NAME"),
        ({"dataset": "my/plain", "config": "en"}, r"my/plain has no folder 'en', .*: it, te\n"),
    ]:
        with pytest.raises(UsageError, match=message):
            build(run, **asked)


def test_a_split_that_is_asked_for_is_taken(hub: Hub, home: Path, run: Path):
    build(run, split="test")
    assert chosen(run) == ["data/ita_Latn/test/0.parquet"]


def test_plain_text_and_separated_values_of_a_folder_are_taken_without_a_card(
    hub: Hub, home: Path, run: Path
):
    build(run, dataset="my/plain", config="it")
    assert texts(run) == {"uno", "due", "tre"}
    inputs = json.loads((run / "corpus/manifest.json").read_text())["inputs"]
    assert inputs["my/plain/it/a.txt"].endswith(", document: line")


def test_own_text_and_that_of_the_hub_go_together(hub: Hub, home: Path, run: Path, tmp_path: Path):
    (tmp_path / "mio.txt").write_text("cinque\nsei\n")
    done = build(run, dataset="my/plain", text=(str(tmp_path / "mio.txt"),))
    assert texts(run) == {"uno", "due", "tre", "quattro", "cinque", "sei"}
    assert list(done.facts["sources"]) == [
        "mio.txt",
        "my/plain/it/a.txt",
        "my/plain/it/b.csv",
        "my/plain/te/c.txt",
    ]


def test_a_damaged_record_is_refused_by_name(home: Path, run: Path):
    (run / HUB_FILE).write_text("{}")
    with pytest.raises(StateError, match=r"hub\.json is damaged"):
        build(run)


@pytest.mark.parametrize(
    ("recipe", "dataset"),
    [
        (Recipe(), None),
        (Recipe(text=("a.txt",), language="it"), None),
        (Recipe(language="it"), "fineweb"),
        (Recipe(hub="wikipedia", language="it"), "wikipedia"),
        (Recipe(hub="a/b", text=("a.txt",)), "a/b"),
        (Recipe(hub="hf://datasets/a/b"), "a/b"),
        (Recipe(hub="https://example.org/datasets/a/b/"), "a/b"),
    ],
)
def test_what_a_recipe_asks_of_the_hub(recipe: Recipe, dataset: str | None):
    asked = source.asked_by(recipe)
    assert (asked and asked.dataset) == dataset


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(hub="fineweb"), r"--hub fineweb needs a language\n.*--language te"),
        (Recipe(hub="mine"), r"--hub 'mine' names no data set\n.*OWNER/NAME"),
    ],
)
def test_what_names_no_set_is_refused(recipe: Recipe, message: str):
    with pytest.raises(UserError, match=message):
        source.asked_by(recipe)


@pytest.mark.parametrize(
    ("num_bytes", "count"), [(1, 1), (3, 1), (4, 2), (6, 2), (7, 4), (10, 4), (11, 5), (99, 5)]
)
def test_records_are_read_until_they_hold_the_text_asked_for(
    tmp_path: Path, num_bytes: int, count: int
):
    (tmp_path / "a.txt").write_bytes(b"uno\ndue\n\notto\nnove\n")
    (found,) = sources.find([str(tmp_path)], phrasebook_bytes=1)
    limited = replace(found, max_text_bytes=num_bytes)
    read = decoding.decoded(limited, settings=SMALL, seed=0, advance=lambda _: None)
    assert sum(len(part.texts) for part in read) == count


def test_the_command_by_any_name_of_the_language(hub: Hub, home: Path, tmp_path: Path):
    flags = ("--language", "Italian", "--max-text", "60kB", "--corpus.validation-min-bytes", "1000")
    env = environment(hub, home, HF_TOKEN=hub.token)
    done = filiberto("corpus", "runs/it", *flags, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    asking, found = done.stdout.splitlines()[:2]
    assert asking == f"hub: asking for {FINEWEB}"
    assert found == (
        f"hub: {FINEWEB}, ita_Latn, train, commit c0ffeec: files: 8, "
        f"{sum(map(len, PARTS.values())) / 1000:.1f}k bytes; about 60.0k bytes of text are taken "
        "(--max-text)"
    )
    assert 'language = "it"' in (tmp_path / "runs/it/recipe.toml").read_text()
    assert hub.token not in done.stdout + done.stderr
    hub.status = 500
    hub.requests.clear()
    again = filiberto("corpus", "runs/it", cwd=tmp_path, env=env)
    assert again.returncode == 0, again.stderr
    assert hub.requests == []


def test_a_command_that_fails_says_so_in_a_few_lines(hub: Hub, home: Path, tmp_path: Path):
    hub.gated = {FINEWEB}
    env = environment(hub, home)
    done = filiberto("corpus", "runs/it", "--language", "it", cwd=tmp_path, env=env)
    assert done.returncode == 2
    assert done.stderr.startswith(f"filiberto corpus: {FINEWEB} is gated")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2
    left = {path.name for path in (tmp_path / "runs/it").iterdir()}
    assert left == {"RUN.lock", "recipe.toml"}
