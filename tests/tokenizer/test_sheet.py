from typing import Any

import pytest
from tokenizers import Tokenizer

from filiberto.tokenizer import bpe
from filiberto.tokenizer.pretokenize import pattern_of
from filiberto.tokenizer.quality import quality
from filiberto.tokenizer.sample import Sample
from filiberto.tokenizer.sheet import describe, make_sheet
from tests.conftest import italian_lines

TELUGU = [
    "మా ఊరి చెరువు పక్కన ఒక పెద్ద మర్రిచెట్టు ఉంది",
    "పిల్లలు రోజూ ఆ చెట్టు నీడలో ఆడుకుంటారు",
    "అమ్మ ఉదయం వంట చేసి మమ్మల్ని బడికి పంపుతుంది",
] * 20
DRAWN = Sample(below=1, seed=0, documents=9, bytes=9_000, words=99, cut_by_words=False)
PATTERN = pattern_of(split="script", cut_after_apostrophe=False)


def trained(texts: list[str], *, vocab_size: int = 500) -> Tokenizer:
    tokenizer = bpe.new_tokenizer(split="script", cut_after_apostrophe=False)
    bpe.train_bpe(tokenizer, [texts], vocab_size=vocab_size, min_frequency=2)
    tokenizer.encode_special_tokens = True
    return tokenizer


def sheet(
    texts: list[str],
    *,
    held_out: list[tuple[str, str]] | None = None,
    vocab_size: int = 500,
    wanted: int = 300,
    sample: Sample = DRAWN,
) -> dict[str, Any]:
    tokenizer = trained(texts, vocab_size=vocab_size)
    documents = held_out or [(f"a.txt:{n}", text) for n, text in enumerate(texts)]
    measured = quality(tokenizer, [documents], pattern=PATTERN)
    return make_sheet(tokenizer, measured, sample=sample, wanted=wanted, split="script")


def test_a_foreign_script_in_the_vocabulary_is_told() -> None:
    found = sheet([*TELUGU, *italian_lines(100)], held_out=[("te.txt:0", TELUGU[0])])
    latin = found["vocabulary"]["scripts"]["Latin"]
    assert latin > 0.15
    assert found["warnings"] == [
        f"this vocabulary spends {100 * latin:.0f} % of its entries on Latin text in a Telugu "
        "corpus (0 % of its bytes)"
    ]


def test_a_vocabulary_of_its_own_script_gets_no_warning() -> None:
    found = sheet(TELUGU)
    assert found["warnings"] == []
    shares = found["vocabulary"]["scripts"]
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    entries = found["vocabulary"]["entries"]
    assert round(shares["single bytes"] * entries) == 256
    assert round(shares["special tokens"] * entries) == 5


def test_too_little_text_is_told() -> None:
    found = sheet(TELUGU[:3], vocab_size=2_000, wanted=2_000)
    entries = found["vocabulary"]["entries"]
    assert f"the text gave only {entries} of the 2,000 entries" in found["warnings"][0]


def test_a_sample_cut_by_its_words_is_told() -> None:
    cut = Sample(below=1, seed=0, documents=9, bytes=2_500_000, words=99, cut_by_words=True)
    assert "is learned from 2.5 MB: more" in sheet(TELUGU, sample=cut)["warnings"][0]


def test_a_text_in_another_script_is_all_bytes() -> None:
    found = sheet(italian_lines(100), held_out=[("ru.txt:0", "Мы читали дома книги вечером")])
    assert "of the tokens are bytes and no whole character" in " ".join(found["warnings"])
    assert "a word takes 10." in " ".join(found["warnings"])


def test_a_source_that_fares_worse_is_named() -> None:
    lines = italian_lines(200)
    held_out = [(f"good.txt:{n}", line) for n, line in enumerate(lines)]
    held_out += [(f"bad.txt:{n}", "zwrk xqjy kwzp vbfx " * 3) for n in range(20)]
    found = sheet(lines, held_out=held_out)["warnings"]
    assert any(warning.startswith("a word of bad.txt takes ") for warning in found)
    assert not any("good.txt" in warning for warning in found)


def test_long_and_odd_tokens_are_shown() -> None:
    junk = ["Donaudampfschifffahrtsgesellschaftskapitänsmütze ======== соcа"] * 50
    found = sheet([*italian_lines(100), *junk], vocab_size=900)
    assert found["vocabulary"]["longest"][0].strip() == junk[0].split()[0]
    assert {" соcа", " ========"} <= set(found["vocabulary"]["oddest"])
    assert "longer than 32 characters, such as 'Donaudampfschiff" in " ".join(found["warnings"])


def test_every_loader_is_named_with_its_reason() -> None:
    loaders = sheet(TELUGU)["loaders"]
    assert loaders["transformers.AutoTokenizer"] == "same ids"
    assert "GPT-2's split" in loaders["transformers.RobertaTokenizer"]


def test_the_sheet_is_described_by_script_and_source() -> None:
    lines = describe(sheet([*TELUGU, *italian_lines(30)]))
    assert [line.split()[0] for line in lines[1:]][:2] == ["all", "Telugu"]
    assert any(line.startswith("a.txt  ") for line in lines)
    assert any(line.startswith("entries: ") and "Latin" in line for line in lines)
    assert lines[-1].startswith("warning: this vocabulary spends ")
