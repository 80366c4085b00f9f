"""How text is cut into pieces before byte-pair merging: no token ever crosses a cut.

    text -> one pattern -> words | runs of clusters | digits | signs | white space

GPT-2's pattern takes a word to be a run of `\\p{L}`, so a vowel sign (`\\p{M}`) ends it: Telugu
తెలుగు falls into six pieces before a single merge. The script-safe pattern keeps with its letter
what belongs to it. It is written so that Oniguruma (tokenizers), Python's `regex` and JavaScript
read it alike: no script names, no possessive groups, characters beyond U+FFFF literally.
"""

from __future__ import annotations

from typing import Literal

from tokenizers import Regex, pre_tokenizers

# Languages that elide an article or preposition before a vowel and write it with an apostrophe:
# Italian, French, Catalan, Occitan, Corsican, Sardinian, Friulian, Lombard, Piedmontese, Ligurian,
# Venetian, Sicilian, Neapolitan, Walloon and Arpitan.
ELIDING = frozenset(
    {"it", "ita", "fr", "fra", "ca", "cat", "oc", "oci", "co", "cos", "sc", "srd", "wa", "wln"}
    | {"fur", "lmo", "pms", "lij", "vec", "scn", "nap", "frp"}
)

MAX_CLUSTERS = 16
"""Letters with their marks in a piece of a script without spaces: a few words."""

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""The pattern of the split `gpt2`, as tokenizers has it built in (its ByteLevel)."""

# Blocks of scripts that put no spaces between words; only their letters count.
UNSPACED = (
    r"\u0e01-\u0eff"  # Thai, Lao
    r"\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese and its neighbours
    r"\u1780-\u17ff"  # Khmer
    r"\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf"  # Tai Le, New Tai Lue, Tai Tham, Tai Viet
    r"\u1b00-\u1b7f\ua980-\ua9df"  # Balinese, Javanese
    r"\u3005-\u3007\u303b\u303c\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    r"\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff\uff66-\uff9f"  # Kana, Bopomofo
    r"\ua000-\ua4cf"  # Yi
    "\U00016fe0-\U00018dff"  # Tangut, Khitan
    "\U0001aff0-\U0001b2ff"  # Kana and Nushu
    "\U00020000-\U0003ffff"  # Han
)

# White space takes no part in a word but the one space before it; so do three signs that other
# scripts write in its place: U+200B (Khmer, Thai), Tibetan's tsheg, Ethiopic's old word space.
_SPACE = r"\p{White_Space}"
_BEFORE = r"[ \u200b\u0f0b\u1361]?"

_LETTER = rf"[^\P{{L}}{UNSPACED}]"
# What a letter carries: marks, the joiners ZWNJ and ZWJ, and the signs that stand inside words by
# Unicode Standard Annex 29, table 3: Catalan l·l, Armenian stress, Hebrew geresh and gershayim.
_MARK = r"[\p{M}\u200c\u200d]"
_INSIDE = r"[\p{M}\u200c\u200d\u00b7\u055a-\u055c\u055e\u05f3\u05f4]"
_WORD = rf"{_LETTER}+(?:{_INSIDE}+{_LETTER}*)*"
# U+02BC and U+02BB (Navajo doʼa, Uzbek oʻzbek) are letters to Unicode and need no rule.
_APOSTROPHE = r"['\u2018\u2019]"

# A cluster: Thai's and Lao's vowels written before their consonant, the letter, consonants stacked
# under it (Burmese, Khmer, Tai Tham, Balinese and Javanese have a sign that says so), marks, and
# letters that cannot begin anything: Thai's and Lao's vowels written after it, repetition signs.
_PREPOSED = r"[\u0e40-\u0e44\u0ec0-\u0ec4\uaab5\uaab6\uaab9\uaabb\uaabc]"
_STACKING = r"[\u1039\u17d2\u1a60\u1b44\ua9c0]"
_FOLLOWING = (
    r"[\u0e2f-\u0e33\u0e45\u0e46\u0eb0-\u0eb3\u0ec6\u17d7"
    r"\u3005\u303b\u309d\u309e\u30fc-\u30fe\uff70]"
)
_UNSPACED_LETTER = rf"(?=[{UNSPACED}])\p{{L}}"
_CLUSTER = (
    rf"{_PREPOSED}?{_UNSPACED_LETTER}(?:{_STACKING}{_UNSPACED_LETTER}|{_MARK})*"
    rf"(?:{_FOLLOWING}{_MARK}*){{0,2}}"
)


def cuts_after_apostrophe(setting: Literal["auto", "cut", "inside"], *, language: str) -> bool:
    """Whether an apostrophe between letters ends a word: as set, or as the language has it."""
    return setting == "cut" or (setting == "auto" and language in ELIDING)


def word_pattern(*, cut_after_apostrophe: bool) -> str:
    """The script-safe pattern.

    A piece is a word (letters with their marks and inner apostrophes) or, where words have no
    spaces between them, up to `MAX_CLUSTERS` clusters, each after an optional space; or up to
    three digits; or signs; or white space. No piece with a letter in it begins with a mark.

    Example:
        `l'amico` is `l'` + `amico` where the apostrophe cuts, one word where it does not.
    """
    if cut_after_apostrophe:
        word = rf"{_WORD}(?:{_APOSTROPHE}(?={_LETTER}))?"
    else:
        word = rf"{_WORD}(?:{_APOSTROPHE}{_WORD})*"
    return "|".join(
        [
            f"{_BEFORE}{word}",
            rf"{_BEFORE}(?:{_CLUSTER}){{1,{MAX_CLUSTERS}}}",
            r" ?\p{N}{1,3}\p{M}*",
            rf" ?[^{_SPACE}\p{{L}}\p{{N}}]+",
            rf"{_SPACE}+(?!\P{{White_Space}})",
            rf"{_SPACE}+",
        ]
    )


def pattern_of(*, split: Literal["script", "gpt2"], cut_after_apostrophe: bool) -> str:
    """The pattern whose matches are the pieces of a split."""
    return GPT2 if split == "gpt2" else word_pattern(cut_after_apostrophe=cut_after_apostrophe)


def pre_tokenizer(
    *, split: Literal["script", "gpt2"], cut_after_apostrophe: bool
) -> pre_tokenizers.PreTokenizer:
    """The pre-tokenizer of a split: cut into pieces, then spell each in bytes."""
    if split == "gpt2":
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    pattern = Regex(word_pattern(cut_after_apostrophe=cut_after_apostrophe))
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pattern, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
