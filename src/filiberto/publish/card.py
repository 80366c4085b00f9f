"""The model card: what the folder is, how it was made, how to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filiberto import __version__
from filiberto.config import ITALIAN, Architecture
from filiberto.console import readable_number, readable_seconds
from filiberto.runfolder import manifest
from filiberto.runfolder.manifest import Manifest

WORD_LEVEL = (
    'spaced = [w if i == 0 else " " + w for i, w in enumerate(words)]',
    "batch = tokenizer(spaced, is_split_into_words=True)  # the ids of ' '.join(words)",
    "batch.word_ids()  # which token is of which word",
)
"""How transformers is given words that are cut already; `tokenizer/words.py` says why."""

_NAMES: dict[Architecture, str] = {"roberta": "RoBERTa", "modernbert": "ModernBERT"}


def model_card(run: Path, *, facts: dict[str, Any], language: str) -> str:
    """The README.md of a model folder, with the Hub's metadata on top.

    Args:
        run: the run folder; its stages before are finished.
        facts: of the training.
        language: ISO 639 code, or empty.
    """
    plan = facts["plan"]
    tokenizer = manifest.require(run, "tokenizer")
    header = ["---", *([f"language: {language}"] if language else []), "library_name: transformers"]
    kind = plan["architecture"]
    header += ["pipeline_tag: fill-mask", "tags:", "- filiberto", f"- {kind}", "---"]
    return "\n".join(
        [
            *header,
            "",
            f"# {run.resolve().name}",
            "",
            f"A {_NAMES[kind]} of size {plan['size']} "
            f"({readable_number(plan['parameters'])} parameters), "
            f"{_origin(tokenizer)} with filiberto {__version__} by masked-language modelling.",
            "",
            "```python",
            "from transformers import pipeline",
            "",
            'fill = pipeline("fill-mask", model="path/to/this/folder")',
            f'fill("{_example(language)}")',
            "```",
            "",
            f"Load the tokenizer with {_loader(kind, tokenizer.settings.get('split'))}.",
            "",
            "Words that are cut already (NER, part-of-speech tags) need the space before them, or "
            "they get the ids of word middles:",
            "",
            "```python",
            *WORD_LEVEL,
            "```",
            "",
            "## Training",
            "",
            f"- text: {_sources(run)}",
            f"- {readable_number(facts['tokens'])} tokens read ({plan['max_steps']:,} steps of "
            f"{plan['batch_rows'] * plan['row_length']:,}) in {readable_seconds(facts['seconds'])} "
            f"on {plan['device']} in {plan['precision']}",
            f"- vocabulary {plan['vocab_size']:,}{_kind_of(tokenizer)} {plan['row_length']} tokens",
            f"- validation: {_validation(facts)}",
            "",
            "## Limits",
            "",
            "It knows what its text says and repeats its errors and biases. Look at the report of "
            "the run before relying on it.",
            "",
        ]
    )


def tagger_card(metrics: dict[str, Any], *, labels: Sequence[str], base: str) -> str:
    """The README.md of a tagger.

    Args:
        metrics: what `filiberto tune` measured.
        labels: that it gives, without `B-` and `I-`.
        base: the model that was fine-tuned.
    """
    scores = [f"dev {100 * metrics['dev']:.1f} %"]
    if test := metrics.get("test"):
        scores.append(
            f"test {100 * test['mean']:.1f} % (95 % interval {100 * test['low']:.1f} to "
            f"{100 * test['high']:.1f}, by resampled sentences)"
        )
    sizes = metrics["sentences"]
    others = [f"{sizes[part]:,} for {part}" for part in ("dev", "test") if part in sizes]
    return "\n".join(
        [
            *("---", "library_name: transformers", "pipeline_tag: token-classification"),
            *("tags:", "- filiberto", "---", ""),
            *(f"# {base}, tuned for {metrics['task']}", ""),
            f"Fine-tuned with filiberto {__version__} on {sizes['train']:,} sentences (and "
            f"{', '.join(others)}), {learning_rates(metrics['rates'])}, the best of three tries. "
            f"{metrics['measure']}: {', '.join(scores)}.",
            *("", f"Labels, after `B-` (begins) and `I-` (goes on): {', '.join(labels)}.", ""),
            "Give it text as it is written. It cuts the text by itself, and the score is the F1 of "
            "what has the right boundaries and label. What is longer than the model reads is cut "
            "off, unless the pipeline is given a `stride`.",
            "",
            *("```python", "from transformers import pipeline", ""),
            'tag = pipeline("token-classification", "path/to/this/folder", '
            'aggregation_strategy="simple")',
            *("```", ""),
        ]
    )


def learning_rates(rates: Mapping[str, float]) -> str:
    """The rates of a fine-tuning in words: of Muon none where AdamW alone learned."""
    muon = f" (Muon's {rates['muon']:g})" if rates["muon"] else ""
    return f"learning rate {rates['adamw']:g}{muon}"


def _origin(tokenizer: Manifest) -> str:
    given = tokenizer.facts.get("given")
    return f"trained on from {given}" if given else "trained from scratch"


def _kind_of(tokenizer: Manifest) -> str:
    given = "given" in tokenizer.facts  # and then it may read more than the rows of this training
    return "; trained on in rows of" if given else ", byte-level BPE; longest input"


def _example(language: str) -> str:
    return "ciao <mask> va?" if language in ITALIAN else "... <mask> ..."


def _validation(facts: dict[str, Any]) -> str:
    if facts["validation_loss"] is None:
        return "none yet"
    return (
        f"loss {facts['validation_loss']:.3f} nats a masked token, "
        f"{100 * facts['validation_accuracy']:.1f} % right (15 % of tokens hidden)"
    )


def _loader(kind: Architecture, split: str | None) -> str:
    if kind != "roberta" or split is None:
        return "`AutoTokenizer`"
    if split == "gpt2":
        return "`AutoTokenizer` or `RobertaTokenizer`"
    return "`AutoTokenizer`; `RobertaTokenizer` would cut words as GPT-2 does and give other ids"


def _sources(run: Path) -> str:
    done = manifest.read(run / "corpus")
    if done is None:
        return "tokens made elsewhere"
    size = done.facts["train"]["bytes"] / 1e6
    names = sorted(done.inputs)
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"{size:,.1f} MB from {shown}"
