import pyarrow as pa
import pytest

from filiberto.corpus import personal


def found(*texts: str, mask: bool = True) -> tuple[list[str], list[list[int]]]:
    changed, counts = personal.find(pa.array(texts, pa.large_string()), mask=mask)
    return changed.to_pylist(), counts.tolist()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("scrivi a nome.cognome@posta.example.org, grazie", "scrivi a [email], grazie"),
        ("chiama +39 06 1234 5678 domani", "chiama [phone] domani"),
        ("tel. 06 1234 5678", "tel. 06 1234 5678"),  # two groups are any number
        ("tel. 011 12 34 567", "tel. [phone]"),
        ("tel. 0444/123456", "tel. [phone]"),
        ("call (555) 123-4567", "call [phone]"),
        ("carta 4111 1111 1111 1111 scade", "carta [card] scade"),
        ("carta 4111 1111 1111 1112 scade", "carta 4111 1111 1111 1112 scade"),  # fails Luhn
        ("nel 1996-2003 erano 1.234.567", "nel 1996-2003 erano 1.234.567"),
        ("@nome non è un indirizzo", "@nome non è un indirizzo"),
        ("il 12/10/2003 alle 10:30", "il 12/10/2003 alle 10:30"),
    ],
)
def test_what_is_masked(text: str, masked: str):
    assert found("prima", text)[0] == ["prima", masked]


def test_all_is_counted_and_nothing_changed_unasked():
    text = "a@b.it, c@d.it e +39 06 1234 5678"
    assert found("x", text, mask=False) == (["x", text], [[0, 0, 0], [2, 1, 0]])


def test_luhn():
    assert personal.is_card_number("4111 1111 1111 1111")
    assert not personal.is_card_number("4111 1111 1111 1121")


def test_a_long_run_before_an_address_costs_no_more_than_its_length():
    text = "a" * 300_000 + " nome@posta.example.org"  # takes minutes if each letter begins anew
    assert found(text)[0] == ["a" * 300_000 + " [email]"]
