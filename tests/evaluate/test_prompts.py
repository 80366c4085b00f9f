from pathlib import Path

import pytest

from filiberto.config import Recipe
from filiberto.errors import UsageError
from filiberto.evaluate.model import load_reader
from filiberto.evaluate.prompts import Prompt, answer_prompts, live_prompt, load_prompts


def test_the_articles_four_ship_for_italian_only() -> None:
    texts = [prompt.text for prompt in load_prompts("auto", language="it")]
    assert texts == [
        "ciao <mask> va?",
        "buongiorno, <mask> va?",
        "ciao, dove ci <mask> oggi pomeriggio?",
        "cosa sarebbe successo se <mask> scelto un altro giorno?",
    ]
    assert load_prompts("auto", language="te") == []


def test_the_rank_is_that_of_the_first_accepted_answer(mini_run: Path) -> None:
    reader = load_reader(mini_run)
    (first,) = answer_prompts(reader, [Prompt("Anna <mask> il", ())])
    words = [entry["word"] for entry in first["top"]]
    assert first["rank"] is None
    asked = [Prompt("Anna <mask> il", (words[2].upper(), words[4])), Prompt("Anna <mask>", ("q9",))]
    assert [answer["rank"] for answer in answer_prompts(reader, asked)] == [3, None]


def test_a_prompt_too_long_for_the_model_is_said_and_the_others_answered(mini_run: Path) -> None:
    asked = [Prompt("<mask>" + " parola" * 99, ("x",)), Prompt("Anna <mask> il libro", ())]
    long, short = answer_prompts(load_reader(mini_run), asked)
    assert "the model reads at most 64" in long["problem"]
    assert (long["top"], long["rank"]) == ([], None)
    assert len(short["top"]) == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[[prompt]]\ntext = 'ciao'\n", "the prompt 'ciao' must have one hole"),
        ("[[prompt]]\ntext = '<mask> e <mask>'\n", "must have one hole"),
        ("[[prompt]]\ntext = '<mask>'\nanswers = 'come'\n", "answers is 'come', no list"),
        ("[[prompt]]\nanswers = ['x']\n", "is no file of prompts: 'text'"),
        ("prompt = 3\n", "is no file of prompts"),
        ("[[prompt", "is no file of prompts"),
    ],
)
def test_a_wrong_prompts_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "prompts.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        load_prompts(str(path), language="it")


def test_a_prompts_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "prompts.toml"
    path.write_bytes("[[prompt]]\ntext = 'perché <mask>'\n".encode("latin-1"))
    with pytest.raises(UsageError, match="is no file of prompts"):
        load_prompts(str(path), language="it")


def test_a_missing_prompts_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml: no such file of prompts"):
        load_prompts(str(tmp_path / "nowhere.toml"), language="it")


def test_the_live_prompt_is_a_line_with_three_words(mini_run: Path) -> None:
    line = live_prompt(mini_run, Recipe(language="it"))
    assert line is not None
    assert line(load_reader(mini_run).model).count(" %") == 3
    assert live_prompt(mini_run, Recipe(language="te")) is None
