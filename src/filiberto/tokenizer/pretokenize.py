"""How text is cut into words before byte-pair merging: no token ever crosses a cut.

GPT-2's pattern takes a word to be a run of `\\p{L}`, so a vowel sign (`\\p{M}`) ends it: Telugu
తెలుగు falls into six pieces before a single merge. The script-safe pattern keeps marks and joiners
with their letter.
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

_LETTERS = r"[\p{L}\p{M}][\p{L}\p{M}\u200c\u200d]*"
_APOSTROPHE = r"['\u2019\u02bc\u02bb]"


def cuts_after_apostrophe(setting: Literal["auto", "cut", "inside"], *, language: str) -> bool:
    """Whether an apostrophe between letters ends a word: as set, or as the language has it."""
    return setting == "cut" or (setting == "auto" and language in ELIDING)


def word_pattern(*, cut_after_apostrophe: bool) -> str:
    """The script-safe pattern, in the syntax that Oniguruma, `regex` and JavaScript share.

    A word is letters, marks and joiners after an optional space; then digits in groups of at most
    three, other signs, and white space.

    Example:
        `l'amico` is `l'` + `amico` where the apostrophe cuts, one word where it does not.
    """
    if cut_after_apostrophe:
        word = rf" ?{_LETTERS}(?:{_APOSTROPHE}(?=[\p{{L}}\p{{M}}]))?"
    else:
        word = rf" ?{_LETTERS}(?:{_APOSTROPHE}{_LETTERS})*"
    return rf"{word}| ?\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+|\s+(?!\S)|\s+"


def pre_tokenizer(
    *, split: Literal["script", "gpt2"], cut_after_apostrophe: bool
) -> pre_tokenizers.PreTokenizer:
    """The pre-tokenizer of a split: cut into words, then spell each in bytes."""
    if split == "gpt2":
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    pattern = Regex(word_pattern(cut_after_apostrophe=cut_after_apostrophe))
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pattern, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
