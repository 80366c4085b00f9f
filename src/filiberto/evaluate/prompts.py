"""Prompts with accepted answers: a TOML file of sentences with a hole, for a reader to judge by.

[[prompt]]
text = "ciao <mask> va?"
answers = ["come"]
note = "hi, how is it going?"
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filiberto.config import ITALIAN, Recipe
from filiberto.errors import UsageError

if TYPE_CHECKING:
    from filiberto.evaluate.model import Reader
    from filiberto.train.architecture import MaskedLM


@dataclass(frozen=True)
class Prompt:
    """A sentence with a hole, the words that are right in it, and a word on what it means."""

    text: str
    answers: tuple[str, ...]
    note: str = ""


def load_prompts(setting: str, *, language: str) -> list[Prompt]:
    """The prompts of a file, or for 'auto' those that ship for the language (maybe none).

    Raises:
        UsageError: the file is missing or malformed, or a prompt has no hole.
    """
    if setting != "auto":
        return read_prompts(Path(setting))
    if language not in ITALIAN:
        return []
    with resources.as_file(resources.files("filiberto.recipes") / "prompts-it.toml") as path:
        return read_prompts(path)


def read_prompts(path: Path) -> list[Prompt]:
    """Read a prompts file.

    Raises:
        UsageError: it is missing or malformed, or a prompt has no hole or several.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["prompt"]
        prompts = [_prompt(entry) for entry in entries]
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file of prompts") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{path} is no file of prompts: {error}",
            hint='an entry is: [[prompt]], then text = "ciao <mask> va?" and answers = ["come"]',
        ) from None
    for prompt in prompts:
        if prompt.text.count("<mask>") + prompt.text.count("___") != 1:
            raise UsageError(
                f"{path}: the prompt {prompt.text!r} must have one hole, <mask> or ___"
            )
    return prompts


def _prompt(entry: dict[str, Any]) -> Prompt:
    answers = entry.get("answers", [])
    if not isinstance(answers, list):
        raise TypeError(f"answers is {answers!r}, no list of words")
    return Prompt(str(entry["text"]), tuple(map(str, answers)), str(entry.get("note", "")))


def answer_prompts(
    reader: Reader, prompts: list[Prompt], *, top_k: int = 5
) -> list[dict[str, Any]]:
    """Fill every prompt and compare with its accepted answers.

    Returns:
        For each prompt its text, note and answers, the `top` fillers with probabilities, the
        `rank` of the first right one from 1, None where none is among them, and a `problem` where
        it cannot be filled, such as a text longer than the model reads.
    """
    from filiberto.evaluate.fill import fill

    results = []
    for prompt in prompts:
        found, problem = [], ""
        try:
            found = fill(reader, prompt.text, top_k=top_k)
        except UsageError as error:
            # Hours of training must not end on a prompt.
            problem = error.message
        top = [{"word": f["token_str"].strip(), "probability": f["score"]} for f in found]
        right = {answer.casefold() for answer in prompt.answers}
        ranks = [n for n, entry in enumerate(top, 1) if entry["word"].casefold() in right]
        results.append(
            {
                "text": prompt.text,
                "note": prompt.note,
                "answers": list(prompt.answers),
                "top": top,
                "rank": ranks[0] if ranks else None,
                "problem": problem,
            }
        )
    return results


def live_prompt(run: Path, recipe: Recipe) -> Callable[[MaskedLM], str] | None:
    """A function that fills the recipe's last prompt with the model as it is, for a line of log.

    Args:
        run: the run folder, whose tokenizer is finished.
        recipe: names the prompts.

    Returns:
        None where there is no prompt.
    """
    prompts = load_prompts(recipe.evaluate.prompts, language=recipe.language)
    if not prompts:
        return None
    from filiberto.evaluate.model import Reader
    from filiberto.tokenizer import bpe

    tokenizer = bpe.load(run / "tokenizer")
    specials = bpe.special_tokens(run / "tokenizer")
    # The last prompt of the article is the telling one: it needs grammar, not a set phrase.
    shown = prompts[-1]

    def line(model: MaskedLM) -> str:
        (result,) = answer_prompts(Reader(model, tokenizer, specials), [shown], top_k=3)
        words = ", ".join(f"{e['word']} {100 * e['probability']:.0f} %" for e in result["top"])
        return f"\n       {shown.text}  {words}"

    return line
