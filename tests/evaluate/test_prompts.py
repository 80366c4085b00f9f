import math
from pathlib import Path

import pytest

from filiberto.config import EvaluateConfig, Recipe
from filiberto.errors import UsageError
from filiberto.evaluate.fill import fill
from filiberto.evaluate.model import Reader, load_reader
from filiberto.evaluate.prompts import (
    Prompt,
    answer_prompts,
    live_prompt,
    load_prompts,
    read_prompts,
)
from filiberto.evaluate.report import summary_text

WORD = "arrivederci"
"""No single token of the miniature's vocabulary spells it."""


@pytest.fixture(scope="module")
def reader(mini_run: Path) -> Reader:
    return load_reader(mini_run)


def stepwise(reader: Reader, before: str, word: str, after: str) -> list[float]:
    """The probability of each token of a word in a hole as wide as the word, from the left."""
    mask = reader.special_ids["<mask>"]
    ids = reader.tokenizer.encode(f"{before} {word}{after}").ids
    start = len(reader.tokenizer.encode(before).ids) - 1
    stop = len(ids) - (len(reader.tokenizer.encode(after).ids) - 1)
    found = []
    for place in range(start, stop):
        shown = [*ids[:place], *[mask] * (stop - place), *ids[stop:]]
        (scores,) = reader.log_probabilities([shown], [[place]])
        found.append(scores[0, ids[place]].exp().item())
    return found


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
        ("[[prompt]]\ntext = '<mask> e ___'\n", "the prompt '<mask> e ___' must have one hole"),
        ("[[prompt]]\ntext = '___ e ___'\n", "the prompt '___ e ___' must have one hole"),
        (
            "[[prompt]]\ntext = '<mask> e <mask>'\nanswers = ['come']\n",
            r"'<mask> e <mask>' has 2 holes, its answers are \['come'\]",
        ),
        (
            "[[prompt]]\ntext = '<mask> e <mask>'\nanswers = [['a'], ['b'], ['c']]\n",
            "has 2 holes, its answers are 3 lists",
        ),
        ("[[prompt]]\ntext = '<mask>'\nanswers = ['a', ['b']]\n", "answers has 'a' beside lists"),
        ("[[prompt]]\ntext = '<mask>'\nanswers = ['a', ' ']\n", "answers has ' ', no word"),
        ("[[prompt]]\ntext = '<mask>'\nanswers = [{a = 1}]\n", "answers has {'a': 1}, no word"),
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


def test_the_answers_of_several_holes_are_a_list_each(tmp_path: Path) -> None:
    path = tmp_path / "prompts.toml"
    path.write_text(
        "[[prompt]]\ntext = '<mask> e <mask>'\nanswers = [['a'], ['b', 'c']]\n"
        "[[prompt]]\ntext = '<mask>'\nanswers = [['a', 3]]\n"
        "[[prompt]]\ntext = '<mask> e <mask>'\n"
        "[[prompt]]\ntext = '<mask>'\nanswers = ['perche\u0301']\n",
        encoding="utf-8",
    )
    several, one, none, composed = read_prompts(path)
    assert several.accepted == (("a",), ("b", "c"))
    assert one.accepted == (("a", "3"),)
    assert none.accepted == ((), ())
    assert composed.accepted == (("perch\u00e9",),)


def test_several_holes_are_right_where_each_of_them_is(reader: Reader) -> None:
    text = "Anna <mask> il <mask> oggi"
    (first,) = answer_prompts(reader, [Prompt(text, ())])
    words = [[filler["word"] for filler in hole["top"]] for hole in first["holes"]]
    fillers = [[f["token_str"].strip() for f in hole] for hole in fill(reader, text)]
    assert words == fillers
    assert (first["top"], first["rank"], first["answers"]) == ([], None, [[], []])
    asked = [
        Prompt(text, ((words[0][1],), (words[1][2], words[1][4]))),
        Prompt(text, ((words[0][0],), ("q9",))),
    ]
    right, half = answer_prompts(reader, asked)
    assert [hole["rank"] for hole in right["holes"]] == [2, 3]
    assert right["rank"] == 3
    assert [hole["rank"] for hole in half["holes"]] == [1, None]
    assert half["rank"] is None


def test_an_answer_of_several_tokens_is_scored_as_wide_as_it_is(reader: Reader) -> None:
    (result,) = answer_prompts(reader, [Prompt("Anna <mask> oggi", (WORD,))], top_k=600)
    (entry,) = result["accepted"]
    steps = stepwise(reader, "Anna", WORD, " oggi")
    assert entry["tokens"] == len(steps) > 1
    assert entry["probability"] == pytest.approx(math.prod(steps), rel=1e-3)
    before = sum(filler["probability"] >= entry["probability"] for filler in result["top"])
    assert entry["rank"] == (before + 1 if before < len(result["top"]) else None)
    assert result["rank"] == entry["rank"]


def test_an_answer_of_several_tokens_in_a_blank_counts_a_token(reader: Reader) -> None:
    (result,) = answer_prompts(reader, [Prompt("Anna ___ oggi", (WORD,))], top_k=1)
    (entry,) = result["accepted"]
    steps = stepwise(reader, "Anna", WORD, " oggi")
    mean = math.prod(steps) ** (1 / len(steps))
    assert entry["probability"] == pytest.approx(mean, rel=1e-3)


def test_an_answer_that_is_shown_is_told_as_it_is_shown(reader: Reader) -> None:
    (plain,) = answer_prompts(reader, [Prompt("Anna <mask> il", ())])
    word = plain["top"][3]
    (result,) = answer_prompts(reader, [Prompt("Anna <mask> il", (word["word"].upper(),))])
    expected = {"word": word["word"].upper(), "tokens": 1, "rank": 4}
    assert result["accepted"] == [expected | {"probability": word["probability"]}]


@pytest.mark.parametrize("answer", ["parola " * 70, "\u200b"])
def test_an_answer_that_cannot_be_asked_for_is_left_out(reader: Reader, answer: str) -> None:
    (result,) = answer_prompts(reader, [Prompt("torna a<mask>", (answer.strip(" "), "casa"))])
    assert {entry["word"] for entry in result["accepted"]} <= {"casa", "\u200b"}


def test_a_prompt_with_several_holes_that_is_too_long_is_said(reader: Reader) -> None:
    text = "<mask> e <mask>" + " parola" * 99
    (result,) = answer_prompts(reader, [Prompt(text, (("x",), ("y",)))])
    assert "the model reads at most 64" in result["problem"]
    assert [hole["top"] for hole in result["holes"]] == [[], []]
    assert result["rank"] is None


def test_the_summary_shows_every_hole_and_every_long_answer(reader: Reader) -> None:
    asked = [Prompt("Anna <mask> oggi", (WORD,)), Prompt("<mask> legge il <mask>", ())]
    figures = {"validation_accuracy": 0.5, "validation_loss": 1.0, "bits_per_byte": None}
    text = summary_text({**figures, "prompts": answer_prompts(reader, asked)})
    assert "tokens)" in next(line for line in text.splitlines() if WORD in line)
    assert text.count("     hole ") == 2


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


def test_the_live_prompt_shows_every_hole(mini_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.toml"
    path.write_text("[[prompt]]\ntext = '<mask> e <mask>'\nanswers = [['a'], ['b']]\n")
    line = live_prompt(mini_run, Recipe(evaluate=EvaluateConfig(prompts=str(path))))
    assert line is not None
    shown = line(load_reader(mini_run).model)
    assert (shown.count(" %"), shown.count(" | ")) == (6, 1)
