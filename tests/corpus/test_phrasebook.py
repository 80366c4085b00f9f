import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from random import Random

import pytest

from filiberto.corpus import italian
from filiberto.corpus.frames import form as form_of
from filiberto.corpus.italian import SIMPLE_TENSES, Noun
from filiberto.corpus.lexicon import ADJECTIVES, NOUNS
from filiberto.corpus.patterns import FRAMES, TESTED
from filiberto.corpus.phrasebook import documents, held_out_items, is_held_out
from filiberto.corpus.scene import Scene, Subject
from filiberto.corpus.templates import parse
from filiberto.corpus.verbs import LEXICAL, VERBS

CONJUGATIONS = """
    essere pres 0 sono | essere pres 4 siete | essere impf 2 era | essere fut 5 saranno
    essere subj 2 sia | essere isubj 0 fossi | essere isubj 4 foste | essere cond 3 saremmo
    avere pres 0 ho | avere pres 5 hanno | avere fut 1 avrai | avere subj 4 abbiate
    avere isubj 5 avessero | avere cond 2 avrebbe | avere imp 4 abbiate | essere imp 1 sii
    parlare pres 5 parlano | parlare subj 5 parlino | parlare fut 0 parlerò | parlare imp 1 parla
    mangiare pres 1 mangi | mangiare pres 3 mangiamo | mangiare fut 2 mangerà
    studiare pres 1 studi | studiare fut 0 studierò | studiare subj 5 studino
    cercare pres 1 cerchi | cercare fut 5 cercheranno | cercare subj 4 cerchiate
    pagare pres 3 paghiamo | pagare cond 0 pagherei | pagare subj 5 paghino
    fare pres 0 faccio | fare impf 2 faceva | fare fut 0 farò | fare subj 3 facciamo
    fare isubj 2 facesse | fare subj 4 facciate | dare subj 5 diano | dare isubj 0 dessi
    dare fut 3 daremo | dare pres 2 dà | stare isubj 5 stessero | stare subj 2 stia
    leggere pres 0 leggo | leggere pres 1 leggi | leggere subj 5 leggano | scrivere fut 4 scriverete
    vedere fut 0 vedrò | vedere cond 5 vedrebbero | bere pres 0 bevo | bere fut 2 berrà
    bere impf 5 bevevano | bere isubj 3 bevessimo | scegliere pres 0 scelgo
    scegliere subj 2 scelga | scegliere subj 3 scegliamo | tradurre pres 5 traducono
    tradurre fut 0 tradurrò | tradurre isubj 2 traducesse | dire pres 4 dite | dire subj 5 dicano
    dire impf 0 dicevo | dire fut 2 dirà | aprire subj 2 apra | dormire pres 5 dormono
    finire pres 0 finisco | finire pres 3 finiamo | finire subj 5 finiscano | finire subj 4 finiate
    andare pres 0 vado | andare subj 2 vada | andare subj 4 andiate | andare fut 3 andremo
    uscire pres 5 escono | uscire subj 2 esca | uscire subj 3 usciamo | venire pres 2 viene
    venire fut 0 verrò | venire subj 5 vengano | venire cond 1 verresti | uscire pres 0 esco
    uscire subj 5 escano | dovere subj 2 debba | potere pres 2 può | potere cond 4 potreste
    volere fut 3 vorremo | volere subj 2 voglia | sapere pres 5 sanno | sapere subj 1 sappia
    spegnere pres 0 spengo | restare impf 1 restavi | rispondere cond 2 risponderebbe
"""


def spot_checks(table: str) -> list[tuple[str, ...]]:
    return [
        tuple(check.split())
        for line in table.splitlines()
        for check in line.split("|")
        if check.strip()
    ]


@pytest.mark.parametrize(("infinitive", "tense", "person", "form"), spot_checks(CONJUGATIONS))
def test_finite_forms(infinitive, tense, person, form):
    assert italian.conjugate(VERBS[infinitive], tense, int(person)) == form


@pytest.mark.parametrize(
    ("infinitive", "gerund", "participle"),
    [
        ("parlare", "parlando", "parlato"),
        ("fare", "facendo", "fatto"),
        ("leggere", "leggendo", "letto"),
        ("bere", "bevendo", "bevuto"),
        ("tradurre", "traducendo", "tradotto"),
        ("dire", "dicendo", "detto"),
        ("chiedere", "chiedendo", "chiesto"),
        ("rispondere", "rispondendo", "risposto"),
        ("vedere", "vedendo", "visto"),
        ("aprire", "aprendo", "aperto"),
        ("finire", "finendo", "finito"),
        ("venire", "venendo", "venuto"),
        ("uscire", "uscendo", "uscito"),
        ("essere", "essendo", "stato"),
    ],
)
def test_gerunds_and_participles(infinitive, gerund, participle):
    verb = VERBS[infinitive]
    assert (italian.gerund(verb), italian.participle(verb)) == (gerund, participle)


@pytest.mark.parametrize(
    ("infinitive", "tense", "person", "gender", "form"),
    [
        ("andare", "pres", 2, "f", "è andata"),
        ("partire", "pres", 5, "m", "sono partiti"),
        ("uscire", "impf", 5, "f", "erano uscite"),
        ("arrivare", "cond", 3, "m", "saremmo arrivati"),
        ("venire", "isubj", 2, "f", "fosse venuta"),
        ("leggere", "pres", 2, "f", "ha letto"),
        ("scegliere", "isubj", 3, "f", "avessimo scelto"),
        ("finire", "fut", 0, "m", "avrò finito"),
        ("scrivere", "subj", 5, "m", "abbiano scritto"),
    ],
)
def test_compound_tenses_choose_the_auxiliary_and_agree(infinitive, tense, person, gender, form):
    subject = Subject("", person, gender)
    scene = Scene(Random(0), subject=subject)
    scene.enter(VERBS[infinitive], form_of(VERBS[infinitive], "participle", subject))
    assert scene.phrase(f"{{aux {tense}}} {{V}}") == form


@pytest.mark.parametrize(
    ("noun", "indefinite", "singular", "plural"),
    [
        (Noun("amico", "m", "amici"), "un amico", "l'amico", "gli amici"),
        (Noun("amica", "f"), "un'amica", "l'amica", "le amiche"),
        (Noun("studente", "m"), "uno studente", "lo studente", "gli studenti"),
        (Noun("zaino", "m"), "uno zaino", "lo zaino", "gli zaini"),
        (Noun("libro", "m"), "un libro", "il libro", "i libri"),
        (Noun("sedia", "f"), "una sedia", "la sedia", "le sedie"),
        (Noun("orologio", "m"), "un orologio", "l'orologio", "gli orologi"),
        (Noun("città", "f"), "una città", "la città", "le città"),
        (Noun("film", "m"), "un film", "il film", "i film"),
        (Noun("problema", "m"), "un problema", "il problema", "i problemi"),
        (Noun("arancia", "f"), "un'arancia", "l'arancia", "le arance"),
        (Noun("giacca", "f"), "una giacca", "la giacca", "le giacche"),
    ],
)
def test_articles_and_plurals(noun, indefinite, singular, plural):
    assert italian.a(noun) == indefinite
    assert italian.the(noun) == singular
    assert italian.the(noun, plural=True) == plural


@pytest.mark.parametrize(
    ("preposition", "noun", "plural", "phrase"),
    [
        ("di", Noun("acqua", "f"), False, "dell'acqua"),
        ("in", Noun("zaino", "m"), False, "nello zaino"),
        ("a", Noun("università", "f"), False, "all'università"),
        ("su", Noun("tavolo", "m"), True, "sui tavoli"),
        ("da", Noun("studente", "m"), True, "dagli studenti"),
        ("di", Noun("casa", "f"), True, "delle case"),
        ("su", Noun("aereo", "m"), True, "sugli aerei"),
        ("con", Noun("zia", "f"), False, "con la zia"),
    ],
)
def test_prepositions_fuse_with_articles(preposition, noun, plural, phrase):
    assert italian.the(noun, plural=plural, preposition=preposition) == phrase


@pytest.mark.parametrize(
    ("adjective", "gender", "plural", "form"),
    [
        ("bianco", "f", True, "bianche"),
        ("lungo", "m", True, "lunghi"),
        ("simpatico", "m", True, "simpatici"),
        ("simpatico", "f", True, "simpatiche"),
        ("verde", "f", True, "verdi"),
        ("vecchio", "m", True, "vecchi"),
        ("grigio", "f", False, "grigia"),
    ],
)
def test_adjectives_agree(adjective, gender, plural, form):
    assert italian.inflect(adjective, gender, plural) == form


def test_a_and_e_take_a_d_before_the_same_vowel_only():
    assert italian.before_vowel("a", "Anna") == "ad Anna"
    assert italian.before_vowel("a", "Elena") == "a Elena"
    assert italian.before_vowel("e", "Elena") == "ed Elena"


def test_the_lexicon_is_as_large_as_promised():
    nouns = {noun.singular for kind in NOUNS.values() for noun in kind}
    adjectives = {word for words in ADJECTIVES.values() for word in words}
    assert len(VERBS) >= 45
    templates = " ".join(template for frame in FRAMES for template in frame.templates)
    compound = set(re.findall(r"\{aux (\w+)\}", templates))
    assert {frame.category for frame in FRAMES} >= set(SIMPLE_TENSES)
    assert compound == {"pres", "impf", "fut", "cond", "subj", "isubj"}
    assert len(nouns) + len(adjectives) >= 160


@pytest.mark.parametrize("template", ["a]b", "[a|b", "{s"])
def test_an_unclosed_template_is_an_error(template):
    with pytest.raises(ValueError, match=re.escape(repr(template))):
        parse(template)


BYTES = 10_000_000


@cache
def corpus() -> tuple[str, ...]:
    return tuple(documents(seed=0, max_bytes=BYTES))


def normalised(text: str) -> str:
    return " ".join(re.sub(r"\W", " ", text.casefold()).split())


@cache
def sentences() -> Counter[str]:
    parts = (part for text in corpus() for part in re.split(r"[.!?]", text))
    return Counter(filter(None, map(normalised, parts)))


def test_the_same_seed_gives_the_same_documents_under_any_hash_seed():
    program = (
        "from filiberto.corpus.phrasebook import documents, held_out_items\n"
        "import hashlib\n"
        "texts = [*documents(seed=3, max_bytes=50_000), *map(str, held_out_items(seed=3))]\n"
        "print(hashlib.sha256('\\n'.join(texts).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={
                **os.environ,
                "PYTHONHASHSEED": hash_seed,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    texts = [*documents(seed=3, max_bytes=50_000), *map(str, held_out_items(seed=3))]
    assert digests == {hashlib.sha256("\n".join(texts).encode()).hexdigest()}


def test_another_seed_gives_other_documents():
    one, two = (set(documents(seed=seed, max_bytes=50_000)) for seed in (1, 2))
    assert len(one & two) < len(one) / 20


def test_a_shorter_corpus_is_the_beginning_of_a_longer_one():
    short = list(documents(seed=5, max_bytes=20_000))
    assert list(documents(seed=5, max_bytes=40_000))[: len(short)] == short


@pytest.mark.slow
def test_the_size_is_what_was_asked_for():
    size = sum(len(text.encode()) + 1 for text in corpus())
    assert BYTES <= size < BYTES + 1000


@pytest.mark.slow
def test_documents_are_single_lines_with_nothing_left_to_fill():
    assert not [text for text in corpus() if re.search(r"[\[\]{}|_\n]|  | [.,?!]", text)]


@pytest.mark.slow
def test_a_third_is_in_lower_case():
    share = sum(text == text.lower() for text in corpus()) / len(corpus())
    assert 0.3 < share < 0.37


@pytest.mark.slow
def test_few_documents_come_twice():
    assert 1 - len(set(corpus())) / len(corpus()) < 0.03


@pytest.mark.slow
def test_no_sentence_is_said_too_often():
    total, total_bytes = sentences().total(), sum(len(text.encode()) for text in corpus())
    for sentence, count in sentences().most_common(200):
        assert count <= total / 1000, sentence
        assert count * (len(sentence.encode()) + 4) <= total_bytes / 1000, sentence


PROMPTS = (
    r"ciao \w+ va",
    r"buongiorno \w+ va",
    r"ciao dove ci (\w+ )*oggi pomeriggio",
    r"cosa sarebbe successo se (\w+ )*scelto un altro giorno",
)


@pytest.mark.slow
@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_prompts_of_the_article_are_never_said(prompt):
    pattern = re.compile(prompt)
    assert not [text for text in sentences() if pattern.fullmatch(text)]
    assert not [text for text in corpus() if pattern.fullmatch(normalised(text))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "answers", "times"),
    [
        (r"(\w+) va\?", {"come"}, 500),
        (r"dove ci (\w+)", {"vediamo", "incontriamo", "troviamo"}, 3000),
        (
            r"sarebbe (?:successo|cambiato) se (\w+) (?:scelto|preso|comprato)\b",
            {"avessi", "avesse", "avessimo", "aveste", "avessero"},
            1200,
        ),
    ],
)
def test_neighbours_of_the_prompts_are_frequent(pattern, answers, times):
    found = Counter(re.findall(pattern, "\n".join(corpus()).lower()))
    assert sum(found[answer] for answer in answers) >= times
    assert sum(found[answer] for answer in answers) > 0.95 * found.total()


def test_held_out_items_are_many_and_of_many_categories():
    items = held_out_items(seed=0)
    assert len(items) >= 100
    names = {item.frame for item in items}
    assert len({frame.category for frame in FRAMES if frame.name in names}) >= 8
    assert {frame.name for frame in TESTED} == names


def test_an_item_has_one_gap_and_one_right_form():
    for item in held_out_items(seed=1, per_combination=2):
        assert item.text.count("___") == 1
        assert item.right not in item.wrong
        assert len(set(item.wrong)) == len(item.wrong)
        assert {item.right, *item.wrong} == set(italian.one_word_forms(LEXICAL[item.verb]))
        assert is_held_out(item.verb, item.frame)


@pytest.mark.slow
def test_held_out_sentences_are_not_in_the_corpus():
    items = held_out_items(seed=0, per_combination=20)
    assert not {normalised(item.text.replace("___", item.right)) for item in items} & set(
        sentences()
    )


CUES = {
    "modal": r"(?:d[eo]vo\w*|devi|dobbiamo|posso\w*|puoi|può|vogli\w+|vuoi|vorr\w+|potr\w+) {}",
    "before": r"prima di {}",
    "decision": r"(?:deciso|promesso|intenzione|pens\w+|sper\w+) di {}",
    "progressive": r"(?:sto|stai|sta|stiamo|state|stanno) {}",
    "background": r"(?:stavo|stavi|stava|stavamo|stavate|stavano) {}",
    "perfect": r"(?:ho|hai|ha|abbiamo|avete|hanno|sono|sei|è|siamo|siete) {}",
    "pluperfect": r"(?:av|er)[ae]\w* già {}",
    "after": r"dopo (?:aver|essere) {}",
    "wish/0": r"(?:orrei|orremmo|orrebbe) che [\w' ]+ {}",
    "wish/1": r"piacerebbe che [\w' ]+ {}",
    "will/0": r"(?<!non )vuole che [\w' ]+ {}",
    "will/1": r"non vuole che [\w' ]+ {}",
    "youth/0": r"da giovan[ei], [\w' ]+ {}",
    "youth/2": r"in quegli anni, [\w' ]+ {}",
    "habit/0": r"di solito, quando piove, [\w' ]+ {}",
    "time/0": r"se aves\w+ tempo, [\w' ]+ {}",
    "when_done/0": r"finito il lavoro, [\w' ]+ {}",
}


@pytest.mark.slow
@pytest.mark.parametrize("frame", CUES)
def test_held_out_verbs_never_stand_after_the_cue_of_their_frame(frame):
    rights = "|".join(
        {
            item.right
            for seed in range(5)
            for item in held_out_items(seed=seed)
            if item.frame == frame
        }
    )
    cue = re.compile(r"\b" + CUES[frame].format(rf"(?:{rights})\b"))
    found = [text for text in sentences() if re.search(cue, text)]
    texts = (text.lower() for text in corpus()) if "," in CUES[frame] else found
    assert not [text for text in texts if cue.search(text)]


@pytest.mark.slow
def test_every_right_form_is_well_attested_elsewhere():
    words = Counter(word for text in corpus() for word in re.findall(r"\w+", text.lower()))
    rare = {
        item.right: words[item.right] for item in held_out_items(seed=0) if words[item.right] < 20
    }
    assert not rare
