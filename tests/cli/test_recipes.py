"""Where a setting comes from: flags before recipes before defaults, and short flags."""

import shutil
from pathlib import Path

import pytest

from filiberto.recipe import load_recipe
from tests.cli.conftest import Command, recipe_in


def test_flags_go_before_the_recipe_and_the_recipe_before_the_defaults(command: Command) -> None:
    Path("mine.toml").write_text('language = "te"\n[train]\nmask_rate = 0.2\nrow_length = 64\n')
    flags = ("--train.mask-rate", "0.3", "--seed", "7")
    assert command("train", "it", "--recipe", "mine.toml", *flags).code == 2  # no tokens yet
    recipe = recipe_in("it")
    assert recipe["train"]["mask_rate"] == 0.3
    assert recipe["seed"] == 7
    assert recipe["train"]["row_length"] == 64
    assert recipe["language"] == "te"
    assert recipe["train"]["batch_tokens"] == "auto"


@pytest.mark.parametrize(
    ("flags", "ends"),
    [
        (("--time", "5m"), ("5m", None, None)),
        (("--train.max-steps", "9"), (None, 9, None)),
        (("--seed", "7"), (None, None, 2.0)),
    ],
)
def test_an_end_given_by_flag_replaces_that_of_the_recipe(
    command: Command, flags: tuple[str, ...], ends: tuple
) -> None:
    Path("mine.toml").write_text("[train]\nepochs = 2.0\n")
    assert command("train", "it", "--recipe", "mine.toml", *flags).code == 2  # no tokens yet
    assert tuple(load_recipe(Path("it/recipe.toml")).ends.values()) == ends


def test_a_recipe_named_for_a_run_changes_only_what_it_says(command: Command, text: str) -> None:
    assert command("corpus", "it", "--text", text).code == 0
    Path("mine.toml").write_text("[tokenizer]\nvocab_size = 400\n")
    assert command("tokenizer", "it", "--recipe", "mine.toml").code == 0
    recipe = recipe_in("it")
    assert recipe["tokenizer"]["vocab_size"] == 400
    assert recipe["text"] == [text]


def test_a_failed_command_leaves_the_recipe_as_it_was(command: Command, text: str) -> None:
    for name in ("corpus", "tokenizer", "tokens"):
        assert command(name, "it", *(["--text", text] if name == "corpus" else [])).code == 0
    before = recipe_in("it")
    assert command("train", "it", "--train.row-length", "8192").code == 65
    assert recipe_in("it") == before


def test_the_recipe_of_the_run_holds_for_its_next_command(command: Command) -> None:
    command("train", "it", "--train.row-length", "64")
    command("tokenizer", "it", "--tokenizer.vocab-size", "500")
    recipe = recipe_in("it")
    assert recipe["train"]["row_length"] == 64
    assert recipe["tokenizer"]["vocab_size"] == 500


def test_the_recipe_of_the_run_holds_wherever_the_run_is_named(command: Command) -> None:
    command("train", "it", "--train.row-length", "64")
    command("tokenizer", "--tokenizer.vocab-size", "500", "it")
    recipe = recipe_in("it")
    assert recipe["train"]["row_length"] == 64
    assert recipe["tokenizer"]["vocab_size"] == 500


def test_a_run_named_after_its_flags_is_not_the_demonstration(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filiberto.road.run", lambda *_, **__: None)
    command("run", "it", "--text", "frasi.txt")
    command("run", "--time", "10m", "it")
    assert recipe_in("it")["text"] == ["frasi.txt"]


def test_a_shipped_recipe_is_found_by_name(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filiberto.road.run", lambda *_, **__: None)
    assert command("run", "it", "--recipe", "filiberto-it", "--text", "a.txt").code == 0
    assert recipe_in("it")["tokenizer"]["vocab_size"] == 30_522
    assert recipe_in("it")["text"] == ["a.txt"]


def test_run_alone_is_the_demonstration(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filiberto.road.run", lambda *_, **__: None)
    assert command("run").code == 0
    assert recipe_in("runs/demo")["text"] == ["builtin:phrasebook"]


def test_text_without_a_run_folder_is_refused(command: Command) -> None:
    outcome = command("run", "--text", "frasi.txt")
    assert outcome.code == 2
    assert "run folder" in outcome.err
    assert not Path("runs").exists()


@pytest.mark.parametrize("name", ["corpus", "tokenizer", "tokens", "train", "evaluate"])
def test_a_stage_without_a_run_folder_is_refused(command: Command, name: str) -> None:
    outcome = command(name)
    assert outcome.code == 2
    assert "no run folder is named" in outcome.err


def test_a_language_by_any_name_is_one_code_in_the_recipe(command: Command, text: str) -> None:
    outcome = command("corpus", "it", "--text", text, "--language", "Italian")
    assert outcome.code == 0, outcome.err
    assert recipe_in("it")["language"] == "it"


def test_a_language_nobody_has_is_refused_with_the_nearest(command: Command, text: str) -> None:
    outcome = command("corpus", "it", "--text", text, "--language", "Itlian")
    assert outcome.code == 2
    assert "there is no language 'Itlian'" in outcome.err
    assert "Italian (ita)" in outcome.err
    assert not Path("it").exists()


def test_a_language_without_a_folder_asks_for_one(command: Command) -> None:
    outcome = command("run", "--language", "te")
    assert outcome.code == 2
    assert "no run folder is named" in outcome.err


@pytest.mark.parametrize(
    ("flags", "section", "value"),
    [
        (("--documents", "paragraph"), "corpus", {"documents": "paragraph"}),
        (("--text-field", "corpo"), "corpus", {"text_field": "corpo"}),
        (("--corpus.text-field", "corpo"), "corpus", {"text_field": "corpo"}),
    ],
)
def test_a_short_flag_is_the_setting_of_its_section(
    command: Command, text: str, flags: tuple[str, ...], section: str, value: dict[str, str]
) -> None:
    skip = ("--corpus.skip-rules", "repeated_words")  # in one paragraph it says much the same
    outcome = command("corpus", "it", "--text", text, *flags, *skip)
    assert outcome.code == 0, outcome.err
    assert recipe_in("it")[section].items() >= value.items()


@pytest.mark.parametrize(
    "words",
    [
        ("--text", "a.txt", "--seed", "3", "--text", "b.txt"),
        ("--text", "a.txt", "b.txt", "--seed", "3"),
        ("--text=a.txt", "--text=b.txt", "--seed=3"),
        ("--seed", "3", "--text", "a.txt", "--text=b.txt"),
        ("--seed", "3", "--text", "a.txt", "--text=b.txt", "--corpus.text_field", "text"),
    ],
)
def test_values_of_a_flag_that_is_given_twice_add_up(
    command: Command, text: str, words: tuple[str, ...]
) -> None:
    for name in ("a.txt", "b.txt"):
        shutil.copyfile(text, name)
    assert command("corpus", "it", *words).code == 0
    recipe = load_recipe(Path("it/recipe.toml"))
    assert (recipe.text, recipe.seed) == (("a.txt", "b.txt"), 3)


@pytest.mark.parametrize(
    "flags",
    [
        ("--against", "--against"),
        ("--evaluate.against", "--evaluate.against"),
        ("--against", "--evaluate.against"),
    ],
)
def test_two_models_to_compare_with_may_be_named_by_two_flags(
    command: Command, flags: tuple[str, str], mini_run: Path
) -> None:
    shutil.copytree(mini_run, "it")
    outcome = command("evaluate", "it", flags[0], "./one", flags[1], "./two")
    assert "./one: no such folder" in outcome.err


def test_a_flag_is_known_by_dashes_and_by_underscores(command: Command, text: str) -> None:
    rules = ("--corpus.skip_rules", "leak", "--corpus.skip-rules", "near_duplicate")
    assert command("corpus", "it", "--text", text, *rules).code == 0
    assert recipe_in("it")["corpus"]["skip_rules"] == ["leak", "near_duplicate"]


def test_weights_are_a_daily_flag_and_shown_in_a_table(command: Command, text: str) -> None:
    assert command("corpus", "it", "--text", text).code == 0
    assert command("tokenizer", "it", "--tokenizer.vocab-size", "400").code == 0
    assert "no weight" in command("tokens", "it", "--weights", "frasi").err
    assert "no source is called 'prosa'" in command("tokens", "it", "--weights", "prosa=2").err
    outcome = command("tokens", "it", "--weights", "frasi=2")
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[-1].split()[0] == "2"
    assert outcome.out.splitlines()[-1].endswith("100.0  frasi.txt")
    assert recipe_in("it")["tokens"]["weights"] == ["frasi=2"]


@pytest.mark.parametrize("size", ["much", "0GB", "-1GB"])
def test_a_size_of_text_that_is_none_is_refused(command: Command, size: str) -> None:
    outcome = command("corpus", "it", "--hub", "a/b", f"--max-text={size}")
    assert outcome.code == 2
    assert f"`max_text`: {size!r} is no size of text" in outcome.err


def test_languages_shows_a_page_or_all(command: Command) -> None:
    assert command("languages", "te").out.startswith("Telugu: te, tel\n")
    assert command("languages", "Haitian", "Creole").out.startswith("Haitian: ht, hat\n")
    assert "te  Telugu" in command("languages").out
    outcome = command("languages", "Telgu")
    assert outcome.code == 2
    assert "Telugu (tel)" in outcome.err
