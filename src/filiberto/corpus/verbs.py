"""The verbs of the phrasebook: their irregular forms, and what may stand after each.

The verbs are few on purpose: a model that reads a few million tokens must meet every form of every
verb often. Complements are templates (see `scene.py`), so that one reads texts and eats food.
"""

from filiberto.corpus.italian import AVERE, ESSERE, Verb

COMPLEMENTS: dict[str, str] = {
    "parlare": "[{who con}|{who con} {di topic}|{di topic}|{language}|{who con} al telefono]",
    "mangiare": "[{un dish}|{un dish} {who con}|{del food}|{un+ dish}|{un dish} {bar}]",
    "comprare": "[{un thing}|{un+ thing}|{un+ clothes}|{del food}|{un text}]",
    "cantare": "[{un song}|{un+ song}|{who con}|{un song} {who con}]",
    "suonare": "{il instrument}[|| {who con}| {stage}]",
    "studiare": "{il subject}[|| {who con}| {study_place}]",
    "guardare": "[{un show}|la televisione[| {who con}]|{un+ show}|{un show} {who con}|il mare]",
    "ascoltare": "[la radio|la musica|la radio {who con}|{un song}|{un+ song}|{who}]",
    "aspettare": "[{il vehicle}|{who}|{who} {place}]",
    "cercare": "[{un thing}|{un+ clothes}|{il thing}|{il animal}|{un+ home}]",
    "preparare": "[{il meal}|{un prepared}|{il meal} {who con}|{un+ prepared}]",
    "portare": "[{un gift}|{un gift}|{un+ gift}] {who a}",
    "pagare": "[{il bill}|{il bill} in contanti|{il bill} con la carta]",
    "giocare": "{game}[|| {who con}| {play_place}]",
    "lavorare": "[{work_place}|{work_place} {who con}|{who con}]",
    "telefonare": "{who a}[|| per gli auguri| dall'ufficio]",
    "raccontare": "[{un story}|{un+ story}] {who a}",
    "incontrare": "{who}[| {place}| {place}]",
    "fare": "[la spesa|i compiti|un dolce|una passeggiata|una domanda {who a}|una foto {who a}"
    "|colazione {bar}|un giro {city a}]",
    "dare": "[{un gift}|{un gift}|{un+ gift}|una mano] {who a}",
    "leggere": "[{un text}|{il text}|{un+ text}]",
    "scrivere": "[{un message}|{un+ message}|{un message} {who a}]",
    "prendere": "[{il vehicle}|{un drink}|{un drink} {bar}]",
    "mettere": "[{il small} {su top}|{il book} {su top}|{il book} {in box}"
    "|{il clothes} {in wardrobe}]",
    "chiudere": "[{il opening}|{il door} {di room}]",
    "vedere": "[{un show}|{un+ show}|{un show} {who con}]",
    "bere": "[{un drink}|{un drink} {who con}|{del liquid}|{glass}|{un drink} {bar}]",
    "rispondere": "[{who a}|alle domande {who di}|alle lettere {who di}|{who a} con calma]",
    "chiedere": "[{un favor}|{un favor}|il permesso|la strada|scusa] {who a}",
    "scegliere": "[{un gift}|{un+ clothes}|{un text}|{un+ text}|{un gift} {who per}]",
    "tradurre": "[{un text}|{un message}|{un+ text}|{un message} in {language}]",
    "aprire": "[{il opening}|{il door} {di room}]",
    "dormire": "[{sleep_place}|{sleep_place}|{who da}]",
    "finire": "[{il task}|{il text}|{il task} {who con}]",
    "dire": "[la verità|tutto|una bugia|poche parole|una cosa importante] {who a}",
    "andare": "[{place}|{place} {who con}|{city a}|{who da}|{city a} {means}]",
    "tornare": "[{place}|{city a}|a casa {who con}|{city a} {means}]",
    "arrivare": "[{place}|{city a}|{city a} {means}|{place} {who con}]",
    "partire": "[per {city}|per {city} {means}|{who con}|{means}]",
    "uscire": "[{who con}|di casa|di casa {who con}|{place da}]",
    "venire": "[alla festa|{city a} {means}|alla festa {who con}|{place} {who con}]",
}
"""What may stand after each verb that fills the slots of the frames."""

AVOID: dict[str, tuple[str, ...]] = {
    "finire": ("when_done",),
    "incontrare": ("gerund", "while_past", "imp", "formal_request"),
    "partire": ("formal_request",),
    "vedere": ("imp", "formal_request"),
    "arrivare": ("gladly", "opinion_of_doing", "prohibition", "imp", "formal_request"),
    "dormire": ("request", "request_of_many", "formal_request"),
}
"""Categories and frames where a verb would be odd: nobody is remaining somewhere right now."""

_WITH_ESSERE = (
    "stare andare tornare arrivare partire uscire venire restare sembrare "
    "riposare alzare svegliare vestire divertire fermare"
)
_INTRANSITIVE = "parlare giocare lavorare telefonare rispondere dormire pensare sperare"
_ISC = ("finire",)
_OTHERS = (
    "stare restare dovere potere volere sapere conoscere sembrare riposare alzare svegliare "
    "vestire divertire fermare trovare pensare sperare credere controllare spegnere promettere "
    "decidere dimenticare"
)
_PARTICIPLES = {
    "fare": "fatto",
    "leggere": "letto",
    "scrivere": "scritto",
    "prendere": "preso",
    "mettere": "messo",
    "chiudere": "chiuso",
    "vedere": "visto",
    "bere": "bevuto",
    "rispondere": "risposto",
    "chiedere": "chiesto",
    "scegliere": "scelto",
    "tradurre": "tradotto",
    "aprire": "aperto",
    "dire": "detto",
    "venire": "venuto",
    "conoscere": "conosciuto",
    "spegnere": "spento",
    "promettere": "promesso",
    "decidere": "deciso",
}
_PRESENTS = {
    "fare": "faccio fai fa facciamo fate fanno",
    "dare": "do dai dà diamo date danno",
    "bere": "bevo bevi beve beviamo bevete bevono",
    "scegliere": "scelgo scegli sceglie scegliamo scegliete scelgono",
    "tradurre": "traduco traduci traduce traduciamo traducete traducono",
    "dire": "dico dici dice diciamo dite dicono",
    "andare": "vado vai va andiamo andate vanno",
    "uscire": "esco esci esce usciamo uscite escono",
    "venire": "vengo vieni viene veniamo venite vengono",
    "stare": "sto stai sta stiamo state stanno",
    "dovere": "devo devi deve dobbiamo dovete devono",
    "potere": "posso puoi può possiamo potete possono",
    "volere": "voglio vuoi vuole vogliamo volete vogliono",
    "sapere": "so sai sa sappiamo sapete sanno",
    "spegnere": "spengo spegni spegne spegniamo spegnete spengono",
}
_FUTURES = {
    "fare": "far",
    "dare": "dar",
    "vedere": "vedr",
    "bere": "berr",
    "tradurre": "tradurr",
    "andare": "andr",
    "venire": "verr",
    "stare": "star",
    "dovere": "dovr",
    "potere": "potr",
    "volere": "vorr",
    "sapere": "sapr",
}
_THEMES = {"fare": "face", "bere": "beve", "tradurre": "traduce", "dire": "dice"}
_PAST_SUBJUNCTIVES = {"dare": "de", "stare": "ste"}
_SUBJUNCTIVES = {"dare": "dia", "stare": "stia", "dovere": "debba", "sapere": "sappia"}
_IMPERATIVES = {"dire": "di' diciamo dite", "sapere": "sappi sappiamo sappiate"}


def _verb(infinitive: str) -> Verb:
    return Verb(
        infinitive,
        "essere" if infinitive in _WITH_ESSERE.split() else "avere",
        isc=infinitive in _ISC,
        intransitive=infinitive in _INTRANSITIVE.split(),
        participle=_PARTICIPLES.get(infinitive, ""),
        present=_PRESENTS.get(infinitive, ""),
        future=_FUTURES.get(infinitive, ""),
        theme=_THEMES.get(infinitive, ""),
        past_subjunctive=_PAST_SUBJUNCTIVES.get(infinitive, ""),
        subjunctive=_SUBJUNCTIVES.get(infinitive, ""),
        imperative=_IMPERATIVES.get(infinitive, ""),
    )


LEXICAL: dict[str, Verb] = {infinitive: _verb(infinitive) for infinitive in COMPLEMENTS}
"""The verbs that fill the slots of the frames."""

VERBS: dict[str, Verb] = (
    {"essere": ESSERE, "avere": AVERE}
    | {infinitive: _verb(infinitive) for infinitive in _OTHERS.split()}
    | LEXICAL
)
"""These, and the verbs of set phrases: auxiliaries, modals, reflexives (riposarsi) and a few."""
