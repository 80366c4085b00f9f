from dataclasses import dataclass
from pathlib import Path

import pytest

from filiberto.evaluate.model import Reader, load_reader
from filiberto.evaluate.pairs import blank_window, choose


@dataclass(frozen=True)
class Sentence:
    text: str
    right: str
    wrong: tuple[str, ...]


@pytest.fixture(scope="module")
def reader(mini_run: Path) -> Reader:
    return load_reader(mini_run)


def quiet(amount: float, note: str = "") -> None:
    pass


@pytest.mark.parametrize("text", ["Anna ___ il libro.", "___ legge.", "torna a ___", "l'___ è qui"])
@pytest.mark.parametrize("word", ["legge", "zaino", "arrivederci"])
def test_the_hidden_tokens_spell_the_word(reader: Reader, text: str, word: str) -> None:
    window = blank_window(reader, text, word)
    (hidden,) = window.words
    spelled = reader.tokenizer.decode(window.ids[hidden.start : hidden.stop])
    assert spelled.strip() == word


def test_a_word_seen_in_training_beats_nonsense_of_any_length(reader: Reader) -> None:
    choices = [
        Sentence("Anna legge il libro oggi, e alle 3 ___ a casa", "torna", wrong)
        for wrong in (("xqz", "zz"), ("tornavivirebbero",), ("w",))
    ]
    assert [v.is_right for v in choose(reader, choices, advance=quiet)] == [True] * 3


def test_the_wrong_word_can_win(reader: Reader) -> None:
    (verdict,) = choose(
        reader, [Sentence("Anna ___ il libro oggi", "xqz", ("legge",))], advance=quiet
    )
    assert verdict.best == "legge"
    assert not verdict.is_right


def test_a_tie_is_not_right(reader: Reader) -> None:
    (verdict,) = choose(reader, [Sentence("Anna ___", "legge", ("legge",))], advance=quiet)
    assert not verdict.is_right
