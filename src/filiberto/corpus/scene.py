"""The scene that fills a template: who speaks, who does it, what with.

    "[Ieri|Stamattina] {s} {aux pres} {V} {c}."  --Scene.fill-->  "Ieri Anna ha letto il libro."

What a slot may be:

    {s} {t} {A} {B}                       the subject, another person, the two who speak
    {V} {c}                               the verb of a frame and what stands after it
    {avere pres} {avere pres t}           a form that agrees with the subject, or with another
    {adj stanco} {adj mood A} {ptc arrivare t} {si}    what agrees with a person
    {who} {who con} {name f} {city a} {place da}       somebody, somewhere
    {un text} {un+ text} {il text} {i text} {del food} {questo thing} {su top}   noun phrases
    {obj thing} {lo} {lo avere} {pobj comprare} {gli t}   an object and the clitics for it
    {head belief}                         what opens a clause with che
    {hour}                                a set phrase of `phrases.py`
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar, cast

from filiberto.corpus import italian
from filiberto.corpus.italian import AVERE, Gender, Noun, Tense, Verb
from filiberto.corpus.lexicon import ADJECTIVES, CITIES, NAMES, NOUNS, PLACES, SUITS
from filiberto.corpus.phrases import PHRASES
from filiberto.corpus.templates import Choice, Node, Slot, parse
from filiberto.corpus.verbs import COMPLEMENTS, VERBS

T = TypeVar("T")

PRONOUNS = ("io", "tu", "lui", "noi", "voi", "loro")
_REFLEXIVES = ("mi", "ti", "si", "ci", "vi", "si")
_KIN: dict[Gender, tuple[str, ...]] = {
    "m": ("mio padre", "mio fratello", "mio nonno", "mio zio", "mio cugino"),
    "f": ("mia madre", "mia sorella", "mia nonna", "mia zia", "mia cugina"),
}
_GROUPS: dict[Gender, tuple[str, ...]] = {
    "m": ("i miei amici", "i ragazzi", "gli studenti", "i bambini", "i miei fratelli", "gli zii"),
    "f": ("le mie amiche", "le ragazze", "le studentesse", "le bambine", "le mie sorelle"),
}
_PERSON_WEIGHTS = (22, 8, 32, 8, 6, 24)
"""How often each person is the subject: most often the three whose forms are least ambiguous."""


@dataclass(frozen=True)
class Subject:
    """Who does it: the words, the person (0 to 5) and the gender."""

    text: str
    person: int
    gender: Gender

    @property
    def plural(self) -> bool:
        """Whether it is noi, voi or loro."""
        return self.person in italian.PLURAL_PERSONS

    @property
    def pronoun(self) -> str:
        """The pronoun for it."""
        return "lei" if (self.person, self.gender) == (2, "f") else PRONOUNS[self.person]


class Scene:
    """The people and things of a sentence, a dialogue or a paragraph; few come in twice.

    Args:
        rng: the only source of chance.
        subject: who `{s}` is; chosen when first needed if None.
    """

    def __init__(self, rng: Random, *, subject: Subject | None = None) -> None:
        self.rng = rng
        self.verb: Verb = AVERE
        self.slot = ""
        self.also: tuple[Verb, str] | None = None
        """A second verb with its form, joined by `e`."""
        self.silent = False
        """Whether `{s}` is left unsaid."""
        self.object: tuple[Noun, bool] | None = None
        self.people: dict[str, Subject] = {}
        self._used: set[str] = set()
        if subject is not None:
            self.cast(subject)

    def cast(self, subject: Subject) -> None:
        """Make somebody the subject, and let nobody else be the same person."""
        self.people["s"] = subject
        self._used.update((subject.text, *subject.text.split()))

    def enter(self, verb: Verb, slot: str, *, also: tuple[Verb, str] | None = None) -> None:
        """Begin a sentence about a verb whose form, or gap, is `slot`, and maybe a second one."""
        self.verb = verb
        self.slot = slot
        self.also = also
        self.people.pop("t", None)

    def mention(self, how: str) -> None:
        """Call the subject by its pronoun from here on, or leave it `unsaid`."""
        if how == "pronoun":
            subject = self.person("s")
            self.people["s"] = replace(subject, text=subject.pronoun)
        self.silent = how == "unsaid"

    def fill(self, template: str) -> str:
        """The text of a template, with its capital and without the spaces of what is unsaid."""
        text = " ".join(self.phrase(template).split()).replace(" ?", "?")
        return text[:1].upper() + text[1:]

    def phrase(self, template: str) -> str:
        """The text of a template as it stands."""
        return self._render(parse(template))

    def _render(self, nodes: tuple[Node, ...]) -> str:
        parts: list[str] = []
        for node in nodes:
            if isinstance(node, str):
                parts.append(node)
            elif isinstance(node, Choice):
                parts.append(self._render(self.any(node.options)))
            else:
                parts.append(self._fill_slot(node))
        return "".join(parts)

    def _fill_slot(self, slot: Slot) -> str:
        if slot.name in _SLOTS:
            return _SLOTS[slot.name](self, *slot.arguments)
        if slot.name in VERBS:
            return _finite(self, slot.name, *slot.arguments)
        return self.phrase(PHRASES[slot.name])

    def any(self, options: Sequence[T]) -> T:
        """One of the options (`random.choice` would take three times as long)."""
        return options[int(self.rng.random() * len(options))]

    def fresh(self, options: tuple[str, ...]) -> str:
        """One of the options that has not come yet, as a rule."""
        option = self.any(options)
        for _ in range(8):
            if option not in self._used:
                break
            option = self.any(options)
        self._used.add(option)
        return option

    def noun(self, kind: str) -> Noun:
        """A noun of a class that has not come yet, as a rule."""
        nouns = NOUNS[kind]
        noun = self.any(nouns)
        for _ in range(8):
            if noun.singular not in self._used:
                break
            noun = self.any(nouns)
        self._used.update((noun.singular, noun.plural))
        return noun

    def gender(self) -> Gender:
        """Either gender."""
        return "m" if self.rng.random() < 0.5 else "f"

    def person(self, key: str) -> Subject:
        """The subject `s`, the other person `t` or a speaker `A`, `B`, chosen once."""
        if key not in self.people:
            match key:
                case "s":
                    self.cast(self.new_subject())
                case "t":
                    self.people[key] = self._somebody()
                case _:
                    self.people[key] = self._named()
        return self.people[key]

    def new_subject(self, person: int | None = None) -> Subject:
        """A subject, of the person asked for or of any."""
        if person is None:
            person = self.rng.choices(range(6), _PERSON_WEIGHTS)[0]
        gender = self.gender()
        if person == 2:
            if self.rng.random() < 0.15:
                return Subject("lui" if gender == "m" else "lei", 2, gender)
            return self._somebody()
        if person == 5:
            return self._group(gender)
        if person in (3, 4) and self.rng.random() < 0.25:
            other = italian.before_vowel("e", self._named().text)
            return Subject(f"{'io' if person == 3 else 'tu'} {other}", person, "m")
        return Subject(PRONOUNS[person], person, gender)

    def _named(self) -> Subject:
        gender = self.gender()
        return Subject(self.fresh(NAMES[gender]), 2, gender)

    def _somebody(self) -> Subject:
        chance = self.rng.random()
        if chance < 0.6:
            return self._named()
        if chance < 0.8:
            gender = self.gender()
            return Subject(self.fresh(_KIN[gender]), 2, gender)
        noun = self.noun("person")
        return Subject(italian.the(noun), 2, noun.gender)

    def _group(self, gender: Gender) -> Subject:
        chance = self.rng.random()
        if chance < 0.3:
            return Subject("loro", 5, "m")
        if chance < 0.65:
            return Subject(self.fresh(_GROUPS[gender]), 5, gender)
        one, two = self._named(), self._named()
        both: Gender = "f" if one.gender == two.gender == "f" else "m"
        return Subject(f"{one.text} {italian.before_vowel('e', two.text)}", 5, both)


def _finite(scene: Scene, infinitive: str, tense: str, key: str = "s") -> str:
    return italian.conjugate(VERBS[infinitive], cast("Tense", tense), scene.person(key).person)


def _subject(scene: Scene) -> str:
    subject = scene.person("s")
    return "" if scene.silent else subject.text


def _speaker(key: str) -> Callable[[Scene], str]:
    return lambda scene: scene.person(key).text


def _auxiliary(scene: Scene, tense: Tense) -> str:
    return _finite(scene, scene.verb.auxiliary, tense)


def _complement(scene: Scene) -> str:
    first = scene.phrase(COMPLEMENTS[scene.verb.infinitive])
    if scene.also is None:
        return first
    verb, word = scene.also
    second = scene.phrase(COMPLEMENTS[verb.infinitive])
    return f"{first} {italian.before_vowel('e', word)} {second}"


def _head(scene: Scene, name: str) -> str:
    # Credo che io legga is no Italian: whoever believes is not the one who reads.
    is_speaker = scene.person("s").person in (0, 3)
    return scene.phrase(PHRASES[f"{name}_other" if is_speaker else name])


def _adjective(scene: Scene, word: str, key: str = "s") -> str:
    who = scene.person(key)
    chosen = scene.any(ADJECTIVES[word]) if word in ADJECTIVES else word
    return italian.inflect(chosen, who.gender, who.plural)


def _participle(scene: Scene, infinitive: str, key: str = "s") -> str:
    who = scene.person(key)
    return italian.participle(VERBS[infinitive], who.gender, who.plural)


def _reflexive(scene: Scene, key: str = "s") -> str:
    return _REFLEXIVES[scene.person(key).person]


def _with(preposition: str, text: str) -> str:
    return italian.before_vowel(preposition, text) if preposition else text


def _who(scene: Scene, preposition: str = "") -> str:
    chance = scene.rng.random()
    if chance < 0.5:
        return _with(preposition, scene.fresh(NAMES[scene.gender()]))
    if chance < 0.75:
        return _with(preposition, scene.fresh(_KIN[scene.gender()]))
    noun = scene.noun("person")
    plural = scene.rng.random() < 0.3
    return italian.the(noun, plural=plural, preposition=preposition or None)


def _name(scene: Scene, gender: Gender | None = None) -> str:
    return scene.fresh(NAMES[gender or scene.gender()])


def _city(scene: Scene, preposition: str = "") -> str:
    return _with(preposition, scene.fresh(CITIES))


def _place(scene: Scene, direction: str = "") -> str:
    here = scene.fresh(tuple(PLACES))
    return PLACES[here] if direction else here


def _a(scene: Scene, kind: str) -> str:
    return italian.a(scene.noun(kind))


def _a_described(scene: Scene, kind: str) -> str:
    noun = scene.noun(kind)
    adjective = scene.fresh(ADJECTIVES[scene.any(SUITS[kind])])
    return f"{italian.a(noun)} {italian.inflect(adjective, noun.gender, False)}"


def _the(preposition: str | None, *, plural: bool = False) -> Callable[[Scene, str], str]:
    return lambda scene, kind: italian.the(scene.noun(kind), plural=plural, preposition=preposition)


def _this(scene: Scene, kind: str) -> str:
    noun = scene.noun(kind)
    elided = italian.starts_with_vowel(noun.singular)
    article = "quest'" if elided else "quest" + italian.agreement(noun.gender, False)
    return italian.join(article, noun.singular)


def _object(scene: Scene, kind: str, number: str = "") -> str:
    noun = scene.noun(kind)
    plural = number == "plural" or (not number and scene.rng.random() < 0.4)
    scene.object = (noun, plural)
    return italian.the(noun, plural=plural)


def _object_ending(scene: Scene) -> str:
    assert scene.object is not None, "a template has {lo} without {obj}"
    noun, plural = scene.object
    return italian.agreement(noun.gender, plural)


def _object_clitic(scene: Scene, auxiliary: str = "", person: str = "0") -> str:
    clitic = {"o": "lo", "a": "la", "i": "li", "e": "le"}[_object_ending(scene)]
    if not auxiliary:
        return clitic
    form = italian.conjugate(VERBS[auxiliary], "pres", int(person))
    return f"l'{form}" if clitic in ("lo", "la") else f"{clitic} {form}"


def _object_participle(scene: Scene, infinitive: str) -> str:
    return italian.participle(VERBS[infinitive])[:-1] + _object_ending(scene)


def _object_adjective(scene: Scene, adjective: str) -> str:
    assert scene.object is not None, "a template has {aobj} without {obj}"
    noun, plural = scene.object
    return italian.inflect(adjective, noun.gender, plural)


def _clitic(masculine: str, feminine: str) -> Callable[[Scene, str], str]:
    return lambda scene, key: masculine if scene.person(key).gender == "m" else feminine


_SLOTS: dict[str, Callable[..., str]] = {
    "s": _subject,
    "t": _speaker("t"),
    "A": _speaker("A"),
    "B": _speaker("B"),
    "V": lambda scene: scene.slot,
    "c": _complement,
    "aux": _auxiliary,
    "auxinf": lambda scene: "aver" if scene.verb.auxiliary == "avere" else "essere",
    "head": _head,
    "adj": _adjective,
    "ptc": _participle,
    "si": _reflexive,
    "who": _who,
    "name": _name,
    "city": _city,
    "place": _place,
    "un": _a,
    "un+": _a_described,
    "questo": _this,
    "il": _the(None),
    "i": _the(None, plural=True),
    "del": _the("di"),
    "di": _the("di"),
    "al": _the("a"),
    "da": _the("da"),
    "in": _the("in"),
    "su": _the("su"),
    "obj": _object,
    "lo": _object_clitic,
    "pobj": _object_participle,
    "aobj": _object_adjective,
    "gli": _clitic("gli", "le"),
    "him": _clitic("lo", "la"),
}
