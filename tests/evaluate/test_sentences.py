"""Prompts with the model's guesses in their holes."""

from typing import Any

from filiberto.evaluate.sentences import Hole, sentences
from tests.evaluate.rich_report import prompts


def told(models: list[dict[str, Any]]) -> list[str]:
    """Each sentence with its first guesses in brackets."""
    return [
        "".join(
            piece if isinstance(piece, str) else f"[{piece.first.word if piece.first else ''}]"
            for piece in sentence.pieces
        )
        for sentence in sentences(models)
    ]


def test_a_guess_stands_in_its_hole() -> None:
    first, second, third, *_, last = told([{"name": "m", "prompts": prompts(0.3)}])
    assert first == "ciao [come] va?"
    assert second == "ciao, dove ci [sono] oggi pomeriggio?"
    assert third == "[ci] vediamo [ogni] sera"
    assert last.startswith("[] va va")


def test_right_is_whatever_its_case_and_an_answer_of_several_tokens_is_shown() -> None:
    answers = {"answers": ["Roma", "New York"], "rank": 1}
    top = [{"word": "roma", "probability": 0.5}, {"word": "qui", "probability": 0.1}]
    accepted = [{"word": "New York", "tokens": 2, "probability": 0.2, "rank": None}]
    prompt = {"text": "sono a ___", **answers, "top": top, "accepted": accepted}
    (sentence,) = sentences([{"name": "m", "prompts": [prompt]}])
    (hole,) = sentence.holes
    assert [filler.right for filler in hole.fillers] == [True, False]
    assert [(filler.word, filler.tokens) for filler in hole.long] == [("New York", 2)]


def test_the_guess_is_the_likeliest_also_where_that_has_several_tokens() -> None:
    top = [{"word": "non", "probability": 0.1}, {"word": "si", "probability": 0.05}]
    accepted = [{"word": "vediamo", "tokens": 2, "probability": 0.3, "rank": 1}]
    prompt = {"text": "ci <mask>", "answers": ["vediamo"], "top": top, "accepted": accepted}
    assert told([{"name": "m", "prompts": [prompt]}]) == ["ci [vediamo]"]
    accepted[0]["probability"] = 0.07
    (sentence,) = sentences([{"name": "m", "prompts": [prompt]}])
    first = sentence.holes[0].first
    assert first is not None
    assert (first.word, first.right) == ("non", False)


def test_marks_and_remarks_stand_where_they_were_made() -> None:
    marks = {
        "words": [
            {"text": "<mask> vediamo <mask> sera", "hole": 2, "word": "ogni", "mark": "unsure"},
            {"text": "ciao <mask> va?", "hole": 1, "word": "ti", "mark": "wrong"},
        ],
        "notes": [{"text": "ciao <mask> va?", "note": "bene"}],
    }
    found = sentences([{"name": "m", "prompts": prompts(0.3), "marks": marks}])
    marked = [
        (number, hole, filler.word, filler.mark)
        for number, sentence in enumerate(found)
        for hole, piece in enumerate(sentence.holes)
        for filler in piece.fillers
        if filler.mark
    ]
    assert marked == [(0, 0, "ti", "wrong"), (2, 1, "ogni", "unsure")]
    assert [sentence.remark for sentence in found] == ["bene", "", "", "", ""]


def test_others_are_found_by_the_text() -> None:
    own = {"name": "a", "prompts": prompts(0.3)}
    other = {"name": "b", "prompts": prompts(0.4)[1:2]}
    first, second, *_ = sentences([own, other, {"name": "c"}])
    assert first.others == []
    assert [name for name, _ in second.others] == ["b"]


def test_a_text_without_its_hole_is_shown_whole() -> None:
    prompt = {"text": "senza", "answers": [], "top": [], "rank": None}
    (sentence,) = sentences([{"name": "m", "prompts": [prompt]}])
    assert sentence.pieces == ["senza"]
    assert not [piece for piece in sentence.pieces if isinstance(piece, Hole)]
