"""The demo's corpus: Italian from a grammar of our own, and test sentences that it never says.

    seed -> topics and frames -> documents of one line        (for training)
    seed -> verb x frame pairs kept apart by a hash -> items  (for the test)

About 15 % of the pairs of a verb and a tested frame are held out: the verb is in the corpus in all
its forms, the frame is there with other verbs, the two are never there together. A model that puts
the right form into the frame has learnt what the frame demands rather than the sentence.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import accumulate
from random import Random

from filiberto.corpus import italian
from filiberto.corpus.dialogues import TOPICS
from filiberto.corpus.frames import allows, form, sentence
from filiberto.corpus.lexicon import NOUNS
from filiberto.corpus.patterns import FRAMES, TESTED, Frame
from filiberto.corpus.scene import Scene, Subject
from filiberto.corpus.verbs import LEXICAL, VERBS

HELD_OUT_PERCENT = 15
NEVER_HELD_OUT = ("fare", "dire", "andare", "arrivare", "finire")
"""Verbs of the set phrases: they are met in nearly every frame."""

LOWER_CASE_SHARE = 1 / 3
TALK_SHARE = 0.26
SINGLE_SHARE = 0.3
"""The shares of documents that are as in a chat, that are talk, that are one sentence."""

SECOND_VERB_SHARE = 0.4
_JOINED = ("pres", "impf", "fut", "cond", "subj", "isubj")
"""How many sentences of these tenses have a second verb."""

MAX_SENTENCE_SHARE = 0.0004
SENTENCE_GRACE = 3
"""A sentence may come this share of the corpus so far, and this many times to begin with."""

_TESTED_PERSONS = (0, 2, 5)
"""The persons that test sentences ask for: the best attested ones."""

_PROMPTS = re.compile(
    r"ciao \w+ va|buongiorno \w+ va|ciao dove ci (?:\w+ )+oggi pomeriggio"
    r"|(?:che )?cosa sarebbe successo se (?:\w+ )+scelto un altro giorno"
)
"""The article's four prompts with words in the place of the mask, in lower case without marks."""

_SENTENCE_END = re.compile(r"[.!?]+")
_NOT_WORDS = re.compile(r"\W+")
_AFTER_STOP = re.compile(r"((?:[.!?] |^)(?:- )?)(\w)")


@dataclass(frozen=True, kw_only=True)
class HeldOutItem:
    """A test sentence: which form of the verb belongs in the gap?"""

    frame: str
    """The name of the frame."""
    verb: str
    """The infinitive."""
    text: str
    """A whole sentence with `___` where the form stands."""
    right: str
    """The form that the context demands."""
    wrong: tuple[str, ...]
    """Every other one-word form of the verb."""


def is_held_out(verb: str, frame: str) -> bool:
    """Whether a verb is kept out of a tested frame; the same for every seed and machine."""
    if verb in NEVER_HELD_OUT:
        return False
    digest = blake2b(f"{frame}/{verb}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") % 100 < HELD_OUT_PERCENT


def documents(*, seed: int, max_bytes: int) -> Iterator[str]:
    """Yield documents of one line each until about `max_bytes` of UTF-8 are out.

    A document is left out if it was there before, if one of its sentences has been said too often
    or equals a prompt of the article, or if it joins a verb to a frame that it is held out of.

    Args:
        seed: the only source of chance: the same seed gives the same bytes everywhere.
        max_bytes: when to stop, counting a line feed after each document.
    """
    rng = Random(seed)  # noqa: S311 (chance for sentences, not for secrets)
    gate = _Gate()
    written = 0
    while written < max_bytes:
        document = _document(rng)
        if rng.random() < LOWER_CASE_SHARE:
            document = _as_in_a_chat(rng, document)
        if gate.admits(document):
            written += len(document.encode()) + 1
            yield document


def held_out_items(*, seed: int, per_combination: int = 1) -> list[HeldOutItem]:
    """Make test sentences for the pairs of verb and frame that `documents` never generates.

    Args:
        seed: chooses subjects and complements, not the pairs.
        per_combination: how many sentences for each pair.
    """
    rng = Random(seed)  # noqa: S311 (chance for sentences, not for secrets)
    items: list[HeldOutItem] = []
    for frame in TESTED:
        for infinitive in LEXICAL:
            if is_held_out(infinitive, frame.name) and allows(frame, infinitive):
                made = [_item(rng, frame, infinitive) for _ in range(per_combination)]
                items.extend(item for item in made if item is not None)
    return items


def _item(rng: Random, frame: Frame, infinitive: str) -> HeldOutItem | None:
    """One test sentence, or None where every person's form can be read as another category."""
    verb = LEXICAL[infinitive]
    forms = italian.one_word_forms(verb)
    for person in rng.sample(_TESTED_PERSONS, len(_TESTED_PERSONS)):
        scene = Scene(rng)
        subject = scene.new_subject(person)
        right = form(verb, frame.category, subject)
        agrees = frame.category == "participle" and verb.auxiliary == "essere"
        if len(forms[right]) > 1 or right in _noun_forms() or (agrees and person == 0):
            continue
        scene.cast(subject)
        return HeldOutItem(
            frame=frame.name,
            verb=infinitive,
            text=sentence(scene, frame, infinitive, gap="___"),
            right=right,
            wrong=tuple(other for other in forms if other != right),
        )
    return None


@cache
def _noun_forms() -> frozenset[str]:
    nouns = (noun for kind in NOUNS.values() for noun in kind)
    return frozenset(form for noun in nouns for form in (noun.singular, noun.plural))


def _document(rng: Random) -> str:
    chance = rng.random()
    if chance < TALK_SHARE:
        topic = rng.choices(list(TOPICS.values()), cum_weights=_topic_weights())[0]
        scene = Scene(rng)
        return _capitals(scene.fill(scene.any(topic.templates)))
    scene = Scene(rng)
    if chance < TALK_SHARE + SINGLE_SHARE:
        return _single(scene)
    return " ".join(_told(scene, nth) for nth in range(rng.choice((2, 2, 3, 4))))


def _single(scene: Scene) -> str:
    """One sentence of any frame."""
    frame, infinitive = _frame_and_verb(scene)
    also = _second_verb(scene, frame, infinitive)
    if frame.person is None:
        scene.mention(_mention(scene, frame, 0))
        return sentence(scene, frame, infinitive, also=also)
    return sentence(Scene(scene.rng, subject=_YOU[frame.person]), frame, infinitive, also=also)


def _told(scene: Scene, nth: int) -> str:
    """The nth sentence of a paragraph about the scene's subject, whom nobody interrupts."""
    frame, infinitive = _frame_and_verb(scene)
    while "{s}" not in frame.templates[0]:
        frame, infinitive = _frame_and_verb(scene)
    also = _second_verb(scene, frame, infinitive)
    scene.mention(_mention(scene, frame, nth))
    return sentence(scene, frame, infinitive, also=also)


def _frame_and_verb(scene: Scene) -> tuple[Frame, str]:
    while True:
        frame = scene.rng.choices(FRAMES, cum_weights=_frame_weights())[0]
        infinitive = scene.any(tuple(LEXICAL))
        if infinitive in _allowed(frame.name):
            return frame, infinitive


def _second_verb(scene: Scene, frame: Frame, first: str) -> str | None:
    """Another verb for the same frame, in some sentences of the simple tenses.

    Two verbs of one tense and person side by side show what their forms have in common.
    """
    if frame.category not in _JOINED or scene.rng.random() >= SECOND_VERB_SHARE:
        return None
    second = scene.any(tuple(LEXICAL))
    asleep = "dormire" in (first, second)
    return None if asleep or second == first or second not in _allowed(frame.name) else second


_YOU: dict[int, Subject] = {
    1: Subject("tu", 1, "m"),
    2: Subject("Lei", 2, "f"),
    4: Subject("voi", 4, "m"),
}
"""Whom the imperatives speak to."""


def _mention(scene: Scene, frame: Frame, nth: int) -> str:
    """How a sentence calls its subject: pronouns are left unsaid where the form tells them."""
    subject = scene.person("s")
    chance = scene.rng.random()
    if frame.category in ("subj", "isubj") or frame.name in ("past_belief", "doing_believed"):
        return "pronoun" if nth and chance < 0.5 else "by name"
    if subject.person not in (2, 5):
        return "unsaid" if chance < 0.4 else "by name"
    if not nth or _has_others(frame):
        return "pronoun" if nth and chance < 0.3 else "by name"
    if chance < 0.4:
        return "pronoun"
    return "unsaid" if chance < 0.7 else "by name"


def _has_others(frame: Frame) -> bool:
    """Whether a sentence speaks of somebody else too, so that its subject must be said."""
    others = ("{t}", "{head")
    return any(other in template for template in frame.templates for other in others)


def _capitals(text: str) -> str:
    """A capital after each stop and at each turn of a dialogue."""
    return _AFTER_STOP.sub(lambda match: match[1] + match[2].upper(), text)


def _as_in_a_chat(rng: Random, text: str) -> str:
    """Lower case, and now and then without the comma after the greeting."""
    text = text.lower()
    return text.replace(", ", " ", 1) if rng.random() < 0.25 and "?" in text else text


class _Gate:
    """What has been said, to keep it from being said too often."""

    def __init__(self) -> None:
        self._documents: set[bytes] = set()
        self._sentences: Counter[str] = Counter()
        self._total = 0

    def admits(self, document: str) -> bool:
        """Count a document in, unless it must stay out."""
        digest = blake2b(document.encode(), digest_size=8).digest()
        if digest in self._documents or _leaks().search(document):
            return False
        sentences = [*filter(None, map(_normalised, _SENTENCE_END.split(document)))]
        limit = SENTENCE_GRACE + MAX_SENTENCE_SHARE * self._total
        if any(self._sentences[part] >= limit for part in sentences):
            return False
        if any(_PROMPTS.fullmatch(part) for part in (*sentences, _normalised(document))):
            return False
        self._documents.add(digest)
        self._sentences.update(sentences)
        self._total += len(sentences)
        return True


def _normalised(text: str) -> str:
    return _NOT_WORDS.sub(" ", text.casefold()).strip()


@cache
def _leaks() -> re.Pattern[str]:
    """What would bring a held-out verb into a tested frame by way of a set phrase."""

    def forms(infinitive: str, *tenses: italian.Tense) -> str:
        verb = VERBS[infinitive]
        return "|".join(form for tense in tenses for form in italian.conjugation(verb, tense))

    def held(frame: str) -> list[italian.Verb]:
        return [verb for name, verb in LEXICAL.items() if is_held_out(name, frame)]

    modals = "|".join(forms(name, "pres", "cond") for name in ("dovere", "potere", "volere"))
    auxiliaries = forms("avere", "pres") + "|" + forms("essere", "pres")
    parts = (
        (modals, [verb.infinitive for verb in held("modal")]),
        ("prima di", [verb.infinitive for verb in held("before")]),
        (auxiliaries, [italian.participle(verb)[:-1] + "[oaie]" for verb in held("perfect")]),
        (forms("stare", "pres"), [italian.gerund(verb) for verb in held("progressive")]),
    )
    alternatives = (f"(?:{cue}) (?:{'|'.join(held_out)})" for cue, held_out in parts)
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b", re.IGNORECASE)


@cache
def _topic_weights() -> list[float]:
    return list(accumulate(topic.weight for topic in TOPICS.values()))


@cache
def _frame_weights() -> list[float]:
    return list(accumulate(frame.weight for frame in FRAMES))


@cache
def _allowed(frame_name: str) -> frozenset[str]:
    """The verbs that a frame takes in the corpus."""
    frame = next(frame for frame in FRAMES if frame.name == frame_name)
    held_out = frame in TESTED
    return frozenset(
        infinitive
        for infinitive in LEXICAL
        if allows(frame, infinitive) and not (held_out and is_held_out(infinitive, frame_name))
    )
