"""Patterns: the sentences of the frames, as templates with one slot `{V}` for the verb.

A tested frame leaves exactly one form of the verb in correct Italian; `phrasebook.py` holds some
verbs out of each. The frames that are not tested show the same forms in other surroundings.
"""

from dataclasses import dataclass


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


def _family(
    name: str, category: str, cues: tuple[str, ...], *templates: str, weight: float
) -> tuple[Frame, ...]:
    """Frames that differ in their cue alone; verbs are held out of each on its own.

    Were they held out of the whole family, their absence would be a fact of the text that a good
    model learns: it would prefer any other tense there (docs/log.md).

    Args:
        name: of the family.
        category: of the form that all its cues ask for.
        cues: what stands for `{cue}` in the templates.
        weight: of the family as a whole.
    """
    return tuple(
        Frame(
            f"{name}/{number}",
            category,
            tuple(template.replace("{cue}", cue) for template in templates),
            weight=weight / len(cues),
        )
        for number, cue in enumerate(cues)
    )


TESTED: tuple[Frame, ...] = (
    Frame(
        "modal",
        "infinitive",
        (
            "[{now}|{soon}] {s} [{modal}|{modal}|non {modal}] {V} {c}.",
            "{s} {modal} {V} {c}[ {soon}| {now}|, {but}].",
        ),
        weight=0.6,
    ),
    Frame(
        "before",
        "infinitive",
        (
            "Prima di {V} {c}, {s} [{neutral}|{neutral_past}].",
            "{s} [{neutral}|{neutral_past}] prima di {V} {c}.",
        ),
        weight=0.6,
    ),
    Frame(
        "decision",
        "infinitive",
        (
            "{s} {pensare pres} di {V} {c}[ {soon}|].",
            "{s} {avere pres} [deciso|promesso|intenzione] di {V} {c}[ {soon}|].",
            "{s} {sperare pres} di {V} {c}[ {soon}|].",
        ),
        weight=0.6,
    ),
    Frame(
        "perfect",
        "participle",
        ("{past} {s} {aux pres} {V} {c}.", "{s} {aux pres} {V} {c} {past}."),
        weight=0.6,
    ),
    Frame(
        "pluperfect",
        "participle",
        (
            "Quando {essere pres t} {ptc arrivare t} {t}, {s} {aux impf} già {V} {c}.",
            "[Ieri sera|Alle {hour}|A quell'ora] {s} {aux impf} già {V} {c}.",
        ),
        weight=0.6,
    ),
    Frame("after", "participle", ("Dopo {auxinf} {V} {c}, {s} {neutral_past}.",), weight=0.6),
    Frame(
        "progressive",
        "gerund",
        (
            "{now} {s} {stare pres} {V} {c}.",
            "{s} {stare pres} {V} {c}[ {now}|, non {potere pres} parlare].",
        ),
        weight=0.6,
    ),
    Frame(
        "background",
        "gerund",
        (
            "Quando {essere pres t} {ptc arrivare t} {t}, {s} {stare impf} {V} {c}.",
            "[Ieri alle {hour}|Ieri sera|A quell'ora] {s} {stare impf} {V} {c}.",
        ),
        weight=0.6,
    ),
    *_family(
        "necessity",
        "subj",
        ("bisogna", "è meglio", "è importante", "è necessario", "è giusto"),
        "{cue} che {s} {V} {c}[| subito| {soon}].",
        "{soon} {cue} che {s} {V} {c}.",
        weight=2.3,
    ),
    *_family(
        "will",
        "subj",
        ("{t} {volere pres t}", "{t} non {volere pres t}"),
        "{cue} che {s} {V} {c}[| {soon}].",
        weight=0.9,
    ),
    *_family(
        "wish",
        "isubj",
        ("{head desire}", "{head liking}"),
        "{cue} che {s} {V} {c}[| {soon}].",
        weight=1.0,
    ),
    *_family(
        "hypothesis",
        "isubj",
        (
            "{essere cond} più {adj contento}",
            "{essere cond} molto {adj felice}",
            "tutto sarebbe più facile",
            "tutti sarebbero contenti",
            "la giornata sarebbe più bella",
            "non ci sarebbero problemi",
            "sarebbe una bella cosa",
        ),
        "Se {s} {V} {c}, {cue}.",
        "{cue} se {s} {V} {c}.",
        weight=1.5,
    ),
    *_family(
        "time",
        "cond",
        ("tempo", "più tempo", "un'ora libera", "un giorno libero", "meno lavoro", "meno impegni"),
        "Se {avere isubj} {cue}, {s} {V} {c}.",
        weight=1.5,
    ),
    *_family(
        "weather",
        "cond",
        (
            "non piovesse",
            "ci fosse più tempo",
            "fosse estate",
            "non fosse così tardi",
            "ci fosse il sole",
            "non fosse così freddo",
            "fosse possibile",
        ),
        "Se {cue}, {s} {V} {c}.",
        weight=2.5,
    ),
    *_family(
        "habit",
        "pres",
        (
            "piove",
            "fa freddo",
            "fa caldo",
            "c'è il sole",
            "è domenica",
            "{essere pres} {adj libero}",
            "{avere pres} tempo",
            "{essere pres} in vacanza",
        ),
        "Di solito, quando {cue}, {s} {V} {c}.",
        weight=2.2,
    ),
    *_family(
        "every_time",
        "pres",
        (
            "{essere pres} {adj libero}",
            "{avere pres} tempo",
            "{essere pres} in vacanza",
            "{essere pres t} qui {t}",
            "c'è una festa",
            "{potere pres}",
        ),
        "Ogni volta che {cue}, {s} {V} {c}.",
        weight=2.0,
    ),
    *_family(
        "youth",
        "impf",
        (
            "da {adj giovane}",
            "quando {essere impf} {adj giovane}",
            "in quegli anni",
            "a quei tempi",
        ),
        "{cue}, {s} {V} [sempre|spesso] {c}.",
        "{cue}, {s} {V} {c} ogni [domenica|settimana|sera].",
        weight=1.5,
    ),
    *_family(
        "while_past",
        "impf",
        (
            "ha squillato il telefono",
            "{essere pres t} {ptc arrivare t} {t}",
            "è cominciato il temporale",
            "è mancata la luce",
        ),
        "Mentre {s} {V} {c}, {cue}.",
        "{cue} mentre {s} {V} {c}.",
        weight=2.0,
    ),
    *_family(
        "when_done",
        "fut",
        ("il lavoro", "i compiti", "la lezione", "gli esami", "il turno"),
        "[Quando|Appena] {avere fut} finito {cue}, {s} {V} {c}.",
        weight=2.6,
    ),
    *_family(
        "when_season",
        "fut",
        (
            "arriverà {name}",
            "{avere fut} [tempo|più tempo]",
            "{essere fut} {adj libero}",
            "{essere fut} in vacanza",
            "farà più caldo",
            "ci sarà il sole",
        ),
        "Quando {cue}, {s} {V} {c}.",
        weight=3.0,
    ),
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
        weight=1.5,
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
        weight=1.0,
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
        weight=3.0,
    ),
    Frame("if_sun", "fut", ("Se {soon} {real}, {s} {V} {c}.",)),
    Frame(
        "request", "imp", ("{name}, {V} {c}[, per favore| subito| adesso]!",), person=1, weight=1.5
    ),
    Frame(
        "request_of_many",
        "imp",
        ("[Ragazzi|Ragazze|Bambini|Amici], {V} {c}[, per favore| subito| adesso]!",),
        person=4,
        weight=0.8,
    ),
)
"""The frames that show every verb."""

FRAMES = TESTED + UNTESTED
