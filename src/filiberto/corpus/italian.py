"""Italian morphology: verbs by rule with their irregular stems, plurals, articles, prepositions.

    Verb("leggere", participle="letto") -> conjugate(verb, "pres", 2) -> "legge"
    Noun("zaino", "m") -> preposition("in", noun) -> "nello zaino"

Everything is written by rule; a record names only what departs from its rule. The six persons are
numbered 0 to 5: io, tu, lui, noi, voi, loro. The past historic is left out: the spoken Italian of
the phrasebook does without it.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

Gender = Literal["m", "f"]
Tense = Literal["pres", "impf", "fut", "cond", "subj", "isubj", "imp"]

SIMPLE_TENSES: tuple[Tense, ...] = ("pres", "impf", "fut", "cond", "subj", "isubj", "imp")
"""Present, imperfect, future, conditional, present and imperfect subjunctive, imperative."""

PLURAL_PERSONS = range(3, 6)

_PRESENT = {
    "are": ("o", "i", "a", "iamo", "ate", "ano"),
    "ere": ("o", "i", "e", "iamo", "ete", "ono"),
    "ire": ("o", "i", "e", "iamo", "ite", "ono"),
    "isc": ("isco", "isci", "isce", "iamo", "ite", "iscono"),
}
_IMPERFECT = ("vo", "vi", "va", "vamo", "vate", "vano")
_PAST_SUBJUNCTIVE = ("ssi", "ssi", "sse", "ssimo", "ste", "ssero")
_FUTURE = ("ò", "ai", "à", "emo", "ete", "anno")
_CONDITIONAL = ("ei", "esti", "ebbe", "emmo", "este", "ebbero")


@dataclass(frozen=True)
class Verb:
    """A verb; every field after `isc` is empty where the rule holds."""

    infinitive: str
    auxiliary: Literal["avere", "essere"] = "avere"
    isc: bool = False
    """Whether -isc- stands in the singular and third plural of the present (finisco)."""
    participle: str = ""
    present: str = ""
    """The six present forms, with spaces between them."""
    future: str = ""
    """The stem of future and conditional: `andr`."""
    theme: str = ""
    """The stem with its vowel of imperfect, imperfect subjunctive and gerund: `dice`."""
    past_subjunctive: str = ""
    """The stem of the imperfect subjunctive alone: `fo`."""
    subjunctive: str = ""
    """The first person of the present subjunctive, where it is not that of the indicative."""
    imperfect: str = ""
    """The six imperfect forms, with spaces between them."""
    imperative: str = ""
    """The imperative of tu, noi, voi, with spaces between them."""
    intransitive: bool = False
    """Whether a verb with avere takes no direct object, so that its participle never agrees."""

    @property
    def root(self) -> str:
        """The infinitive without its ending."""
        return self.infinitive[:-3]

    @property
    def ending(self) -> str:
        """The ending of the infinitive: are, ere, ire or rre."""
        return self.infinitive[-3:]


ESSERE = Verb(
    "essere",
    "essere",
    participle="stato",
    present="sono sei è siamo siete sono",
    imperfect="ero eri era eravamo eravate erano",
    future="sar",
    past_subjunctive="fo",
    subjunctive="sia",
    imperative="sii siamo siate",
)
AVERE = Verb(
    "avere",
    present="ho hai ha abbiamo avete hanno",
    future="avr",
    subjunctive="abbia",
    imperative="abbi abbiamo abbiate",
)


def attach(root: str, ending: str) -> str:
    """Join root and ending of a verb in -are, keeping the sound: cerc + i -> cerchi, mangi + i."""
    if ending[0] not in "ei":
        return root + ending
    if root[-1] in "cg":
        return root + "h" + ending
    if root.endswith("i") and (ending[0] == "i" or root[-2] in "cg"):
        return root[:-1] + ending
    return root + ending


@cache
def conjugation(verb: Verb, tense: Tense) -> tuple[str, ...]:
    """The six forms of a simple tense; persons without an imperative have an empty string."""
    match tense:
        case "pres":
            return _present(verb)
        case "impf":
            irregular = tuple(verb.imperfect.split())
            return irregular or tuple(_theme(verb) + end for end in _IMPERFECT)
        case "fut":
            return tuple(_future_stem(verb) + end for end in _FUTURE)
        case "cond":
            return tuple(_future_stem(verb) + end for end in _CONDITIONAL)
        case "subj":
            return _subjunctive(verb)
        case "isubj":
            stem = verb.past_subjunctive or _theme(verb)
            return tuple(stem + end for end in _PAST_SUBJUNCTIVE)
        case "imp":
            return _imperative(verb)


def conjugate(verb: Verb, tense: Tense, person: int) -> str:
    """The form of a simple tense, as in `conjugate(verb, "fut", 0)` -> "leggerò"."""
    return conjugation(verb, tense)[person]


def _present(verb: Verb) -> tuple[str, ...]:
    if verb.present:
        return tuple(verb.present.split())
    endings = _PRESENT["isc" if verb.isc else verb.ending]
    if verb.ending == "are":
        return tuple(attach(verb.root, end) for end in endings)
    return tuple(verb.root + end for end in endings)


def _theme(verb: Verb) -> str:
    return verb.theme or verb.root + verb.ending[0]


def _future_stem(verb: Verb) -> str:
    if verb.future:
        return verb.future
    if verb.ending == "are":
        return attach(verb.root, "er")
    return verb.root + verb.ending[0] + "r"


def _subjunctive(verb: Verb) -> tuple[str, ...]:
    present = _present(verb)
    if verb.subjunctive:
        first = verb.subjunctive
    elif verb.ending == "are" and not verb.present:
        first = attach(verb.root, "i")
    else:
        first = present[0][:-1] + "a"
    ours = present[3]
    return (first, first, first, ours, ours[:-2] + "te", first + "no")


def _imperative(verb: Verb) -> tuple[str, ...]:
    present = _present(verb)
    second = verb.root + "a" if verb.ending == "are" and not verb.present else present[1]
    forms = tuple(verb.imperative.split()) or (second, present[3], present[4])
    return ("", forms[0], "", forms[1], forms[2], "")


@cache
def gerund(verb: Verb) -> str:
    """The gerund: leggendo, facendo."""
    if verb.theme:
        return verb.theme + "ndo"
    return verb.root + ("ando" if verb.ending == "are" else "endo")


@cache
def participle(verb: Verb, gender: Gender = "m", plural: bool = False) -> str:
    """The past participle, agreeing: `participle(andare, "f", True)` -> "andate"."""
    masculine = verb.participle or (
        verb.root + {"are": "ato", "ere": "uto", "ire": "ito"}[verb.ending]
    )
    return masculine[:-1] + agreement(gender, plural)


def agreement(gender: Gender, plural: bool) -> str:
    """The last letter of a word in -o that agrees."""
    return {("m", False): "o", ("m", True): "i", ("f", False): "a", ("f", True): "e"}[
        gender, plural
    ]


@cache
def one_word_forms(verb: Verb) -> dict[str, tuple[str, ...]]:
    """Each one-word form of a verb with the categories it can be, in the order of the paradigm."""
    categories: dict[str, list[str]] = {}

    def note(form: str, category: str) -> None:
        known = categories.setdefault(form, [])
        if form and category not in known:
            known.append(category)

    note(verb.infinitive, "infinitive")
    note(gerund(verb), "gerund")
    note(participle(verb), "participle")
    if not verb.intransitive:
        for gender, plural in (("f", False), ("m", True), ("f", True)):
            note(participle(verb, gender, plural), "participle")
    for tense in SIMPLE_TENSES:
        for form in conjugation(verb, tense):
            note(form, tense)
    categories.pop("", None)
    return {form: tuple(known) for form, known in categories.items()}


@dataclass(frozen=True)
class Noun:
    """A noun; its plural follows the rule unless it is given."""

    singular: str
    gender: Gender
    irregular_plural: str = ""

    @property
    def plural(self) -> str:
        """The plural, by rule or irregular."""
        return self.irregular_plural or pluralize(self.singular, self.gender)

    def form(self, plural: bool) -> str:
        """The singular or the plural."""
        return self.plural if plural else self.singular


@cache
def pluralize(word: str, gender: Gender) -> str:
    """The regular plural: libro -> libri, amica -> amiche, orologio -> orologi, città -> città."""
    if word[-1] in "àèéìòùy" or word[-1] not in "aeio":
        return word
    if word.endswith(("co", "go")):
        return word[:-1] + "hi"
    if word.endswith(("ca", "ga")):
        return word[:-1] + ("he" if gender == "f" else "hi")
    if word.endswith(("cia", "gia")) and word[-4] not in "aeiou":
        return word[:-2] + "e"
    if word.endswith("io"):
        return word[:-1]
    if word.endswith("a"):
        return word[:-1] + ("e" if gender == "f" else "i")
    return word[:-1] + "i"


SOFT_PLURALS = ("simpatico", "antipatico", "economico", "amico", "medico")
"""Words in -co with the plural -ci, where the rule would give -chi."""


@cache
def inflect(adjective: str, gender: Gender, plural: bool) -> str:
    """An adjective of four endings (-o) or of two (-e): bianco -> bianche, verde -> verdi."""
    if adjective.endswith("e"):
        return adjective[:-1] + "i" if plural else adjective
    if gender == "f":
        feminine = adjective[:-1] + "a"
        return pluralize(feminine, "f") if plural else feminine
    if not plural:
        return adjective
    return adjective[:-1] + "i" if adjective in SOFT_PLURALS else pluralize(adjective, "m")


def starts_with_vowel(word: str) -> bool:
    """Whether an article elides before the word (h is silent)."""
    return word.casefold()[0] in "aeiouhàèéìòù"


def takes_lo(word: str) -> bool:
    """Whether the masculine article is lo, uno, gli: s + consonant, z, gn, ps, pn, x, y."""
    word = word.casefold()
    if word.startswith(("z", "gn", "ps", "pn", "x", "y")):
        return True
    return word[0] == "s" and word[1] not in "aeiouàèéìòù"


@cache
def definite(word: str, gender: Gender, plural: bool = False) -> str:
    """The definite article for the word that follows it; an elided one ends in an apostrophe."""
    if plural:
        if gender == "f":
            return "le"
        return "gli" if takes_lo(word) or starts_with_vowel(word) else "i"
    if starts_with_vowel(word):
        return "l'"
    if gender == "f":
        return "la"
    return "lo" if takes_lo(word) else "il"


@cache
def indefinite(word: str, gender: Gender) -> str:
    """The indefinite article: un amico, un'amica, uno studente."""
    if gender == "f":
        return "un'" if starts_with_vowel(word) else "una"
    return "uno" if takes_lo(word) else "un"


_FUSED = {
    "il": "l",
    "lo": "llo",
    "l'": "ll'",
    "i": "i",
    "gli": "gli",
    "la": "lla",
    "le": "lle",
}
_FUSING = {"a": "a", "di": "de", "da": "da", "in": "ne", "su": "su"}


@cache
def fuse(preposition: str, article: str) -> str:
    """A preposition with its article in one word: di + lo -> dello; con and per stay apart."""
    stem = _FUSING.get(preposition)
    return f"{preposition} {article}" if stem is None else stem + _FUSED[article]


def join(article: str, word: str) -> str:
    """Article and word with a space between them, unless the article is elided."""
    return article + word if article.endswith("'") else f"{article} {word}"


def the(noun: Noun, *, plural: bool = False, preposition: str | None = None) -> str:
    """A noun with its definite article, fused with a preposition if there is one: nello zaino."""
    word = noun.form(plural)
    article = definite(word, noun.gender, plural)
    return join(fuse(preposition, article) if preposition else article, word)


def a(noun: Noun) -> str:
    """A noun with its indefinite article."""
    return join(indefinite(noun.singular, noun.gender), noun.singular)


def before_vowel(preposition: str, word: str) -> str:
    """a and e take a d before the same vowel: ad Anna, ed Elena, but a Elena."""
    if preposition in ("a", "e") and word.casefold().startswith(preposition):
        return f"{preposition}d {word}"
    return f"{preposition} {word}"
