"""Every setting of a run, as frozen dataclasses: one per stage, and the recipe that holds them.

The attribute docstrings are the help text of the flags. Standard library only.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from filiberto.errors import UsageError

Size = Literal["tiny", "mini", "small", "medium", "base", "large"]

Architecture = Literal["roberta", "modernbert"]

Embeddings = Literal["cooccurrence", "random"]

Auto = Literal["auto"]

Tracker = Literal["wandb", "trackio"]

Rule = Literal[
    "too_short",
    "damaged",
    "symbols",
    "digits",
    "boilerplate",
    "repeated_lines",
    "repeated_words",
    "wrong_language",
    "duplicate",
    "near_duplicate",
    "leak",
]

RECIPE_FILE = "recipe.toml"
"""The merged recipe in a run folder."""

ITALIAN = ("it", "ita")
"""The codes of the language whose prompts ship with us."""

DEFAULT_TIME = "1h"
"""The time of a run that nothing else ends."""

PHRASEBOOK = "builtin:phrasebook"
"""The source of the demonstration, in place of a file."""


@dataclass(frozen=True, kw_only=True)
class CorpusConfig:
    """Settings of the stage `corpus`."""

    documents: Literal["auto", "line", "paragraph", "file"] = "auto"
    """What one document is in a plain text file: a line, a paragraph (blank lines between) or
    the whole file; 'auto' looks at the beginning of each and shows what it found."""
    text_field: str = "text"
    """Name of the field or column that holds the text in .jsonl, .csv, .tsv and .parquet files."""
    validation_share: float = 0.01
    """Share of the text's bytes kept apart for validation (0 to 0.5), before the two bounds."""
    validation_min_bytes: int = 500_000
    """Least validation text, in bytes (never more than a tenth of all)."""
    validation_max_bytes: int = 4_000_000
    """Most validation text, in bytes."""
    skip_rules: tuple[Rule, ...] = ()
    """Rules that drop no document: too_short, damaged (wrongly decoded), symbols, digits,
    boilerplate, repeated_lines, repeated_words, wrong_language, duplicate, near_duplicate, and
    leak (validation text that training nearly holds)."""
    mask_personal: bool = False
    """Put [email], [phone] or [card] in the place of personal data, which is always counted."""
    max_bad_share: float = 0.01
    """Stop if more than this share of the records is malformed (0 to 1): not UTF-8, not JSON."""
    on_bad_file: Literal["stop", "skip"] = "stop"
    """What a damaged file does: 'stop' the stage, or 'skip' what cannot be read of it."""
    engine: Literal["native", "ray"] = "native"
    """What runs the reading: Daft on this machine, or on the Ray cluster of RAY_ADDRESS (a local
    one without it; extra filiberto[ray]). Same documents either way."""
    phrasebook_bytes: int = 10_000_000
    """Bytes of Italian that `--text builtin:phrasebook`, the demonstration, generates."""


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """Settings of the stage `tokenizer`."""

    vocab_size: int | Auto = "auto"
    """Entries in the vocabulary, special tokens and 256 bytes included; 'auto' takes them from the
    size of the corpus: 4,992 for 1 MB, 14,976 for 9 MB, never more than 32,768."""
    split: Literal["script", "gpt2"] = "script"
    """How text is cut into words before merging: 'script' keeps combining marks with their
    letter in every script; 'gpt2' is the article's, the only one RobertaTokenizer can rebuild."""
    apostrophe: Literal["auto", "cut", "inside"] = "auto"
    """An apostrophe between letters: 'cut' ends a word after it (Italian l'|amico, French),
    'inside' keeps it in the word (Ukrainian, Navajo); 'auto' cuts where --language elides."""
    min_frequency: int = 2
    """A pair of tokens is merged only if it occurs this many times."""
    max_sample_bytes: int = 200_000_000
    """Most text, in bytes, that the vocabulary is learned from: a sample over all documents."""
    max_sample_words: int = 1_000_000
    """Most different words in that sample, which decide the memory: 1.5 to 3 kB each."""


@dataclass(frozen=True, kw_only=True)
class TokensConfig:
    """Settings of the stage `tokens`."""

    shard_tokens: int = 33_554_432
    """Tokens in one shard file (2 or 4 bytes each)."""
    weights: tuple[str, ...] = ()
    """How often the training documents of a source are written, as NAME=WEIGHT, such as
    europarl=0.5 dialogue=4; a source that is not named weighs 1."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of the stage `train`."""

    architecture: Architecture = "modernbert"
    """The model's kind: 'modernbert' (rotary positions, gates, most layers see a window of 129
    tokens), which learns far faster from little text, or 'roberta' as in the article."""
    embeddings: Embeddings = "cooccurrence"
    """What a model that begins anew has for tokens before its first step: 'cooccurrence' puts those
    near each other that stand among the same others in the text, or 'random'."""
    row_length: int = 128
    """Tokens in one training row: the longest text the model will read."""
    batch_tokens: int | Auto = "auto"
    """Tokens in one optimizer step (the global batch), whatever the memory; 'auto' is 4,096 on a
    CPU and 65,536 on a GPU."""
    micro_batch_tokens: int | Auto = "auto"
    """Tokens that go through the model at once: smaller needs less memory and changes
    nothing but rounding (and what dropout drops)."""
    max_steps: int | None = None
    """End after this many optimizer steps (instead of --time)."""
    epochs: float | None = None
    """End after this many passes over the text (instead of --time)."""
    optimizer: Literal["adamw", "muon"] = "muon"
    """'muon' for the matrices of the layers and AdamW for the rest, or 'adamw' for all weights."""
    peak_lr: float | Auto = "auto"
    """Highest learning rate of AdamW; 'auto' takes it from size, architecture,
    optimizer and first embeddings."""
    muon_lr: float = 0.02
    """Highest learning rate of Muon."""
    warmup_share: float = 0.06
    """Share of the steps in which the learning rate climbs from zero (0 to 1)."""
    decay_share: float = 0.4
    """Share of the steps, at the end, in which it falls to zero in a straight line; between the two
    it stays at its peak. 1 lets it fall from the warm-up on."""
    weight_decay: float = 0.01
    """Weight decay of matrices (biases and norms have none)."""
    beta1: float = 0.9
    """AdamW's decay of the gradient's mean (0 to 1)."""
    beta2: float = 0.98
    """AdamW's decay of the gradient's square (0 to 1)."""
    epsilon: float = 1e-6
    """AdamW's epsilon."""
    clip_norm: float = 1.0
    """Gradients are scaled down to at most this global norm."""
    mask_rate: float = 0.30
    """Share of a row's tokens that the model must guess in training (0 to 1)."""
    dropout: float = 0.0
    """Dropout in the hidden layers and in attention (0 to 1)."""
    validate_steps: int | Auto = "auto"
    """Optimizer steps between validations; 'auto' is a tenth of the run."""
    validation_tokens: int = 131_072
    """Validation tokens read each time, always the same."""
    log_steps: int | Auto = "auto"
    """Optimizer steps between lines in metrics.jsonl; 'auto' is a two-hundredth of the run."""
    checkpoint_steps: int | Auto = "auto"
    """Optimizer steps between checkpoints; 'auto' saves by the clock (--checkpoint-every)."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """Number format of the arithmetic; 'auto' is bf16 where the hardware computes it natively, on
    older NVIDIA GPUs fp16 with a scaled loss, else fp32. Weights and optimizer are fp32 always."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train; 'auto' takes the GPU if there is one."""
    attention: Literal["auto", "varlen", "sdpa"] = "auto"
    """How documents in a row are kept apart: 'varlen' tells the GPU where they begin, 'sdpa' masks;
    'auto' is varlen where it works: on CUDA in half precision without dropout."""
    compile: bool | Auto = "auto"
    """Let torch.compile make kernels of its own for this model; 'auto' does on CUDA."""
    activation_checkpointing: bool = False
    """Compute what happens inside a layer twice, for less memory."""


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Settings of the stage `evaluate`."""

    model: str | None = None
    """What is measured in place of the run's model: a run, a model folder, or OWNER/NAME on the
    Hub; `filiberto evaluate MODEL --out DIR --text FILES` sets it."""
    prompts: str | Auto = "auto"
    """TOML file of prompts with accepted answers; 'auto' takes the article's four where the
    language is Italian, else none."""
    max_bytes: int = 500_000
    """Bytes of text, of a run's its validation text, that is measured on, whole documents."""
    word_share: float = 0.15
    """Share of the words that are hidden and scored (0 to 1), chosen by hash."""
    likelihood_words: int = 2_000
    """About how many words of that text are guessed one at a time, all others shown, for the
    pseudo-log-likelihood."""
    pairs: tuple[str, ...] = ()
    """Files of minimal pairs, of which the model must find the good sentence likelier: lines of
    GOOD, tab, BAD and perhaps tab, PHENOMENON; or data.tsv of MultiBLiMP, or generated.tab of
    Gulordava et al. 2018; or multiblimp, which is fetched."""
    treebank: str | None = None
    """Folder of a Universal Dependencies treebank (train, dev and test .conllu), or the name of one
    to fetch, such as UD_Telugu-MTG: the model is fine-tuned to tag and to parse."""
    entities: str | None = None
    """Folder with train, test and perhaps dev files of a word, a tab and its entity label (IOB, or
    bare types as KIND has them), or wikiann, which is fetched: the model is fine-tuned to find
    named entities."""
    classes: str | None = None
    """Folder with train, test and perhaps dev .tsv of a sentence, a tab and its class: the model is
    fine-tuned to tell classes of sentences."""
    against: tuple[str, ...] = ()
    """Other models to measure the same way: runs, model folders, or OWNER/NAME on the Hub."""
    benchmarks: bool = False
    """Fetch what is published for --language and not named yet: its treebank, its entities of
    WikiANN, its minimal pairs of MultiBLiMP; and compare with XLM-R."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A run: the daily flags, then a section per stage."""

    text: tuple[str, ...] = ()
    """Your text: files, folders or globs (.txt .jsonl .csv .tsv, plain, .gz or .zst, and .parquet),
    or builtin:phrasebook, the demonstration's generated Italian."""
    hub: str | None = None
    """Text from the Hugging Face Hub: a data set OWNER/NAME, or fineweb or wikipedia, which go by
    --language; a --language without any text means fineweb."""
    hub_config: str | None = None
    """Config (subset) of the data set on the Hub, such as ita_Latn."""
    hub_split: str = "train"
    """Split of the data set on the Hub."""
    max_text: str = "2GB"
    """About how much text to take from the Hub, such as 500MB; whole files are fetched for it."""
    language: str = ""
    """Language of the text, an ISO 639 code or an English name, such as it, tel or Basque; goes
    into the model card."""
    time: str | None = None
    """Wall-clock time for the whole command, such as 10m, 2h or 1h30m; 1h where neither this nor
    --train.max-steps nor --train.epochs ends the run."""
    init_from: str | None = None
    """Folder of a RoBERTa or ModernBERT to go on from, with its own tokenizer, instead of random
    weights; XLM-RoBERTa and CamemBERT are of that kind."""
    size: Size | Auto = "auto"
    """Model size: tiny 2x128, mini 4x256, small 4x512, medium 8x512, base 12x768, large 24x1024
    (layers x width); 'auto' chooses from the time and the hardware."""
    seed: int = 0
    """Seed of everything that is drawn: sample, order, masks, weights."""
    checkpoint_every: str = "10m"
    """Wall-clock time between checkpoints, such as 10m."""
    price_per_hour: float | None = None
    """Of the machine, in whatever currency, for the cost in plan and report."""
    backup: str | None = None
    """Folder, or hub:OWNER/NAME for a private repository, to which the run is copied with every
    checkpoint; `filiberto resume RUN --backup PLACE` goes on from there on another machine."""
    wandb: bool = False
    """Show the training on Weights & Biases too (extra filiberto[wandb])."""
    trackio: bool = False
    """Show the training on Trackio too (extra filiberto[trackio])."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    tokens: TokensConfig = field(default_factory=TokensConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)

    @property
    def trackers(self) -> tuple[Tracker, ...]:
        """Where the training is shown beside TensorBoard."""
        asked: dict[Tracker, bool] = {"wandb": self.wandb, "trackio": self.trackio}
        return tuple(name for name, wanted in asked.items() if wanted)

    @property
    def ends(self) -> dict[str, str | int | float | None]:
        """What may end the run; no more than one is set."""
        return {"time": self.time, "max_steps": self.train.max_steps, "epochs": self.train.epochs}

    def ended_by(self, *names: str) -> Recipe:
        """The recipe without those of its ends that are not named."""
        steps = {name: None for name in ("max_steps", "epochs") if name not in names}
        train = dataclasses.replace(self.train, **steps)
        return dataclasses.replace(self, time=self.time if "time" in names else None, train=train)


@cache
def setting_docs(section: type) -> dict[str, str]:
    """The docstring of each setting of a section, as one line."""
    body = ast.parse(inspect.getsource(section)).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for setting, text in itertools.pairwise(body.body):
        if isinstance(setting, ast.AnnAssign) and isinstance(text, ast.Expr):
            assert isinstance(setting.target, ast.Name)
            docs[setting.target.id] = inspect.cleandoc(ast.literal_eval(text.value))
    return {name: " ".join(text.split()) for name, text in docs.items()}


SECTIONS = ("corpus", "tokenizer", "tokens", "train", "evaluate")


def parse_seconds(text: str) -> float:
    """Seconds in a duration such as `90s`, `10m`, `1h30m` or `2d`.

    Raises:
        UsageError: the text is no duration, or is zero.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise UsageError(f"{text!r} is no duration", hint="write 90s, 10m, 2h or 1h30m")
    seconds = sum(float(n) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[u] for n, u in parts)
    if seconds <= 0:
        raise UsageError(f"{text!r} is no time at all", hint="write 90s, 10m, 2h or 1h30m")
    return seconds


_MAX_WEIGHT = 100


def parse_weights(entries: Iterable[str]) -> dict[str, float]:
    """Weights by name, from entries such as `europarl=0.5`.

    Raises:
        UsageError: an entry is no NAME=WEIGHT, its weight is out of range, or a name comes twice.
    """
    weights: dict[str, float] = {}
    for entry in entries:
        name, _, number = entry.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not name or not 0 <= weight <= _MAX_WEIGHT:
            raise UsageError(
                f"{entry!r} is no weight", hint=f"write NAME=WEIGHT, from 0 to {_MAX_WEIGHT}"
            )
        if name in weights:
            raise UsageError(f"{name!r} has two weights", hint="name each source once")
        weights[name] = weight
    return weights


def parse_bytes(text: str) -> int:
    """Bytes in a size such as `500MB` or `2GB` (powers of 1000).

    Raises:
        UsageError: the text is no size, or is zero.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKMGT]?)B?", text.strip())
    size = 0 if match is None else round(float(match[1]) * _UNITS[match[2].upper()])
    if size <= 0:
        raise UsageError(f"{text!r} is no size of text", hint="write 500MB or 2GB")
    return size


_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
