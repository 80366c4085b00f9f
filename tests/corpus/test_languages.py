import csv
import re
from importlib import resources

import pytest

from filiberto.corpus import languages
from filiberto.errors import UsageError


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("it", "it"),
        ("ita", "it"),
        ("Italian", "it"),
        ("ITALIAN", "it"),
        ("Basque", "eu"),
        ("baq", "eu"),
        ("scn", "scn"),
        ("Sicilian", "scn"),
        ("Greek", "el"),
        ("Nepali", "ne"),
        ("Swahili", "sw"),
        ("Farsi", "fa"),
        ("Haitian Creole", "ht"),
        ("ajp", "apc"),
        ("sr-Cyrl", "sr"),
        ("srp_latn", "sr-Latn"),
        ("ita_Latn", "it"),
        ("hi-Deva", "hi"),
        ("hin_Latn", "hi-Latn"),
        ("en-Latn", "en-Latn"),
        ("pt-BR", "pt"),
        ("es-419", "es"),
        ("Serbo-Croatian", "sh"),
        ("", ""),
    ],
)
def test_each_code_and_name_has_one_canonical_code(text: str, code: str):
    assert languages.canonical(text) == code


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("qqq", None),
        ("Itlian", r"Italian \(ita\)"),
        ("Sotho", r"Southern Sotho \(sot\)"),
        ("xx", "filiberto languages"),
        ("it-nonsense", None),
        ("qaa", None),
    ],
)
def test_what_nobody_has_is_refused_with_the_nearest_names(text: str, near: str | None):
    with pytest.raises(UsageError, match=f"no language '{text}'") as caught:
        languages.find(text)
    assert caught.value.hint is not None
    assert near is None or re.search(near, caught.value.hint)


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("it", "ita_Latn"),
        ("te", "tel_Telu"),
        ("hi", "hin_Deva"),
        ("hi-Latn", "hin_Latn"),
        ("ar", "arb_Arab"),
        ("et", "ekk_Latn"),
        ("ms", "zsm_Latn"),
        ("no", "nob_Latn"),
        ("zh", "cmn_Hani"),
        ("dtp", "dtp_Latn"),
        ("tpn", "tpw_Latn"),
    ],
)
def test_the_default_text_is_the_largest_subset_of_the_language(text: str, config: str):
    assert languages.fineweb(languages.find(text)) == ("HuggingFaceFW/fineweb-2", config)


def test_english_has_a_default_of_its_own():
    assert languages.fineweb(languages.find("en"))[0] == "HuggingFaceFW/fineweb"


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("it", "20231101.it"),
        ("nb", "20231101.no"),
        ("no", "20231101.no"),
        ("gsw", "20231101.als"),
        ("en", "20231101.en"),
    ],
)
def test_the_wikipedia_of_a_language_goes_by_its_own_code(text: str, config: str):
    assert languages.wikipedia(languages.find(text)) == ("wikimedia/wikipedia", config)


def test_a_language_without_open_text_is_refused_by_name():
    with pytest.raises(UsageError, match=r"FineWeb-2 has no Carian \(xcr\)\n.*languages xcr"):
        languages.fineweb(languages.find("xcr"))
    with pytest.raises(UsageError, match=r"no Wikipedia in Carian \(xcr\)"):
        languages.wikipedia(languages.find("xcr"))


def test_a_page_names_text_labels_and_encoders():
    page = "\n".join(languages.page("Italian"))
    for part in (
        "Italian: it, ita",
        "ita_Latn",
        "793.8 GB",
        "filiberto run runs/it --language it",
        "ISDT",
        "MultiBLiMP (agreement)   ita",
        "dbmdz/bert-base-italian-xxl-cased",
        "FacebookAI/xlm-roberta-base   (of many languages)",
        "written in Latn",
        "incomplete",
    ):
        assert part in page


def test_a_page_of_a_language_with_nothing_says_so():
    page = "\n".join(languages.page("xcr"))
    assert page.count("none that we know of") == 2


def test_the_overview_has_every_short_code_and_fits_a_terminal():
    lines = list(languages.overview())
    assert max(map(len, lines)) <= 100
    for code in ("aa", "it", "te", "zu"):
        assert any(re.search(rf"  {code}  \w", line) for line in lines)


def test_the_table_is_sound():
    text = (resources.files("filiberto.corpus") / "languages.tsv").read_text(encoding="utf-8")
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert re.search(r"Facts of \d{4}-\d{2}-\d{2}", head[0])
    for column in ("fineweb2", "wikipedia", "treebanks", "wikiann", "multiblimp", "encoders"):
        assert any(line.startswith(f"# {column}:") for line in head), column
    rows = list(
        csv.DictReader(
            (line for line in text.splitlines() if not line.startswith("#")), delimiter="\t"
        )
    )
    codes = [row["code"] for row in rows]
    assert codes == sorted(set(codes))
    for row in rows:
        assert languages.find(row["code"]).part3 == row["code"]
        assert re.fullmatch(r"(?:[a-z]{3}_[A-Z][a-z]{3}:\d+ ?)*", row["fineweb2"])
        assert row["multiblimp"] in ("", "x")
        assert all(name.count("/") == 1 for name in row["encoders"].split())
        assert None not in row.values()
