import pytest

from filiberto.corpus import identify

SENTENCES = {
    "it": "Questa mattina siamo andati al mercato a comprare il pane e la frutta per tutti.",
    "es": "Esta mañana hemos ido al mercado a comprar el pan y la fruta para todos nosotros.",
    "eu": "Gaur goizean merkatura joan gara ogia eta fruta erostera guztiontzat etxera itzultzeko.",
    "hi": "आज सुबह हम सब लोग बाज़ार गए थे और वहाँ से रोटी और फल खरीद कर घर लाए।",
    "te": "ఈ రోజు ఉదయం మేము అందరం మార్కెట్‌కు వెళ్లి రొట్టె మరియు పండ్లు కొని తెచ్చాము.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_language_knows_its_own_and_no_other(language: str):
    is_foreign = identify.foreign_to(language)
    expected = [other != language for other in SENTENCES]
    assert is_foreign(list(SENTENCES.values())).tolist() == expected


def test_short_text_is_never_foreign():
    assert not identify.foreign_to("it")(["Good morning to you"]).any()


def test_capitals_are_no_other_language():
    text = "UN'IMMAGINE DI UN EDIFICIO CHE DA SU UN PRATO"
    assert not identify.foreign_to("it")([text]).any()


@pytest.mark.parametrize(("language", "known"), [("te", True), ("nv", False), ("", False)])
def test_it_says_which_languages_it_knows(language: str, known: bool):
    assert identify.knows(language) == known
