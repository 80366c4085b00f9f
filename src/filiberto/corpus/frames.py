"""Frames: sentence patterns with one slot `{V}` for a one-word form of a lexical verb.

A tested frame leaves exactly one form of the verb in correct Italian; `phrasebook.py` holds some
verbs out of each. The frames that are not tested show the same forms in other surroundings.
"""

from dataclasses import dataclass

from filiberto.corpus import italian
from filiberto.corpus.italian import Verb
from filiberto.corpus.scene import Scene, Subject
from filiberto.corpus.verbs import AVOID, LEXICAL


@dataclass(frozen=True)
class Frame:
    """A sentence pattern."""

    name: str
    category: str
    """What stands in the slot: `infinitive`, `gerund`, `participle` or a simple tense."""
    templates: tuple[str, ...]
    weight: float = 1.0
    """How often it comes, against the other frames."""
    person: int | None = None
    """The one person that the subject may have, or None for all."""


TESTED: tuple[Frame, ...] = (
    Frame(
        "modal",
        "infinitive",
        (
            "[{now}|{soon}] {s} [{modal}|{modal}|non {modal}] {V} {c}.",
            "{s} {modal} {V} {c}[ {soon}| {now}|, {but}].",
        ),
    ),
    Frame(
        "before",
        "infinitive",
        (
            "Prima di {V} {c}, {s} [{neutral}|{neutral_past}].",
            "{s} [{neutral}|{neutral_past}] prima di {V} {c}.",
        ),
    ),
    Frame(
        "decision",
        "infinitive",
        (
            "{s} {pensare pres} di {V} {c}[ {soon}|].",
            "{s} {avere pres} [deciso|promesso|intenzione] di {V} {c}[ {soon}|].",
            "{s} {sperare pres} di {V} {c}[ {soon}|].",
        ),
    ),
    Frame(
        "perfect",
        "participle",
        ("{past} {s} {aux pres} {V} {c}.", "{s} {aux pres} {V} {c} {past}."),
    ),
    Frame(
        "pluperfect",
        "participle",
        (
            "Quando {essere pres t} {ptc arrivare t} {t}, {s} {aux impf} già {V} {c}.",
            "[Ieri sera|Alle {hour}|A quell'ora] {s} {aux impf} già {V} {c}.",
        ),
    ),
    Frame("after", "participle", ("Dopo {auxinf} {V} {c}, {s} {neutral_past}.",)),
    Frame(
        "progressive",
        "gerund",
        (
            "{now} {s} {stare pres} {V} {c}.",
            "{s} {stare pres} {V} {c}[ {now}|, non {potere pres} parlare].",
        ),
    ),
    Frame(
        "background",
        "gerund",
        (
            "Quando {essere pres t} {ptc arrivare t} {t}, {s} {stare impf} {V} {c}.",
            "[Ieri alle {hour}|Ieri sera|A quell'ora] {s} {stare impf} {V} {c}.",
        ),
    ),
    Frame(
        "necessity",
        "subj",
        (
            "[Bisogna|È [meglio|importante|necessario|giusto]] che {s} {V} {c}[| subito| {soon}].",
            "{soon} [bisogna|è [meglio|importante|necessario]] che {s} {V} {c}.",
        ),
        weight=0.35,
    ),
    Frame(
        "will",
        "subj",
        ("{t} [{volere pres t}|non {volere pres t}] che {s} {V} {c}[| {soon}].",),
        weight=0.35,
    ),
    Frame("wish", "isubj", ("{head desire} che {s} {V} {c}[| {soon}].",), weight=0.35),
    Frame(
        "hypothesis",
        "isubj",
        ("Se {s} {V} {c}, {result}.", "{result} se {s} {V} {c}."),
        weight=0.35,
    ),
    Frame("time", "cond", ("Se {avere isubj} {leisure}, {s} {V} {c}.",), weight=0.35),
    Frame("weather", "cond", ("Se {unreal}, {s} {V} {c}.",), weight=0.35),
    Frame("habit", "pres", ("Di solito, quando {present_time}, {s} {V} {c}.",), weight=0.35),
    Frame("every_time", "pres", ("Ogni volta che {occasion}, {s} {V} {c}.",), weight=0.35),
    Frame(
        "youth",
        "impf",
        (
            "[{young}|In quegli anni], {s} {V} [sempre|spesso] {c}.",
            "{young}, {s} {V} {c} ogni [domenica|settimana|sera].",
        ),
        weight=0.35,
    ),
    Frame(
        "while_past",
        "impf",
        ("Mentre {s} {V} {c}, {interruption}.", "{interruption} mentre {s} {V} {c}."),
        weight=0.35,
    ),
    Frame(
        "when_done",
        "fut",
        ("[Quando|Appena] {avere fut} finito {chore}, {s} {V} {c}.",),
        weight=0.35,
    ),
    Frame("when_season", "fut", ("Quando {season}, {s} {V} {c}.",), weight=0.35),
)
"""The frames that verbs are held out of."""

UNTESTED: tuple[Frame, ...] = (
    Frame(
        "opinion_of_doing",
        "infinitive",
        (
            "[{who a}|A me|A noi] piace {V} {c}.",
            "è [bello|facile|importante|utile|difficile|meglio] {V} {c}.",
        ),
        weight=2.5,
    ),
    Frame(
        "purpose",
        "infinitive",
        (
            "{s} non {avere pres} [tempo|più tempo|il tempo] per {V} {c}.",
            "{s} non {avere pres} voglia di {V} {c}[| {soon}].",
        ),
        weight=0.7,
    ),
    Frame(
        "prohibition",
        "infinitive",
        ("[{name}, |]non {V} {c}[, per favore| adesso|, è tardi]!",),
        weight=1.5,
    ),
    Frame(
        "future_perfect",
        "participle",
        ("Quando {s} {aux fut} {V} {c}, {potere fut} finalmente riposare.",),
    ),
    Frame(
        "past_unreal",
        "participle",
        (
            "Se {s} {aux isubj} {V} {c}, {result_past}.",
            "{result_past} se {s} {aux isubj} {V} {c}.",
        ),
        weight=1.5,
    ),
    Frame(
        "past_conditional",
        "participle",
        ("{past} {s} {aux cond} {V} volentieri {c}, ma non {avere impf} tempo.",),
    ),
    Frame(
        "past_belief",
        "participle",
        (
            "{head belief} che {past} {s} {aux subj} {V} {c}.",
            "{head belief} che {s} {aux subj} già {V} {c}.",
        ),
    ),
    Frame(
        "doing_later",
        "gerund",
        ("[Domani a quest'ora|Domani alle {hour}] {s} {stare fut} {V} {c}.",),
    ),
    Frame("doing_believed", "gerund", ("{head belief} che {s} {stare subj} {V} {c}.",)),
    Frame(
        "belief",
        "subj",
        (
            "{head belief} che {s} {V} {c}[| ogni {day}| {soon}].",
            "È [possibile|probabile|strano|normale] che {s} {V} {c}[| {soon}].",
        ),
        weight=2.5,
    ),
    Frame(
        "although",
        "subj",
        ("[Benché|Sebbene] {s} {V} spesso {c}, {but_still}.",),
    ),
    Frame("formal_request", "subj", ("{titled}, {V} {c}, per favore.",), person=2, weight=1.5),
    Frame(
        "past_opinion",
        "isubj",
        ("{head opinion} che {s} {V} {c}[||| ogni {day}].",),
        weight=2.5,
    ),
    Frame("if_only", "isubj", ("Magari {s} {V} {c}[| {soon}]!",)),
    Frame(
        "gladly",
        "cond",
        ("{s} {V} volentieri {c}[|, ma non {avere pres} tempo|, ma {soon} non {potere pres}].",),
        weight=2.0,
    ),
    Frame(
        "with_more",
        "cond",
        ("Con [un po' di fortuna|più tempo|meno lavoro|un po' d'aiuto], {s} {V} {c}.",),
        weight=1.5,
    ),
    Frame(
        "every_day",
        "pres",
        (
            "Ogni {day} {s} {V} {c}.",
            "{s} {V} spesso {c}.",
            "{s} non {V} mai {c}.",
            "Perché {s} {V} {c}?",
        ),
        weight=3.0,
    ),
    Frame(
        "once",
        "impf",
        (
            "Una volta {s} {V} {c}[| ogni {day}].",
            "Quando {essere impf} {adj piccolo}, {s} {V} {c}[| ogni {day}].",
            "L'anno scorso {s} {V} spesso {c}.",
            "{head told} che {s} {V} spesso {c}.",
        ),
        weight=3.0,
    ),
    Frame(
        "tomorrow",
        "fut",
        ("{soon} {s} {V} {c}.", "{s} {V} {c} {soon}.", "{head certainty} che {s} {V} {c}."),
        weight=2.5,
    ),
    Frame("if_sun", "fut", ("Se {soon} {real}, {s} {V} {c}.",)),
    Frame(
        "request", "imp", ("{name}, {V} {c}[, per favore| subito| adesso]!",), person=1, weight=2.5
    ),
    Frame(
        "request_of_many",
        "imp",
        ("[Ragazzi|Ragazze|Bambini|Amici], {V} {c}[, per favore| subito| adesso]!",),
        person=4,
        weight=1.5,
    ),
)
"""The frames that show every verb."""

FRAMES = TESTED + UNTESTED


def form(verb: Verb, category: str, subject: Subject) -> str:
    """The form of the verb that a category and a subject ask for.

    Raises:
        ValueError: there is no such category.
    """
    match category:
        case "infinitive":
            return verb.infinitive
        case "gerund":
            return italian.gerund(verb)
        case "participle" if verb.auxiliary == "avere":
            return italian.participle(verb)
        case "participle":
            return italian.participle(verb, subject.gender, subject.plural)
        case "pres" | "impf" | "fut" | "cond" | "subj" | "isubj" | "imp":
            return italian.conjugate(verb, category, subject.person)
        case _:
            raise ValueError(f"category {category!r} is none of a verb's categories")


def allows(frame: Frame, infinitive: str) -> bool:
    """Whether a verb makes sense in a frame."""
    avoid = AVOID.get(infinitive, ())
    return frame.category not in avoid and frame.name not in avoid


def sentence(
    scene: Scene, frame: Frame, infinitive: str, *, also: str | None = None, gap: str | None = None
) -> str:
    """A sentence of a frame with a verb.

    Args:
        scene: who and what is spoken of.
        frame: the pattern.
        infinitive: the verb of its slot.
        also: a second verb, in the same form after the first one's complement.
        gap: stands in the place of the first verb's form.
    """
    verb = LEXICAL[infinitive]
    template = frame.templates[int(scene.rng.random() * len(frame.templates))]
    subject = scene.person("s")
    second = (LEXICAL[also], form(LEXICAL[also], frame.category, subject)) if also else None
    scene.enter(verb, gap or form(verb, frame.category, subject), also=second)
    return scene.fill(template)
