"""Spaces by the custom of punctuation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filiberto.evaluate.spacing import customary_spaces


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("l' amico , ( lui ) .", "l'amico, (lui)."),
        ("dell\u2019 età un po' di E' anni '80", "dell\u2019età un po' di E' anni '80"),
        ("John 's house ... they 'll", "John's house... they'll"),
        ('disse : " vado " e " resto " .', 'disse: "vado" e "resto".'),
        ("« वह आया । » , बोला", "«वह आया।», बोला"),
        ("» Hus « „ Haus “ ” Hus ”", "»Hus« „Haus“ ”Hus”"),
        ("film '' Titanic '' e `` ciao ''", "film ''Titanic'' e ``ciao''"),
        ('un disco da 12 " e un altro', 'un disco da 12 " e un altro'),
        ("¿ Qué ? ¡ Vaya !", "¿Qué? ¡Vaya!"),
        ("東 京 は 2020 年 。 EU の", "東京は 2020 年。 EU の"),
        (", sola - 50 %", ", sola - 50%"),
        ("' a '", "' a '"),
    ],
)
def test_words_are_joined_as_they_are_written(words: str, written: str) -> None:
    cut = words.split()
    spaces = customary_spaces(cut)
    text = "".join(w + " " * s for w, s in zip(cut, spaces, strict=True)).rstrip(" ")
    assert text == written


@given(st.lists(st.text(min_size=1)))
def test_each_word_is_told_of(words: list[str]) -> None:
    assert len(customary_spaces(words)) == len(words)
