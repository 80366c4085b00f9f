"""Minimal pairs from the demonstration's test sentences: what exactly is wrong with a wrong form?

    "Se Anna avesse tempo, ___ un libro."  leggerebbe | leggerebbero  -> number
                                                      | leggesse      -> mood

Each wrong form is one that the test sentence rules out already; here it differs from the right one
in a single respect, which names the phenomenon.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from filiberto.corpus import italian
from filiberto.corpus.italian import Tense, Verb
from filiberto.corpus.patterns import TESTED
from filiberto.corpus.phrasebook import HeldOutItem
from filiberto.corpus.verbs import LEXICAL

_OTHER_NUMBER = {0: 3, 2: 5, 5: 2}
_OTHER_PERSON = {0: 2, 2: 0, 5: 3}
"""Of the persons that test sentences ask for: the same person in the other number, and another
person in the same number."""

_OTHER_MOOD: dict[Tense, Tense] = {
    "subj": "pres",
    "pres": "subj",
    "isubj": "impf",
    "cond": "isubj",
}
_OTHER_TENSE: dict[Tense, Tense] = {"impf": "fut", "fut": "impf"}
"""Not fut for pres and not the other way round: spoken Italian puts either for the other."""


def contrasts(items: Iterable[HeldOutItem]) -> list[tuple[str, str, str]]:
    """Minimal pairs by phenomenon: number, person, mood, tense and non-finite form.

    Returns:
        A good sentence, a bad one and the phenomenon, for each.
    """
    categories = {frame.name: frame.category for frame in TESTED}
    return [
        (item.text.replace("___", item.right), item.text.replace("___", form), phenomenon)
        for item in items
        for phenomenon, form in _wrong_forms(item, categories[item.frame])
        if form in item.wrong
    ]


def _wrong_forms(item: HeldOutItem, category: str) -> Iterator[tuple[str, str]]:
    verb = LEXICAL[item.verb]
    match category:
        case "infinitive":
            yield "non-finite form", italian.gerund(verb)
        case "gerund" | "participle":
            yield "non-finite form", verb.infinitive
        case "pres" | "impf" | "fut" | "cond" | "subj" | "isubj":
            yield from _finite(verb, category, item.right)


def _finite(verb: Verb, tense: Tense, right: str) -> Iterator[tuple[str, str]]:
    """Where one form serves two persons, the one that comes first stands for both."""
    forms = italian.conjugation(verb, tense)
    person = next(person for person in _OTHER_NUMBER if forms[person] == right)
    yield "number", forms[_OTHER_NUMBER[person]]
    yield "person", forms[_OTHER_PERSON[person]]
    if tense in _OTHER_MOOD:
        yield "mood", italian.conjugate(verb, _OTHER_MOOD[tense], person)
    if tense in _OTHER_TENSE:
        yield "tense", italian.conjugate(verb, _OTHER_TENSE[tense], person)
