"""The words of the phrasebook that are not verbs: nouns by meaning, adjectives, names, places."""

from filiberto.corpus.italian import Gender, Noun

_IRREGULAR_PLURALS = {
    "medico": "medici",
    "zio": "zii",
    "problema": "problemi",
    "valigia": "valigie",
    "camicia": "camicie",
}


def _nouns(masculine: str, feminine: str) -> tuple[Noun, ...]:
    genders: tuple[tuple[Gender, str], ...] = (("m", masculine), ("f", feminine))
    return tuple(
        Noun(word, gender, _IRREGULAR_PLURALS.get(word, ""))
        for gender, words in genders
        for word in words.split()
    )


def _words(words: str) -> tuple[str, ...]:
    return tuple(words.split())


NOUNS: dict[str, tuple[Noun, ...]] = {
    "dish": _nouns(
        "panino gelato biscotto cornetto",
        "pizza torta mela insalata minestra frittata arancia pera",
    ),
    "prepared": _nouns("panino dolce", "pizza torta insalata minestra frittata"),
    "cooked": _nouns("arrosto risotto", "minestra frittata zuppa"),
    "food": _nouns("pane riso pesce formaggio pollo", "pasta carne frutta verdura"),
    "raw": _nouns("riso pesce pollo", "pasta carne verdura"),
    "drink": _nouns("caffè tè cappuccino aperitivo", "birra aranciata spremuta cioccolata"),
    "liquid": _nouns("latte vino succo", "acqua"),
    "meal": _nouns("pranzo", "cena colazione"),
    "text": _nouns("libro giornale romanzo fumetto articolo", "rivista poesia favola"),
    "book": _nouns("libro giornale romanzo dizionario", "rivista"),
    "message": _nouns("messaggio articolo racconto biglietto", "lettera poesia cartolina"),
    "thing": _nouns(
        "orologio ombrello quaderno telefono zaino specchio dizionario",
        "borsa penna lampada valigia bicicletta",
    ),
    "small": _nouns("orologio ombrello quaderno telefono dizionario", "borsa penna"),
    "gift": _nouns("regalo libro fiore disco anello", "penna sciarpa borsa torta fotografia"),
    "parcel": _nouns("pacco regalo", "lettera scatola"),
    "clothes": _nouns("vestito cappello cappotto maglione", "camicia giacca gonna maglia sciarpa"),
    "instrument": _nouns("pianoforte violino flauto", "chitarra tromba"),
    "song": _nouns("valzer", "canzone aria melodia"),
    "poem": _nouns("mestiere", "poesia canzone"),
    "subject": _nouns(
        "inglese francese spagnolo tedesco", "storia matematica geografia chimica musica fisica"
    ),
    "show": _nouns("film documentario concerto spettacolo", "partita commedia gara"),
    "topic": _nouns("lavoro viaggio film tempo libro problema", "scuola politica vacanza partita"),
    "vehicle": _nouns("treno autobus tram aereo taxi", "metropolitana nave"),
    "opening": _nouns("cancello cassetto", "porta finestra"),
    "door": _nouns("", "porta finestra"),
    "room": _nouns("bagno salotto studio", "camera cucina"),
    "top": _nouns("tavolo letto scaffale divano", "scrivania sedia poltrona"),
    "box": _nouns("cassetto zaino", "borsa valigia scatola"),
    "wardrobe": _nouns("armadio cassetto", "valigia"),
    "dishes": _nouns("piatto bicchiere", "tazza finestra"),
    "car": _nouns("", "macchina bicicletta"),
    "home": _nouns("appartamento albergo", "casa stanza"),
    "bill": _nouns("conto biglietto caffè pranzo affitto", "cena bolletta"),
    "story": _nouns("sogno segreto", "storia favola barzelletta"),
    "lesson": _nouns("problema esercizio", "lezione regola strada"),
    "favor": _nouns("favore consiglio aiuto", "informazione"),
    "task": _nouns("lavoro compito esercizio progetto", "lezione ricerca traduzione"),
    "animal": _nouns("gatto cane", ""),
    "person": _nouns(
        "professore studente ragazzo medico direttore zio vicino bambino",
        "professoressa studentessa ragazza dottoressa direttrice zia vicina bambina",
    ),
    "sight": _nouns("ponte mercato albergo giardino", "piazza chiesa strada torre"),
}
"""Nouns by meaning. Some stand in several classes."""

ADJECTIVES: dict[str, tuple[str, ...]] = {
    "taste": _words("buono ottimo speciale leggero squisito semplice"),
    "reading": _words("interessante divertente noioso lungo breve famoso difficile"),
    "performance": _words("interessante divertente nuovo lungo famoso"),
    "writing": _words("lungo breve divertente gentile importante"),
    "tune": _words("famoso triste allegro lento nuovo"),
    "tale": _words("strano divertente triste lungo segreto incredibile"),
    "colour": _words("rosso nero bianco verde giallo azzurro grigio"),
    "make": _words("nuovo elegante economico moderno"),
    "present": _words("costoso speciale originale utile"),
    "place": _words("tranquillo moderno antico grande piccolo famoso"),
    "mood": _words("felice contento tranquillo allegro sereno"),
    "low": _words("stanco triste nervoso preoccupato"),
    "character": _words("simpatico gentile timido paziente serio intelligente"),
    "home": _words("comodo luminoso piccolo grande silenzioso pulito economico"),
}
"""Adjectives by what they say."""

SUITS: dict[str, tuple[str, ...]] = {
    "dish": ("taste",),
    "prepared": ("taste",),
    "text": ("reading",),
    "message": ("writing",),
    "show": ("performance",),
    "song": ("tune",),
    "story": ("tale",),
    "thing": ("colour", "make"),
    "small": ("colour", "make"),
    "gift": ("present",),
    "clothes": ("colour", "make"),
    "home": ("home",),
    "sight": ("place",),
}
"""Which kinds of adjectives suit a class of nouns."""

NAMES: dict[Gender, tuple[str, ...]] = {
    "m": _words(
        "Luca Marco Paolo Giovanni Andrea Matteo Davide Stefano Antonio Carlo Roberto Fabio "
        "Enrico Pietro Tommaso Giorgio"
    ),
    "f": _words(
        "Anna Maria Giulia Sara Elena Chiara Laura Francesca Paola Silvia Marta Lucia Teresa "
        "Valentina Irene Carla"
    ),
}
CITIES = _words(
    "Roma Milano Napoli Torino Firenze Bologna Venezia Genova Palermo Verona Bari Trieste Padova "
    "Siena Pisa Ancona Parma Lecce"
)

PLACES: dict[str, str] = {
    "al mercato": "dal mercato",
    "al cinema": "dal cinema",
    "al parco": "dal parco",
    "al bar": "dal bar",
    "al ristorante": "dal ristorante",
    "al supermercato": "dal supermercato",
    "al museo": "dal museo",
    "allo stadio": "dallo stadio",
    "all'università": "dall'università",
    "all'aeroporto": "dall'aeroporto",
    "in banca": "dalla banca",
    "in biblioteca": "dalla biblioteca",
    "in piscina": "dalla piscina",
    "in palestra": "dalla palestra",
    "in stazione": "dalla stazione",
    "in farmacia": "dalla farmacia",
    "in ufficio": "dall'ufficio",
    "in piazza": "dalla piazza",
    "in centro": "dal centro",
    "a scuola": "da scuola",
    "a teatro": "da teatro",
}
"""Places with the preposition of being there or going there, and that of coming from there."""
