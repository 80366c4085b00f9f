import pytest

from filiberto.tokenizer.pretokenize import ELIDING, pre_tokenizer


def pieces(text: str, *, split: str = "script", cut: bool = False) -> list[str]:
    cutter = pre_tokenizer(split=split, cut_after_apostrophe=cut)  # type: ignore[arg-type]
    return [text[begin:end] for _, (begin, end) in cutter.pre_tokenize_str(text)]


@pytest.mark.parametrize(
    "word",
    ["తెలుగు", "हिन्दी", "தமிழ்", "ភាសា", "አማርኛ", "t'áá", "м'я", "tiếng", "می\u200cخواهم", "doʼa"],
)
def test_a_word_of_any_script_is_one_piece(word: str) -> None:
    assert pieces(f"a {word} b") == ["a", f" {word}", " b"]


def test_gpt2s_split_cuts_at_every_mark() -> None:
    assert len(pieces("తెలుగు", split="gpt2")) == 6


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("l'amico", ["l'", "amico"]),
        ("dell’acqua", ["dell’", "acqua"]),
        ("un po' di", ["un", " po", "'", " di"]),
        ("'ciao'", ["'", "ciao", "'"]),
    ],
)
def test_an_apostrophe_ends_a_word_where_the_language_elides(text: str, cut: list[str]) -> None:
    assert pieces(text, cut=True) == cut


def test_digits_come_in_threes_and_signs_apart() -> None:
    assert pieces("nel 2026!") == ["nel", " 202", "6", "!"]


def test_no_piece_is_lost() -> None:
    text = "  due  spazi\tun tab, «virgolette» e 👩‍👩‍👧 — fine  "
    assert "".join(pieces(text)) == text


def test_italian_elides_and_telugu_does_not() -> None:
    assert "it" in ELIDING
    assert "te" not in ELIDING
