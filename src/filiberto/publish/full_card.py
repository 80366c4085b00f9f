"""The card of a published model: what a reader should know, under the Hub's metadata.

    recipe, plan, corpus, records  ->  History  ->  README.md
    report/metrics.json            ->  figures, baselines

What a run does not tell is left out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from filiberto.config import PHRASEBOOK, RECIPE_FILE
from filiberto.console import printable, readable_number, readable_seconds
from filiberto.corpus import hub_choice
from filiberto.corpus.hub_choice import Choice
from filiberto.evaluate import results
from filiberto.evaluate.history import KINDS, History, bare, of
from filiberto.publish.card import WORD_LEVEL
from filiberto.publish.metadata import metadata
from filiberto.runfolder import manifest

_SOURCES_SHOWN = 20


def full_card(
    run: Path,
    *,
    name: str,
    files: Collection[str],
    licence: str | None = None,
    text_licence: str | None = None,
) -> str:
    """The README.md of a repository.

    Args:
        run: a run folder with a finished model and its report.
        name: OWNER/NAME.
        files: what is beside it, by path.
        licence: of the model; None leaves it unsaid.
        text_licence: of the text; None leaves it unsaid.

    Raises:
        StateError: a file of the run is damaged.
    """
    model, corpus = manifest.require(run, "model"), manifest.read(run / "corpus")
    facts, version = model.facts, model.version
    masked = corpus is not None and corpus.settings.get("mask_personal", False)
    metrics = manifest.require(run, "report").facts
    history, (_, choice) = of(run), hub_choice.read(run)
    plan = facts["plan"]
    config = json.loads((run / "model" / "tokenizer_config.json").read_text(encoding="utf-8"))
    parts = [
        f"---\n{metadata(name, facts, metrics, history, choice, licence=licence)}\n---",
        f"# {name.split('/')[1]}",
        _opening(plan, history, version=version),
        "## Use",
        *_use(name, _example(metrics, config.get("mask_token"))),
        *(["`onnx/` has it for onnxruntime and browsers."] if _has_onnx(files) else []),
        "## What it is for",
        _for(history),
        "## What it is not for",
        _not_for(plan, history, masked=masked),
        "## Data",
        *_data(history, choice, text_licence),
        "## Training",
        _training(facts, history),
        "## Results",
        *_results(metrics, history, name=name.split("/")[1]),
        *(["All figures: `report/report.html`."] if "report/report.html" in files else []),
        "## How to make it again",
        *_again(history, choice, version=version, with_recipe=RECIPE_FILE in files),
    ]
    return "\n\n".join(parts) + "\n"


def _has_onnx(files: Collection[str]) -> bool:
    return any(path.endswith(".onnx") for path in files)


def _opening(plan: dict[str, Any], history: History, *, version: str) -> str:
    language = f" for {history.language}" if history.language else ""
    origin = "trained from scratch"
    if history.began_from:
        origin = f"trained on from {_inline(history.began_from)}"
    kind = KINDS.get(plan["architecture"], plan["architecture"])
    return (
        f"A {kind} of size {plan['size']} ({readable_number(plan['parameters'])} parameters)"
        f"{language}, {origin} with filiberto {version} by masked-language modelling."
    )


def _example(metrics: dict[str, Any], mask: Any) -> str:
    """A prompt that the report has filled, with the mask as the tokenizer writes it."""
    token = mask["content"] if isinstance(mask, dict) else mask or "<mask>"
    prompts = (str(prompt["text"]) for prompt in metrics.get("prompts") or [])
    text = next((text for text in prompts if text.count("<mask>") == 1), "... <mask> ...")
    return text.replace("<mask>", token)


def _use(name: str, example: str) -> list[str]:
    return [
        "```python\n"
        "from transformers import AutoModelForMaskedLM, AutoTokenizer, pipeline\n\n"
        f'model = AutoModelForMaskedLM.from_pretrained("{name}")\n'
        f'tokenizer = AutoTokenizer.from_pretrained("{name}")\n'
        'fill = pipeline("fill-mask", model=model, tokenizer=tokenizer)\n'
        f"print(fill({json.dumps(example, ensure_ascii=False)}))\n"
        "```",
        "Words that are cut already (for tags or names) need the space before them:",
        "\n".join(("```python", *WORD_LEVEL, "```")),
    ]


def _for(history: History) -> str:
    language = history.language or "the language of its text"
    return (
        f"- Fine-tuning for tasks in {language}: tagging words, finding names, telling kinds of "
        "text apart.\n"
        "- Guessing hidden words, and saying which of two sentences is likelier."
    )


def _not_for(plan: dict[str, Any], history: History, *, masked: bool) -> str:
    lines = [
        "It writes no text and holds no conversation: it is an encoder.",
        f"Longer text: in training it saw at most {plan['row_length']} tokens at once.",
        "Facts, advice, or decisions about people: what it fills in is what its text makes likely, "
        "with the errors and biases of that text, which were not examined.",
        "Languages and kinds of text that are not in its data.",
    ]
    counted = (history.funnel or {}).get("total", {}).get("personal") or {}
    told = ", ".join(f"{kind} {number:,}" for kind, number in counted.items() if number)
    if told and not masked:
        lines.append(
            f"Keeping secrets: personal data was counted in its text by form ({told}), and a model "
            "may give back what it has read."
        )
    return "\n".join(f"- {line}" for line in lines)


def _data(history: History, choice: Choice | None, text_licence: str | None) -> list[str]:
    parts = []
    if choice:
        config = f", {_inline(choice.config)}" if choice.config else ""
        parts.append(
            f"From the data set {_inline(choice.dataset)} of the Hub{config}, split "
            f"{_inline(choice.split)}, commit `{choice.revision}`: "
            f"{len(choice.files)} of its files."
        )
    if sources := history.sources:
        rows = [(_inline(name), f"{size / 1e6:,.1f}") for name, size in sources[:_SOURCES_SHOWN]]
        if rest := sources[_SOURCES_SHOWN:]:
            size = sum(size for _, size in rest)
            rows.append((f"{len(rest)} more", f"{size / 1e6:,.1f}"))
        parts.append(_table(["source", "MB kept"], rows))
        if any(name == PHRASEBOOK for name, _ in sources):
            parts.append("This text is generated by a small grammar: the model is a demonstration.")
    if history.funnel:
        total, train, kept_apart = (
            history.funnel[part] for part in ("total", "train", "validation")
        )
        parts.append(
            f"Of {total['read']:,} records {total['kept']:,} are left after cleaning and the "
            f"removal of duplicates: {train['documents']:,} documents to train on "
            f"({train['bytes'] / 1e6:,.1f} MB), {kept_apart['documents']:,} to validate."
        )
    said = _inline(text_licence) if text_licence else "not stated here"
    return [*parts, f"Licence of the text: {said}."]


def _training(facts: dict[str, Any], history: History) -> str:
    plan, settings = facts["plan"], history.settings
    shape, batch = plan["shape"], plan["batch_rows"] * plan["row_length"]
    rows = [
        ("shape", f"{shape['num_hidden_layers']} layers of width {shape['hidden_size']}"),
        ("vocabulary", _vocabulary(plan, history)),
        (
            "tokens read",
            f"{facts['tokens']:,} ({facts['tokens'] / plan['text_tokens']:.2f} epochs), "
            f"{plan['max_steps']:,} steps of {batch:,} in rows of {plan['row_length']}",
        ),
        (
            "learning rate",
            f"{plan['peak_lr']:g} at its peak, {plan['warmup_steps']:,} steps of warm-up, "
            f"down to zero in the last {100 * plan['decay_share']:.0f} %",
        ),
    ]
    if settings:
        rows.append(("optimizer", settings.optimizer))
        rows.append(("hidden tokens", f"{100 * settings.mask_rate:.0f} %"))
    if history.embeddings == "cooccurrence":
        rows.append(("first embeddings", "from co-occurrences in the text (PPMI, SVD)"))
    machine = history.environment["name"] if history.environment else plan["device"]
    rows.append(("machine", f"{_inline(machine)}, {plan['precision']}"))
    rows.append(("time", readable_seconds(facts["seconds"])))
    if history.kilowatt_hours is not None:
        rows.append(("energy", f"{history.kilowatt_hours:.2f} kWh, by the machine's counters"))
    if history.cost is not None:
        rows.append(("cost", f"{history.cost:.2f}, at {history.price_per_hour:g} an hour"))
    if facts["validation_loss"] is not None:
        rows.append(
            (
                "validation",
                f"loss {facts['validation_loss']:.3f} nats a hidden token, "
                f"{100 * facts['validation_accuracy']:.1f} % right (15 % of tokens hidden)",
            )
        )
    return _table(["", ""], rows)


def _vocabulary(plan: dict[str, Any], history: History) -> str:
    fertility = (history.sheet or {}).get("text", {}).get("fertility")
    told = f", {fertility:.2f} tokens a word on validation text" if fertility else ""
    return f"{plan['vocab_size']:,} entries of byte-level BPE{told}"


def _results(metrics: dict[str, Any], history: History, *, name: str) -> Iterator[str]:
    compared = results.models({**metrics, "name": name})
    if metrics.get("before"):
        began = history.began_from or "the model"
        compared.append({**metrics["before"], "name": f"{began} before the training"})
    beside = results.baselines(metrics)
    rows = [
        (
            row.measure.name + (f" ({row.measure.note})" if row.measure.note else ""),
            *(_figure(cell) for cell in row.cells),
        )
        for row in results.rows(compared, beside)
    ]
    if rows:
        yield _table(["", *(_inline(model["name"]) for model in (*compared, *beside))], rows)
        yield (
            "On text kept apart from training. Bits per byte compare models of any vocabulary, "
            "lower is better; figures of single tokens compare models of one vocabulary only."
            + (f" {results.UNIGRAM_TOLD}" if beside else "")
        )
    for data, group in groupby(metrics.get("probes") or [], key=lambda entry: entry["data"]):
        entries = list(group)
        found = zip(*(entry["rows"] for entry in entries), strict=True)
        names = (name if row["kind"] == "model" else row["name"] for row in entries[0]["rows"])
        table = [
            (_inline(one), *map(_probed, same)) for one, same in zip(names, found, strict=True)
        ]
        seen = entries[0]["seen_sentences"]
        yield (
            f"Fine-tuned on {_inline(data)}, in %: mean of the seeds, and the 95 % interval by "
            f"resampled sentences ({entries[0]['test_sentences']:,} of the test"
            + (f", {seen:,} of them in the training text" if seen else "")
            + ")."
        )
        yield _table(["", *(entry["measure"] for entry in entries)], table)
    if published := metrics.get("published"):
        named = "; ".join(f"{_inline(data)} ({_inline(licence)})" for data, licence in published)
        yield f"Tests and their licences: {named}."


def _figure(cell: results.Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} ({cell.spread})" if cell.spread else text


def _probed(row: dict[str, Any]) -> str:
    mean, low, high = (f"{100 * row[key]:.1f}" for key in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})"


def _again(
    history: History, choice: Choice | None, *, version: str, with_recipe: bool
) -> Iterator[str]:
    recipe = f" --recipe {RECIPE_FILE}" if with_recipe else ""
    text = "" if choice else " --text FILES"
    yield f"```\nfiliberto run RUN{recipe}{text}\n```"
    if with_recipe:
        yield (
            f"`{RECIPE_FILE}` has every setting; of paths on the machine it was made on, only the "
            "last part is left."
        )
    if seen := history.environment:
        names = ("python", "torch", "transformers", "tokenizers", "numpy")
        versions = ", ".join(f"{name} {seen[name]}" for name in names if name in seen)
        yield f"Made with filiberto {version}, {versions}."


def _table(head: list[str], rows: list[Any]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _inline(text: str) -> str:
    """Text in which Markdown sees nothing but text; without paths of this machine."""
    plain = printable(bare(str(text)))
    for sign in "\\`*_[]|<>":
        plain = plain.replace(sign, f"\\{sign}")
    return plain
