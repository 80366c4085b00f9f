"""Frames: a verb in the form that its frame asks for, and sentences made of both."""

from filiberto.corpus import italian
from filiberto.corpus.italian import Verb
from filiberto.corpus.patterns import Frame
from filiberto.corpus.scene import Scene, Subject
from filiberto.corpus.verbs import AVOID, LEXICAL


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
