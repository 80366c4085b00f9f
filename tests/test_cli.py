import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from filiberto import __version__, cli
from filiberto.cli import COMMANDS
from filiberto.config import RECIPE_FILE
from filiberto.errors import UsageError
from filiberto.recipe import load_recipe
from filiberto.runfolder import lock
from tests.conftest import filiberto, italian_lines

ALL_COMMANDS = [*COMMANDS, "fill", "look", "languages", "recipes"]


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Outcome:
        try:
            code = cli.run_command(list(arguments))
        except SystemExit as error:  # tyro's own way out, for --help and unknown flags
            code = int(error.code or 0)
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def text(tmp_path: Path) -> str:
    (tmp_path / "frasi.txt").write_text("\n".join(italian_lines(50)), encoding="utf-8")
    return "frasi.txt"


def everything_in(folder: Path) -> dict[str, bytes]:
    """The bytes of all files but the lock, which says since when its owner has it."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != lock.LOCK
    }


def recipe_in(run: str) -> dict:
    return tomllib.loads((Path(run) / RECIPE_FILE).read_text(encoding="utf-8"))


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
    assert command(stage, "it") == (
        2,
        "",
        f"filiberto {stage}: it/{missing} is unfinished\n"
        f"  hint: run it first: filiberto {before} it\n",
    )


@pytest.mark.parametrize("arguments", [("fill", "it", "ciao"), ("look", "it", "train")])
def test_an_unfinished_run_is_refused_with_the_command_to_finish_it(
    command: Command, arguments: tuple[str, ...]
) -> None:
    Path("it").mkdir()
    outcome = command(*arguments)
    assert outcome.code == 2
    assert outcome.err.startswith(f"filiberto {arguments[0]}: it")
    assert " first: filiberto " in outcome.err


@pytest.mark.parametrize("name", ["fill", "look"])
def test_a_run_that_is_not_there_is_refused_by_name(command: Command, name: str) -> None:
    outcome = command(name, "runs/none")
    assert outcome.code == 2
    assert "runs/none" in outcome.err


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


def test_debug_raises_what_is_told_otherwise(command: Command) -> None:
    with pytest.raises(UsageError, match="no such command"):
        command("trian", "--debug")


def test_only_debug_shows_a_traceback(tmp_path: Path) -> None:
    plain = filiberto("tokens", "it", cwd=tmp_path)
    debug = filiberto("tokens", "it", "--debug", cwd=tmp_path)
    assert plain.returncode == 2
    assert plain.stdout == ""
    assert plain.stderr == (
        "filiberto tokens: it/corpus is unfinished\n  hint: run it first: filiberto corpus it\n"
    )
    assert debug.returncode != 0
    assert "Traceback (most recent call last)" in debug.stderr
    assert "UnfinishedStageError" in debug.stderr


def test_the_exit_code_is_that_of_the_error(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = filiberto("corpus", ".", "--text", "thesis.txt", cwd=tmp_path)
    assert refused.returncode == 73
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_help_lists_every_command(command: Command, arguments: tuple[str, ...]) -> None:
    outcome = command(*arguments)
    assert outcome.code == 0
    assert outcome.err == ""
    for name in ALL_COMMANDS:
        assert f"filiberto {name}" in outcome.out


def test_help_fits_a_terminal_of_a_hundred_columns(command: Command) -> None:
    assert max(map(len, command("--help").out.splitlines())) <= 100


@pytest.mark.parametrize("name", [*COMMANDS, "fill", "look", "languages"])
def test_every_command_has_help(command: Command, name: str) -> None:
    outcome = command(name, "--help")
    assert outcome.code == 0
    assert f"usage: filiberto {name}" in outcome.out
    assert not Path("runs").exists()


def test_the_version_is_printed(command: Command) -> None:
    assert command("--version") == (0, f"{__version__}\n", "")


def test_the_shipped_recipes_are_listed_and_the_prompts_are_not(command: Command) -> None:
    outcome = command("recipes")
    assert outcome.code == 0
    for name in ("demo", "filiberto-it"):
        assert f"\n{name} " in f"\n{outcome.out}"
    assert "prompts" not in outcome.out


def test_ctrl_c_is_no_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("filiberto.tokens.run", interrupted)
    outcome = command("tokens", "it")
    assert outcome.code == 75
    assert "stopped" in outcome.err


def test_a_bug_keeps_its_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("filiberto.tokens.run", broken)
    with pytest.raises(ZeroDivisionError):
        command("tokens", "it")


def test_a_full_disk_is_no_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "it/corpus/train-00000.parquet")

    monkeypatch.setattr("filiberto.corpus.run", full)
    outcome = command("corpus", "it", "--text", "frasi.txt")
    assert outcome.code == 74
    assert "No space left on device" in outcome.err


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
