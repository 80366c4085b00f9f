"""Prompts with accepted answers: a TOML file of sentences with holes, for a reader to judge by.

[[prompt]]
text = "ciao <mask> va?"
answers = ["come"]
note = "hi, how is it going?"

[[prompt]]
text = "<mask> vediamo <mask> sera"
answers = [["ci"], ["questa", "domani"]]
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filiberto.config import ITALIAN, Recipe
from filiberto.errors import UsageError

if TYPE_CHECKING:
    from filiberto.evaluate.model import Reader
    from filiberto.train.architecture import MaskedLM

Words = tuple[str, ...]


@dataclass(frozen=True)
class Prompt:
    """A sentence with one or several holes, and a word on what it means.

    Attributes:
        answers: the words that are right in the hole; where there are several, such a tuple each.
    """

    text: str
    answers: Words | tuple[Words, ...]
    note: str = ""

    @property
    def accepted(self) -> tuple[Words, ...]:
        """The words that are right, a tuple for each hole."""
        one = tuple(answer for answer in self.answers if isinstance(answer, str))
        several = tuple(answer for answer in self.answers if not isinstance(answer, str))
        return several or (one,) * max(1, self.text.count("<mask>"))


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
        UsageError: it is missing or malformed, or a prompt has no hole, holes of both kinds, or
            not a list of answers for each of its holes.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["prompt"]
        return [_prompt(path, entry) for entry in entries]
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file of prompts") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{path} is no file of prompts: {error}",
            hint='an entry is: [[prompt]], then text = "ciao <mask> va?" and answers = ["come"]',
        ) from None


def _prompt(path: Path, entry: dict[str, Any]) -> Prompt:
    text = unicodedata.normalize("NFC", str(entry["text"]))
    masks, blanks = text.count("<mask>"), text.count("___")
    if masks + blanks == 0 or blanks > 1 or (masks and blanks):
        raise UsageError(
            f"{path}: the prompt {text!r} must have one hole, <mask> or ___, or several <mask>"
        )
    answers = entry.get("answers", [])
    if not isinstance(answers, list):
        raise TypeError(f"answers is {answers!r}, no list of words")
    note = str(entry.get("note", ""))
    if not any(isinstance(answer, list) for answer in answers):
        if masks > 1 and answers:
            raise UsageError(
                f"{path}: the prompt {text!r} has {masks} holes, its answers are {answers!r}",
                hint='a list for each hole: answers = [["a"], ["b", "c"]]',
            )
        return Prompt(text, _words(answers), note)
    holes = tuple(_words(answer) for answer in answers)
    if len(holes) != max(1, masks):
        raise UsageError(
            f"{path}: the prompt {text!r} has {max(1, masks)} holes, "
            f"its answers are {len(holes)} lists"
        )
    return Prompt(text, holes if masks > 1 else holes[0], note)


def _words(answers: Any) -> Words:
    if not isinstance(answers, list):
        raise TypeError(f"answers has {answers!r} beside lists")
    for answer in answers:
        if type(answer) not in (str, int) or not str(answer).strip():
            raise TypeError(f"answers has {answer!r}, no word")
    return tuple(unicodedata.normalize("NFC", str(answer).strip()) for answer in answers)


def answer_prompts(
    reader: Reader, prompts: list[Prompt], *, top_k: int = 5
) -> list[dict[str, Any]]:
    """Fill every prompt and compare with its accepted answers.

    Returns:
        For each prompt its `text`, `note` and `answers`, the `top` fillers with probabilities, the
        `accepted` answers as `score_answers` finds them, the `rank` of the first right one from 1,
        None where none is among the shown, and a `problem` where it cannot be filled, such as a
        text longer than the model reads. A prompt with several holes has an empty `top`, `holes`
        with the `answers`, `top`, `accepted` and `rank` of each, and the worst of these ranks.
    """
    from filiberto.evaluate.fill import fill

    results = []
    for prompt in prompts:
        found: list[Any] = []
        problem = ""
        try:
            found = fill(reader, prompt.text, top_k=top_k)
        except UsageError as error:
            # Hours of training must not end on a prompt.
            problem = error.message
        several = len(prompt.accepted) > 1
        fillers = (found if several else [found]) if found else [[] for _ in prompt.accepted]
        holes = [_hole(reader, prompt, number, some) for number, some in enumerate(fillers)]
        answer = _together(holes) if several else holes[0]
        results.append({"text": prompt.text, "note": prompt.note, **answer, "problem": problem})
    return results


def _hole(reader: Reader, prompt: Prompt, hole: int, found: list[dict[str, Any]]) -> dict[str, Any]:
    """The fillers of a hole and what became of its accepted answers; nothing without fillers."""
    from filiberto.evaluate.accepted import score_answers

    words = prompt.accepted[hole]
    top = [{"word": f["token_str"].strip(), "probability": f["score"]} for f in found]
    accepted = score_answers(reader, prompt.text, words, hole=hole, found=found) if found else []
    ranks = [entry["rank"] for entry in accepted if entry["rank"] is not None]
    return {
        "answers": list(words),
        "top": top,
        "accepted": accepted,
        "rank": min(ranks, default=None),
    }


def _together(holes: list[dict[str, Any]]) -> dict[str, Any]:
    """Several holes as one answer: right is what is right in all of them."""
    ranks = [hole["rank"] for hole in holes]
    return {
        "answers": [hole["answers"] for hole in holes],
        "top": [],
        "rank": None if None in ranks else max(ranks),
        "holes": holes,
    }


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
    shown = replace(prompts[-1], answers=())

    def line(model: MaskedLM) -> str:
        (result,) = answer_prompts(Reader(model, tokenizer, specials), [shown], top_k=3)
        fillers = [
            ", ".join(f"{e['word']} {100 * e['probability']:.0f} %" for e in hole["top"])
            for hole in result.get("holes", [result])
        ]
        return f"\n       {shown.text}  {' | '.join(fillers)}"

    return line
