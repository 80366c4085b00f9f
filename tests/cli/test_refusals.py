"""What the command line refuses, with which code and hint, and what it then leaves alone."""

from pathlib import Path

import pytest

from filiberto.runfolder import lock
from tests.cli.conftest import Command, everything_in, recipe_in


def test_a_word_that_is_no_command_is_refused_with_the_nearest(command: Command) -> None:
    outcome = command("trian", "runs/it")
    assert outcome == (
        2,
        "",
        "filiberto trian: there is no such command\n  hint: did you mean `train`?\n",
    )


def test_a_word_like_no_command_is_refused_with_the_help(command: Command) -> None:
    assert "filiberto --help" in command("xyzzy").err


def test_an_unknown_flag_is_refused_with_the_nearest(command: Command) -> None:
    outcome = command("train", "runs/it", "--train.peak-rl", "3")
    assert outcome.code == 2
    assert outcome.out == ""
    assert "--train.peak-rl" in outcome.err
    assert "--train.peak-lr" in outcome.err
    assert not Path("runs").exists()


def test_a_flag_of_another_stage_is_refused(command: Command) -> None:
    outcome = command("corpus", "runs/it", "--train.peak-lr", "3")
    assert outcome.code == 2
    assert "--train.peak-lr" in outcome.err


def test_a_flag_out_of_its_range_is_refused_before_anything_is_made(command: Command) -> None:
    outcome = command("train", "runs/it", "--train.mask-rate", "2")
    assert outcome.code == 2
    assert outcome.err.startswith("filiberto train: [train]: `mask_rate` is 2.0; it must be ")
    assert not Path("runs").exists()


def test_an_unknown_key_of_a_recipe_is_refused_with_the_nearest(command: Command) -> None:
    Path("mine.toml").write_text("[train]\npeak_rl = 1e-3\n")
    outcome = command("train", "runs/it", "--recipe", "mine.toml")
    assert outcome == (
        2,
        "",
        "filiberto train: mine.toml [train]: unknown key `peak_rl`\n"
        "  hint: did you mean `peak_lr`?\n",
    )
    assert not Path("runs").exists()


def test_a_recipe_that_is_not_there_is_refused_by_name(command: Command) -> None:
    outcome = command("train", "runs/it", "--recipe=none.toml")
    assert outcome.code == 2
    assert "none.toml: no such recipe" in outcome.err


def test_text_that_matches_no_file_is_refused_with_what_was_asked(command: Command) -> None:
    outcome = command("corpus", "runs/it", "--text", "nothing/*.txt")
    assert outcome.code == 2
    assert "no text file matches 'nothing/*.txt'" in outcome.err


def test_no_text_at_all_is_refused_with_the_flag(command: Command) -> None:
    outcome = command("corpus", "runs/it")
    assert outcome.code == 2
    assert "--text" in outcome.err


def test_a_corpus_of_blank_lines_is_bad_data(command: Command) -> None:
    Path("blank.txt").write_text("\n \n\t\n")
    outcome = command("corpus", "runs/it", "--text", "blank.txt")
    assert outcome.code == 65
    assert "no text is left: 3 records were read, 3 empty" in outcome.err
    assert "blank.txt" in outcome.err
    assert not Path("runs/it/corpus").exists()


def test_a_corpus_shorter_than_a_row_is_bad_data_with_both_numbers(command: Command) -> None:
    Path("short.txt").write_text("ciao come va\nuno due tre quattro\nbuona sera a tutti\n")
    flags = ("--text", "short.txt", "--tokenizer.vocab-size", "300", "--size", "tiny")
    outcome = command("run", "runs/it", *flags)
    assert outcome.code == 65
    assert "tokens, one row has 128" in outcome.err
    assert "--train.row-length" in outcome.err
    assert not Path("runs/it/model").exists()


@pytest.mark.parametrize(
    ("stage", "missing", "before"),
    [
        ("tokenizer", "corpus", "corpus"),
        ("tokens", "corpus", "corpus"),
        ("train", "tokens", "tokens"),
        ("evaluate", "model", "train"),
    ],
)
def test_a_stage_whose_predecessor_is_unfinished_names_its_command(
    command: Command, stage: str, missing: str, before: str
) -> None:
    Path("it").mkdir()
    assert command(stage, "it") == (
        2,
        "",
        f"filiberto {stage}: it/{missing} is unfinished\n"
        f"  hint: run it first: filiberto {before} it\n",
    )


@pytest.mark.parametrize(
    "arguments", [("fill", "it", "ciao"), ("look", "it", "train"), ("prompts", "it")]
)
def test_an_unfinished_run_is_refused_with_the_command_to_finish_it(
    command: Command, arguments: tuple[str, ...]
) -> None:
    Path("it").mkdir()
    outcome = command(*arguments)
    assert outcome.code == 2
    assert outcome.err.startswith(f"filiberto {arguments[0]}: it")
    assert " first: filiberto " in outcome.err


@pytest.mark.parametrize("name", ["fill", "prompts", "look"])
def test_a_run_that_is_not_there_is_refused_by_name(command: Command, name: str) -> None:
    outcome = command(name, "runs/none")
    assert outcome.code == 2
    assert "runs/none" in outcome.err


@pytest.mark.parametrize("file", [None, "it/config.json"])
def test_what_is_no_run_is_measured_only_elsewhere(command: Command, file: str | None) -> None:
    if file is not None:
        Path(file).parent.mkdir()
        Path(file).touch()
    assert command("evaluate", "it") == (
        2,
        "",
        "filiberto evaluate: it is no run\n"
        "  hint: a model that no run made: filiberto evaluate it --out DIR --text FILES\n",
    )


def test_a_stage_that_is_none_is_refused_with_all_there_are(command: Command) -> None:
    Path("it").mkdir()
    outcome = command("look", "it", "tokenz")
    assert outcome.code == 2
    assert "'tokenz'" in outcome.err
    assert "tokens" in outcome.err


def test_a_folder_of_something_else_is_refused_and_left_alone(command: Command, text: str) -> None:
    Path("thesis").mkdir()
    Path("thesis/chapter.txt").write_text("years of work")
    outcome = command("corpus", "thesis", "--text", text)
    assert outcome.code == 73
    assert "thesis is not empty and is no run of filiberto" in outcome.err
    assert [p.name for p in Path("thesis").iterdir()] == ["chapter.txt"]


@pytest.mark.parametrize("run", ["frasi.txt", "frasi.txt/run"])
def test_a_run_in_the_place_of_a_file_is_refused(command: Command, text: str, run: str) -> None:
    outcome = command("corpus", run, "--text", text)
    assert outcome.code in (73, 74)
    assert text in outcome.err


def test_a_folder_in_use_says_try_again(command: Command) -> None:
    with lock.own(Path("it")):
        outcome = command("tokens", "it")
    assert outcome.code == 75
    assert "it is in use by process " in outcome.err


def test_a_second_run_with_other_settings_changes_nothing(command: Command, text: str) -> None:
    assert command("corpus", "it", "--text", text).code == 0
    before = everything_in(Path("it"))
    outcome = command("corpus", "it", "--seed", "5", "--corpus.validation-share", "0.2")
    assert outcome.code == 73
    assert "`seed` 0 there, 5 now" in outcome.err
    assert "`validation_share` 0.01 there, 0.2 now" in outcome.err
    assert "filiberto corpus it --force, with the settings you want" in outcome.err
    assert everything_in(Path("it")) == before


def test_a_second_run_with_other_text_changes_nothing(command: Command, text: str) -> None:
    assert command("corpus", "it", "--text", text).code == 0
    before = everything_in(Path("it"))
    Path("other.txt").write_text("Tutt'altro.\n")
    outcome = command("corpus", "it", "--text", "other.txt")
    assert outcome.code == 73
    assert "other.txt" in outcome.err
    assert everything_in(Path("it")) == before


def test_a_mistyped_second_run_changes_nothing(command: Command, text: str) -> None:
    assert command("corpus", "it", "--text", text).code == 0
    before = everything_in(Path("it"))
    assert command("corpus", "it", "--text", "frosi.txt").code == 2
    assert everything_in(Path("it")) == before


def test_the_same_command_again_changes_nothing_and_is_done(command: Command, text: str) -> None:
    first = command("corpus", "it", "--text", text, "--documents", "line")
    before = everything_in(Path("it"))
    again = command("corpus", "it")
    assert first.code == again.code == 0
    kept = "it/corpus is finished and nothing it was made from has changed\n"
    assert again.out == kept + first.out
    assert everything_in(Path("it")) == before


def test_force_builds_again_with_other_settings(command: Command, text: str) -> None:
    assert command("corpus", "it", "--text", text).code == 0
    assert command("corpus", "it", "--seed", "5", "--force").code == 0
    assert recipe_in("it")["seed"] == 5
    assert recipe_in("it")["text"] == [text]
