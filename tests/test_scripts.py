import unicodedata

import pytest
import regex

from filiberto import scripts


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("ciao", "Latin"),
        ("తెలుగు", "Telugu"),
        ("हिन्दी", "Devanagari"),
        (" 你好", "Han"),
        ("42 ቋንቋ", "Ethiopic"),
        ("42", "digits"),
        ("?!", "signs"),
        ("\U00010900", "other"),  # Phoenician
    ],
)
def test_the_script_of_a_text_is_that_of_its_first_letter(text: str, script: str) -> None:
    assert scripts.script_of(text) == script


def test_scripts_of_one_language_go_together() -> None:
    assert scripts.go_together("Han", "Hiragana")
    assert not scripts.go_together("Han", "Latin")
    assert scripts.scripts_of("日本の T-シャツ") == {"Han", "Hiragana", "Katakana", "Latin"}


def test_the_table_says_of_letters_what_unicode_says() -> None:
    table = scripts.table()
    for code in range(0, 0x30000, 7):
        character = chr(code)
        if unicodedata.category(character) == "Lo":
            name = scripts.SCRIPTS[table[code] - 1] if table[code] else "Common"
            if name != "other":
                assert regex.match(rf"\p{{Script={name}}}", character), f"{code:x}"
    assert not table[[ord(c) for c in " .,\n-"]].any()
