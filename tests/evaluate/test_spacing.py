"""Spaces by the custom of punctuation."""

import pytest

from filiberto.evaluate.spacing import customary_spaces


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("l' amico , ( lui ) .", "l'amico, (lui)."),
        ('disse : " vado " e " resto " .', 'disse: "vado" e "resto".'),
        ("¿ Qué ? ¡ Vaya !", "¿Qué? ¡Vaya!"),
        ("John 's house ...", "John's house..."),
        ("dell\u2019 anno «  2021 » - 50 %", "dell\u2019anno «2021» - 50%"),
        ("« वह आया । » , बोला", "«वह आया।», बोला"),
        (", sola", ", sola"),
        ("' a '", "' a '"),
    ],
)
def test_words_are_joined_as_they_are_written(words: str, written: str) -> None:
    cut = words.split()
    spaces = customary_spaces(cut)
    text = "".join(w + " " * s for w, s in zip(cut, spaces, strict=True)).rstrip(" ")
    assert text == written


def test_nothing_has_no_spaces() -> None:
    assert customary_spaces([]) == ()
