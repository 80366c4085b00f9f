"""Train a byte-level BPE and write it so that stock loaders read it back with the same ids.

texts -> words (pretokenize) -> merges -> tokenizer.json vocab.json merges.txt
                                          tokenizer_config.json
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors, trainers
from tokenizers.pre_tokenizers import ByteLevel

from filiberto.errors import StateError
from filiberto.runfolder import safeio
from filiberto.tokenizer.pretokenize import pre_tokenizer

# The article's order, so ids 0 to 4; they are looked up all the same, never assumed.
SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")

# What transformers calls them, in the same order.
_ROLES = (
    ("cls_token", "bos_token"),
    ("pad_token",),
    ("sep_token", "eos_token"),
    ("unk_token",),
    ("mask_token",),
)


def new_tokenizer(*, split: Literal["script", "gpt2"], cut_after_apostrophe: bool) -> Tokenizer:
    """An untrained byte-level BPE with NFC inside, so that decode(encode(s)) = NFC(s)."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizer(split=split, cut_after_apostrophe=cut_after_apostrophe)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train_bpe(
    tokenizer: Tokenizer, texts: Iterable[list[str]], *, vocab_size: int, min_frequency: int
) -> None:
    """Learn the merges from batches of texts and put the special tokens in place.

    Deterministic for the same texts in any number of threads.

    Args:
        tokenizer: from `new_tokenizer`; changed in place.
        texts: batches of documents.
        vocab_size: entries wanted, specials and the 256 bytes included; little text may give fewer.
        min_frequency: pairs rarer than this are not merged.
    """
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=[_special(token) for token in SPECIAL_TOKENS],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    bos, eos = (tokenizer.token_to_id(token) for token in ("<s>", "</s>"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", bos), ("</s>", eos)],
    )


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the files that transformers, `tokenizers` and the article's loader look for.

    Args:
        folder: an existing folder, not yet visible under its final name.
    """
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer.model.save(str(folder))
    write_config(folder)


def write_config(folder: Path, *, max_length: int | None = None) -> None:
    """Write the settings that transformers reads beside tokenizer.json.

    The class is written as PreTrainedTokenizerFast: under the name RobertaTokenizer, transformers 5
    rebuilds GPT-2's split and drops the normalizer without a word (transformers#45812).

    Args:
        folder: holds the tokenizer.
        max_length: longest input in tokens of the model beside it, where there is one.
    """
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "mask_token": {
            "__type": "AddedToken",
            "content": "<mask>",
            "lstrip": True,
            "rstrip": False,
            "normalized": False,
            "single_word": False,
            "special": True,
        },
    }
    if max_length is not None:
        config["model_max_length"] = max_length
    safeio.write_json(folder / "tokenizer_config.json", config)


def load(folder: Path, *, literal_specials: bool = False) -> Tokenizer:
    """Read a tokenizer folder back.

    Args:
        folder: holds tokenizer.json.
        literal_specials: a `<mask>` written in the text is ordinary text, as documents need it,
            not the mask token, as prompts need it. tokenizer.json cannot remember this.

    Raises:
        StateError: the file is missing or damaged, or lacks a special token.
    """
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise StateError(
            f"{path} cannot be read: {error}",
            hint=f"build it again: filiberto tokenizer {folder.parent} --force",
        ) from None
    wanted = special_tokens(folder)
    missing = [token for token in wanted.values() if tokenizer.token_to_id(token) is None]
    if missing:
        raise StateError(f"{path} has no {' '.join(missing)}")
    tokenizer.encode_special_tokens = literal_specials
    tokenizer.no_truncation()  # others' folders may remember how their last texts were cut
    tokenizer.no_padding()
    return tokenizer


def special_tokens(folder: Path) -> dict[str, str]:
    """The special tokens of a folder by our names: another's `<s>` may be written `[CLS]`.

    One that has no token for what it does not know has no `<unk>`.

    Raises:
        StateError: the tokenizer's settings cannot be read.
    """
    path = folder / "tokenizer_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        found = {}
        for token, roles in zip(SPECIAL_TOKENS, _ROLES, strict=True):
            named = next((config[role] for role in roles if config.get(role) is not None), None)
            text = named["content"] if isinstance(named, dict) else named
            if not isinstance(text, str | None):
                raise ValueError(f"{text!r} is no token")
            if text is not None or not config or token != "<unk>":
                found[token] = token if text is None else text
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StateError(f"{path} cannot be read: {error}") from None
    return found


def special_ids(tokenizer: Tokenizer, tokens: dict[str, str]) -> dict[str, int]:
    """The id of each of `special_tokens`, by our name for it."""
    return {name: _id(tokenizer, token) for name, token in tokens.items()}


def _id(tokenizer: Tokenizer, token: str) -> int:
    number = tokenizer.token_to_id(token)
    assert number is not None, f"{token} was looked for when the tokenizer was loaded"
    return number


def _special(token: str) -> AddedToken:
    # lstrip: "word <mask>" must not leave a lone space token before the mask.
    return AddedToken(token, lstrip=token == "<mask>", normalized=False, special=True)
