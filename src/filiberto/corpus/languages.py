"""Languages: one code for each of their codes and names, and what there is for them already.

    it, ita, Italian  ->  find  ->  Language  ->  canonical code, open text, labelled data, encoders

Codes and names are those of ISO 639 (python-iso639); what there is stands in `languages.tsv`, whose
head says from where and of which day. Needs no engine and no network.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from filiberto.errors import UsageError

FINEWEB_2 = "HuggingFaceFW/fineweb-2"
FINEWEB = "HuggingFaceFW/fineweb"
FINEWEB_CONFIG = "sample-10BT"
"""FineWeb-2 leaves out English; this is a sample of FineWeb over all its crawls."""
WIKIPEDIA = "wikimedia/wikipedia"
WIKIPEDIA_DATE = "20231101"
MMBERT = "jhu-clsp/mmBERT-base"
_FEW = 4  # languages that an encoder for neighbours may have

# What people call languages that ISO 639 names otherwise.
_EVERYDAY = {
    "bokmål": "nob",
    "cantonese": "yue",
    "farsi": "fas",
    "frisian": "fry",
    "greek": "ell",
    "mandarin": "cmn",
    "nynorsk": "nno",
    "slovene": "slv",
}

# ISO 639 counts Indonesian as Malay; who asks for one does not want the other.
_APART = {"ind"}


@dataclass(frozen=True)
class Language:
    """A language of ISO 639-3, written in one script if that was asked for."""

    part3: str
    part1: str | None
    name: str
    script: str | None = None

    @property
    def code(self) -> str:
        """The canonical code: two letters where there are two, and the script if one was named."""
        return "-".join(part for part in (self.part1 or self.part3, self.script) if part)


@dataclass(frozen=True)
class Facts:
    """What there is for a language; the languages of a macrolanguage are taken together."""

    fineweb2: tuple[tuple[str, int], ...] = ()
    """Subsets of FineWeb-2 with their bytes of text, the largest first."""
    wikipedia: tuple[str, ...] = ()
    treebanks: tuple[str, ...] = ()
    """As REPOSITORY/PREFIX of its files, the customary one first: `UD_Italian-ISDT/it_isdt`."""
    wikiann: tuple[str, ...] = ()
    multiblimp: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()


def find(text: str) -> Language:
    """The language of a code (`it`, `ita`, `sr-Cyrl`, `srp_Cyrl`) or an English name (`Italian`).

    Raises:
        UsageError: there is none; the hint has the nearest names.
    """
    whole = _lookup(text)
    if whole is not None:
        return whole
    first, _, rest = text.strip().replace("_", "-").partition("-")
    language = _lookup(first)
    if language is not None and re.fullmatch(r"[A-Za-z]{4}", rest):
        return Language(language.part3, language.part1, language.name, rest.title())
    if language is not None and re.fullmatch(r"[A-Za-z]{2}|\d{3}", rest):  # a region: pt-BR
        return language
    raise _unknown(text)


def canonical(text: str) -> str:
    """The canonical code of a language, or nothing for nothing.

    A script is part of it only where it is not the one that most of the language's text is in.

    Example:
        `ita_Latn` is `it`, `hin_Deva` is `hi`, `hin_Latn` is `hi-Latn`.

    Raises:
        UsageError: there is no such language.
    """
    if not text:
        return ""
    language = find(text)
    whole = replace(language, script=None)
    usual = [subset.partition("_")[2] for subset, _ in facts(whole).fineweb2[:1]]
    return whole.code if language.script in usual else language.code


def facts(language: Language) -> Facts:
    """What the table has for a language and, where it is a macrolanguage, for its members."""
    table, members = _table(), _members()
    codes = [language.part3, *members.get(language.part3, ())]
    rows = [(code, table[code]) for code in codes if code in table]

    def column(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry for _, row in rows for entry in row[name].split()))

    subsets = [
        (subset, int(size))
        for subset, size in (entry.split(":") for entry in column("fineweb2"))
        if language.script in (None, subset.partition("_")[2])
    ]
    return Facts(
        fineweb2=tuple(sorted(subsets, key=lambda subset: -subset[1])),
        wikipedia=tuple(sorted(column("wikipedia"), key=lambda edition: edition != language.part1)),
        treebanks=column("treebanks"),
        wikiann=column("wikiann"),
        multiblimp=tuple(code for code, row in rows if row["multiblimp"]),
        encoders=column("encoders"),
    )


def all_treebanks() -> Iterator[str]:
    """Those of Universal Dependencies in every language, as in `Facts`."""
    for row in _table().values():
        yield from row["treebanks"].split()


def fineweb(language: Language) -> tuple[str, str]:
    """The default open text for a language: a data set of the Hub, and its config.

    The largest subset where there are several, as for languages in several scripts.

    Raises:
        UsageError: FineWeb-2 has none.
    """
    if language.part3 == "eng":
        return FINEWEB, FINEWEB_CONFIG
    subsets = facts(language).fineweb2
    if not subsets:
        raise UsageError(
            f"FineWeb-2 has no {language.name} ({language.code})",
            hint=f"see what there is: filiberto languages {language.code}; or name your text: "
            "--text FILES, or --hub OWNER/NAME",
        )
    return FINEWEB_2, subsets[0][0]


def wikipedia(language: Language) -> tuple[str, str]:
    """The Wikipedia of a language on the Hub: its data set and config.

    Raises:
        UsageError: we know of no Wikipedia in it.
    """
    editions = facts(language).wikipedia
    if not editions:
        raise UsageError(
            f"we know of no Wikipedia in {language.name} ({language.code})",
            hint=f"if there is one: --hub {WIKIPEDIA} --hub-config {WIKIPEDIA_DATE}.CODE",
        )
    return WIKIPEDIA, f"{WIKIPEDIA_DATE}.{editions[0]}"


def page(text: str) -> Iterator[str]:
    """What there is for a language, as lines.

    Raises:
        UsageError: there is no such language.
    """
    language = find(text)
    there = facts(language)
    codes = dict.fromkeys(code for code in (language.part1, language.part3) if code)
    yield f"{language.name}: {', '.join(codes)}"
    if others := [name for name in _other_names(language.part3) if name != language.name]:
        yield f"also called {', '.join(others[:6])}"
    if scripts := dict.fromkeys(subset.partition("_")[2] for subset, _ in there.fineweb2):
        yield f"written in {', '.join(scripts)}, by the text there is"
    yield ""
    yield "open text"
    yield from _text_lines(language, there) or ["  none that we know of"]
    yield ""
    yield "labelled data"
    treebanks = " ".join(_treebank_names(there.treebanks)) or "no treebank"
    yield f"  Universal Dependencies   {treebanks}"
    yield f"  WikiANN (names)          {' '.join(there.wikiann) or '-'}"
    yield f"  MultiBLiMP (agreement)   {' '.join(there.multiblimp) or '-'}"
    yield ""
    yield "encoders that exist already"
    yield from _encoder_lines(language, there) or ["  none that we know of"]
    yield ""
    yield f"Facts of {_date()}, incomplete: what is not named here may exist."


def overview() -> Iterator[str]:
    """How many languages the table has, and those with a code of two letters."""
    table = _table()
    text = sum(bool(row["fineweb2"] or row["wikipedia"]) for row in table.values())
    yield f"{len(table):,} languages in the table, {text:,} of them with open text:"
    yield ""
    short = sorted(
        (language.part1, language.name.split(" (")[0])
        for language in _languages().values()
        if language.part1
    )
    cells = [f"  {code}  {name:<26.26}" for code, name in short]
    third = -(-len(cells) // 3)
    for i in range(third):
        yield "".join(cells[i::third]).rstrip()
    yield ""
    yield "and every other of ISO 639-3, by code or English name: filiberto languages te"
    yield f"Facts of {_date()}, incomplete."


def _treebank_names(treebanks: Sequence[str]) -> Iterator[str]:
    """The first by its whole name, the others without the language's."""
    for number, treebank in enumerate(treebanks):
        name = treebank.partition("/")[0]
        yield name.partition("-")[2] if number else name


def _text_lines(language: Language, there: Facts) -> list[str]:
    run = f"filiberto run runs/{language.code} --language {language.code}"
    lines = []
    if language.part3 == "eng":
        lines.append(f"  FineWeb     {FINEWEB_CONFIG:<20}   {run}")
    for number, (subset, size) in enumerate(there.fineweb2):
        choice = run if number == 0 else f"... --hub {FINEWEB_2} --hub-config {subset}"
        lines.append(f"  FineWeb-2   {subset:<10} {_readable_bytes(size):>9}   {choice}")
    for number, edition in enumerate(there.wikipedia):
        config = f"{WIKIPEDIA_DATE}.{edition}"
        choice = f"{run} --hub wikipedia" if number == 0 else f"... --hub-config {config}"
        lines.append(f"  Wikipedia   {edition:<20}   {choice}")
    return lines


def _encoder_lines(language: Language, there: Facts) -> list[str]:
    lines = []
    for name in there.encoders:
        count = sum(name in row["encoders"].split() for row in _table().values())
        lines.append(f"  {name}" + ("   (of many languages)" if count > _FEW else ""))
    if there.fineweb2 or language.part3 == "eng":
        lines.append(f"  {MMBERT}   (of over 1,800 languages)")
    return lines


def _readable_bytes(size: int) -> str:
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size / 1000:,.1f} kB"


def _lookup(text: str) -> Language | None:
    """By code (ISO 639-3, -2, -1) or by name; a name that several share is the best known's."""
    key = " ".join(text.lower().split())
    languages = _languages()
    part3 = _codes().get(key) or _EVERYDAY.get(key) or _names().get(key)
    return languages[part3] if part3 else None


def _unknown(text: str) -> UsageError:
    names = _names()
    key = text.lower().strip()
    holding = [name for name in names if key and re.search(rf"\b{re.escape(key)}\b", name)]
    near = [*sorted(holding, key=len), *difflib.get_close_matches(key, names, n=4, cutoff=0.75)][:4]
    found = [f"{_languages()[part3].name} ({part3})" for part3 in {names[name]: 0 for name in near}]
    hint = f"did you mean {' or '.join(found)}?" if found else "all of them: filiberto languages"
    return UsageError(f"there is no language {text!r} in ISO 639", hint=hint)


@cache
def _languages() -> dict[str, Language]:
    from iso639 import ALL_LANGUAGES

    # Those in use, each by its ISO 639-3 code; "Modern Greek (1453-)" keeps what tells it apart.
    return {
        entry.part3: Language(entry.part3, entry.part1, entry.name)
        for entry in ALL_LANGUAGES
        if entry.status == "A"
    }


@cache
def _codes() -> dict[str, str]:
    from iso639 import ALL_LANGUAGES

    # Of a code that is in use no more, the one that took its place.
    codes = {e.part3: e.retire_change_to for e in ALL_LANGUAGES if e.retire_change_to}
    for entry in ALL_LANGUAGES:
        if entry.status == "A":
            named = (entry.part3, entry.part1, entry.part2b, entry.part2t)
            codes |= {code: entry.part3 for code in named if code}
    return codes


@cache
def _names() -> dict[str, str]:
    from iso639 import ALL_LANGUAGES

    # A reference name goes before another name, and the language with a short code before others.
    known = sorted(
        (entry for entry in ALL_LANGUAGES if entry.status == "A"),
        key=lambda entry: (entry.part1 is None, entry.scope != "M", entry.part3),
    )
    names: dict[str, str] = {}
    for entry in known:
        names.setdefault(_bare(entry.name), entry.part3)
    for entry in known:
        for other in entry.other_names or []:
            names.setdefault(_bare(other.print), entry.part3)
    return names


def _bare(name: str) -> str:
    return re.sub(r"\s*\(.*?\)", "", name).lower()


def _other_names(part3: str) -> list[str]:
    from iso639 import ALL_LANGUAGES

    entry = next(entry for entry in ALL_LANGUAGES if entry.part3 == part3)
    return [name.print for name in entry.other_names or []]


@cache
def _members() -> dict[str, list[str]]:
    from iso639 import ALL_LANGUAGES

    members: dict[str, list[str]] = {}
    for entry in ALL_LANGUAGES:
        if entry.macrolanguage and entry.status == "A" and entry.part3 not in _APART:
            members.setdefault(entry.macrolanguage, []).append(entry.part3)
    return members


def _lines() -> list[str]:
    table = resources.files("filiberto.corpus") / "languages.tsv"
    return table.read_text(encoding="utf-8").splitlines()


@cache
def _table() -> dict[str, dict[str, str]]:
    rows = [line for line in _lines() if not line.startswith("#")]
    reader = csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)
    return {row["code"]: row for row in reader}


def _date() -> str:
    found = re.search(r"\d{4}-\d{2}-\d{2}", _lines()[0])
    assert found is not None, "the table's head has its date"
    return found[0]
