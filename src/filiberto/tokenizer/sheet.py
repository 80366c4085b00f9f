"""The quality sheet: what is known of a vocabulary, on one page, with warnings in words.

quality + vocabulary + sample  ->  sheet.json  ->  a few lines for a person
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Any

import regex
from tokenizers import Tokenizer

from filiberto.scripts import DIGITS, OTHER, SIGNS, go_together, script_of, scripts_of
from filiberto.tokenizer.bpe import SPECIAL_TOKENS
from filiberto.tokenizer.quality import Quality, text_of
from filiberto.tokenizer.sample import Sample

SHEET = "sheet.json"

PARTS, BYTES, SPECIALS = "parts of characters", "single bytes", "special tokens"
_NO_SCRIPT = {DIGITS, SIGNS, PARTS, BYTES, SPECIALS, OTHER}

# How many of the longest and of the oddest tokens are shown.
_SHOWN = 20

# What is worth a warning. Of entries in a foreign script a tenth: loan words and names in another
# script took 1 to 3 % of the vocabularies we measured (docs/results.md).
_FOREIGN_SHARE = 0.10
_FALLBACK_SHARE = 0.05
_FERTILITY = 3.0
_SOURCE_FERTILITY = 1.5
_SOURCE_SHARE = 0.02
_LONG_CHARACTERS = 32
_LONGEST_MEAN_WORD = 15

_REPEATED = regex.compile(r"(\S)\1{7,}")


def make_sheet(
    tokenizer: Tokenizer, quality: Quality, *, sample: Sample, wanted: int, split: str
) -> dict[str, Any]:
    """Everything on one page, the same for the same vocabulary and text.

    Args:
        tokenizer: trained.
        quality: of held-out text.
        sample: what it was trained on.
        wanted: entries asked for.
        split: `script` or `gpt2`; with the latter the article's loader agrees too.
    """
    texts = {token: text_of(token) for token in sorted(tokenizer.get_vocab())}
    sheet: dict[str, Any] = {
        "vocabulary": {
            "entries": tokenizer.get_vocab_size(),
            "wanted": wanted,
            "scripts": _scripts(texts),
            "longest": _longest(texts),
            "oddest": _oddest(texts),
        },
        "sample": {
            "documents": sample.documents,
            "bytes": sample.bytes,
            "words": sample.words,
            "cut_by_words": sample.cut_by_words,
        },
        **quality.figures(),
        "loaders": loaders(split),
    }
    return {**sheet, "warnings": warnings(sheet)}


def loaders(split: str) -> dict[str, str]:
    """Which loaders give the ids of this folder, and why one does not."""
    same = "same ids"
    composed = "same ids for text in NFC; it drops the normalizer (transformers#45812)"
    rebuilt = "other ids: it rebuilds GPT-2's split and drops NFC (transformers#45812)"
    return {
        "tokenizers.Tokenizer.from_file": same,
        "transformers.AutoTokenizer": same,
        "transformers.PreTrainedTokenizerFast": same,
        "transformers.js": same,
        "transformers.RobertaTokenizer": composed if split == "gpt2" else rebuilt,
    }


def describe(sheet: dict[str, Any]) -> list[str]:
    """The sheet in lines for a person: figures by script and source, entries, doubts."""
    heads = f"{'of the text':>12}{'tokens a word':>15}{'bytes a token':>15}{'one token':>11}"
    lines = [" " * 32 + heads]
    whole = {"all": {**sheet["text"], "share": 1.0}}
    for parts in (whole, sheet["scripts"], sheet["sources"]):
        for name, figures in list(parts.items())[:_SHOWN]:
            single = figures["single_token_words"]
            lines.append(
                f"{_said(name)[:31]:<32}{_percent(figures['share'] or 0):>12}"
                f"{_figure(figures['fertility'])}{_figure(figures['bytes_per_token'])}"
                f"{'-' if single is None else _percent(single):>11}"
            )
    entries = sheet["vocabulary"]["scripts"].items()
    lines.append("entries: " + ", ".join(f"{_said(name)} {_percent(n)}" for name, n in entries))
    shown = {kind: sheet["vocabulary"][kind][:5] for kind in ("longest", "oddest")}
    lines += [f"{kind}: " + " ".join(map(repr, some)) for kind, some in shown.items() if some]
    return lines + [f"warning: {warning}" for warning in sheet["warnings"]]


def main_script(scripts: dict[str, dict[str, Any]]) -> str | None:
    """The script of most of the text, by bytes; None where there is no letter in it."""
    return next((name for name in scripts if name not in _NO_SCRIPT), None)


def warnings(sheet: dict[str, Any]) -> list[str]:
    """What looks wrong, each in a sentence."""
    vocabulary, sample = sheet["vocabulary"], sheet["sample"]
    found = []
    if vocabulary["entries"] < vocabulary["wanted"]:
        found.append(
            f"the text gave only {vocabulary['entries']:,} of the {vocabulary['wanted']:,} entries "
            "asked for: no more pairs are frequent enough"
        )
    if sample["cut_by_words"]:
        found.append(
            f"the vocabulary is learned from {sample['bytes'] / 1e6:,.1f} MB: more would hold more "
            "different words than tokenizer.max_sample_words allows"
        )
    long = [t.strip() for t in vocabulary["longest"] if len(t.strip()) > _LONG_CHARACTERS]
    if long:
        found.append(
            f"{len(long)} or more tokens are longer than {_LONG_CHARACTERS} characters, such as "
            f"{long[0]!r}: text that repeats itself got into the sample"
        )
    if sheet["text"]["tokens"]:
        found += _foreign(vocabulary["scripts"], sheet["scripts"])
        found += _costly(sheet["text"], sheet["scripts"])
        found += _poor_sources(sheet["sources"], sheet["text"]["fertility"])
    return found


def _costly(text: dict[str, Any], scripts: dict[str, dict[str, Any]]) -> list[str]:
    found = []
    if text["round_trip_failures"]:
        found.append(f"{text['round_trip_failures']:,} documents do not come back as they were")
    if text["byte_fallback"] > _FALLBACK_SHARE:
        found.append(
            f"{_percent(text['byte_fallback'])} of the tokens are bytes and no whole character: "
            "the vocabulary is small for the characters of the text"
        )
    # Between white space stand sentences in a script that has no spaces between words.
    main = scripts[main_script(scripts) or next(iter(scripts))]
    spaced = (main["characters_per_word"] or 0) < _LONGEST_MEAN_WORD
    if spaced and (text["fertility"] or 0) > _FERTILITY:
        found.append(
            f"a word takes {text['fertility']:.1f} tokens: a larger vocabulary or more text "
            "would help"
        )
    return found


def _foreign(entries: dict[str, float], text: dict[str, dict[str, Any]]) -> list[str]:
    main = main_script(text)
    if main is None:
        return []
    return [
        f"this vocabulary spends {_percent(share)} of its entries on {_said(name)} text in a "
        f"{_said(main)} corpus ({_percent(text.get(name, {}).get('share', 0.0))} of its bytes)"
        for name, share in entries.items()
        if share >= _FOREIGN_SHARE and name not in _NO_SCRIPT and not go_together(name, main)
    ]


def _poor_sources(sources: dict[str, dict[str, Any]], fertility: float) -> list[str]:
    return [
        f"a word of {name} takes {figures['fertility']:.2f} tokens, {fertility:.2f} on the whole"
        for name, figures in sources.items()
        if figures["share"] >= _SOURCE_SHARE
        and (figures["fertility"] or 0) > _SOURCE_FERTILITY * fertility
    ]


def _scripts(texts: dict[str, str | None]) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for token, text in texts.items():
        if token in SPECIAL_TOKENS:
            counts[SPECIALS] += 1
        elif len(token) == 1:
            counts[BYTES] += 1
        else:
            counts[PARTS if text is None else script_of(text)] += 1
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {name: round(count / total, 4) for name, count in ordered}


def _longest(texts: dict[str, str | None]) -> list[str]:
    whole = [text for token, text in texts.items() if text and token not in SPECIAL_TOKENS]
    return sorted(whole, key=lambda text: (-len(text), text))[:_SHOWN]


def _oddest(texts: dict[str, str | None]) -> list[str]:
    """Tokens that mix scripts, repeat a sign, or hold characters that are no text."""
    whole = [text for token, text in texts.items() if text and token not in SPECIAL_TOKENS]
    odd = {text: _oddness(text) for text in whole}
    return sorted((t for t, n in odd.items() if n), key=lambda t: (-odd[t], t))[:_SHOWN]


def _oddness(text: str) -> int:
    scripts = sorted(scripts_of(text))
    mixed = any(not go_together(scripts[0], other) for other in scripts[1:])
    # Control, unassigned, private; one alone is a byte of the alphabet.
    no_text = len(text) > 1 and any(unicodedata.category(c) in ("Cc", "Cn", "Co") for c in text)
    damaged = "\ufffd" in text
    return 2 * (mixed + no_text + damaged) + bool(_REPEATED.search(text))


def _figure(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.2f'):>15}"


def _said(script: str) -> str:
    return script.replace("_", " ")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
