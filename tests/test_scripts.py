import unicodedata

import pytest
import regex

from filiberto import scripts
from filiberto.scripts import go_together, script_of, scripts_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("తెలుగు", "Telugu"),
        ("«ciao", "Latin"),
        ("3 часа", "Cyrillic"),
        ("ภาษา", "Thai"),
        ("漢字", "Han"),
        ("2026", "digits"),
        ("— …", "signs"),
        ("", "signs"),
        ("\U00010300", "other"),  # Old Italic
    ],
)
def test_the_first_letter_tells_the_script(text: str, script: str) -> None:
    assert script_of(text) == script


def test_a_mixed_word_has_two_scripts_and_a_length_mark_none() -> None:
    assert scripts_of("соca") == {"Cyrillic", "Latin"}
    assert scripts_of("ラーメン") == {"Katakana"}


def test_japanese_writes_three_scripts_side_by_side() -> None:
    assert go_together("Han", "Hiragana")
    assert go_together("Latin", "Latin")
    assert not go_together("Latin", "Cyrillic")


def test_the_table_says_of_letters_what_unicode_says() -> None:
    table = scripts.table()
    for code in range(0, 0x30000, 7):
        character = chr(code)
        if unicodedata.category(character) == "Lo":
            name = scripts.SCRIPTS[table[code] - 1] if table[code] else "Common"
            if name != "other":
                assert regex.match(rf"\p{{Script={name}}}", character), f"{code:x}"
    assert not table[[ord(c) for c in " .,\n-"]].any()
