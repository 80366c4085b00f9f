"""The report's figures for a paper: a table, a paragraph on methods, and what to cite.

run folder, metrics -> table.tex (needs booktabs), methods.tex, cite.bib
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

from filiberto import __version__
from filiberto.evaluate import budget, results
from filiberto.evaluate.history import KINDS, History, bare, of
from filiberto.evaluate.probe_lines import errors_removed

_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "|": r"\textbar{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
)
_CITED = {"roberta": "liu2019roberta", "modernbert": "warner2024modernbert"}
_OPTIMIZERS = {"muon": "Muon~\\cite{jordan2024muon}", "adamw": "AdamW~\\cite{loshchilov2019adamw}"}


def tex(run: Path | None, metrics: dict[str, Any]) -> dict[str, str]:
    """The files for a paper by name: `table.tex`, `methods.tex`, `cite.bib`.

    Args:
        run: the run folder; None for a model from elsewhere.
        metrics: as metrics.json holds them.
    """
    bibliography = resources.files("filiberto.evaluate").joinpath("cite.bib").read_text("utf-8")
    paragraph = " ".join(_sentences(metrics, of(run)))
    return {
        "table.tex": table(metrics),
        "methods.tex": paragraph + "\n",
        "cite.bib": bibliography,
    }


def escaped(text: str) -> str:
    """Text in which TeX sees no commands and no ends of lines; without paths of this machine."""
    return " ".join(bare(text).split()).translate(_SPECIAL)


def table(metrics: dict[str, Any]) -> str:
    """A row for each model and baseline; a column for each measure, the best in bold.

    Of probes the mean of the seeds and the 95 % interval.
    """
    compared = results.models(metrics)
    beside = results.baselines(metrics)
    measured = [row for row in results.rows(compared, beside) if not row.measure.by_token]
    probes = metrics.get("probes") or []
    names = [model["name"] for model in (*compared, *beside)]
    rows = []
    for number, name in enumerate(names):
        cells = [_strong(row.cells[number].text, row.cells[number].best) for row in measured]
        rows.append([escaped(name), *cells, *(_probed(entry, name) for entry in probes)])
    for kind in ("random", "majority"):
        named = [bare(row["name"]) for row in _rows(probes[:1]) if row["kind"] == kind]
        rows += [
            [escaped(name), *("--" for _ in measured), *(_probed(entry, name) for entry in probes)]
            for name in named
        ]
    heads = ["", *(escaped(row.measure.name) for row in measured)]
    heads += [escaped(entry["measure"]) for entry in probes]
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{tabular}{l" + "r" * (len(heads) - 1) + "}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _sentences(metrics: dict[str, Any], history: History) -> Iterator[str]:
    """The paragraph on methods."""
    plan = metrics.get("plan") or history.plan
    if plan:
        yield _model(plan, history, name=str(metrics.get("name", "")))
        yield from _text(history)
        yield _training(plan, metrics, history)
    text = "held-out text" if plan else "text that it may have read"
    yield (
        f"Bits per byte are those of {metrics['words']:,} words of {text}, each hidden "
        "whole and scored from left to right~\\cite{kauf2023scoring}."
    )
    if metrics.get("unigram"):
        yield results.UNIGRAM_TOLD
    if metrics.get("pseudo_likelihood"):
        yield (
            "Pseudo-log-likelihood~\\cite{salazar2020scoring} is of "
            f"{metrics['pseudo_likelihood']['words']:,} words, each hidden alone."
        )
    if metrics.get("calibration"):
        yield (
            "The expected calibration error~\\cite{guo2017calibration} is "
            f"{100 * metrics['calibration']['expected_error']:.1f}\\,\\%."
        )
    yield from _pairs(metrics)
    yield from _probes(metrics.get("probes") or [])


def _model(plan: dict[str, Any], history: History, *, name: str) -> str:
    shape, kind = plan["shape"], str(plan["architecture"])
    beginning = ""
    if history.began_from:
        beginning = f", beginning with the weights of {escaped(history.began_from)}"
    elif history.embeddings == "cooccurrence":
        beginning = (
            "; its token embeddings begin as factors of the tokens' associations in the text"
            "~\\cite{levy2014implicit}"
        )
    language = f" for {escaped(history.language)}" if history.language else ""
    cited = f"~\\cite{{{_CITED[kind]}}}" if kind in _CITED else ""
    return (
        f"We train \\emph{{{escaped(name)}}}, a {escaped(KINDS.get(kind, kind))}{cited}{language} "
        f"of {plan['parameters']:,} parameters ({shape['num_hidden_layers']} layers of width "
        f"{shape['hidden_size']}), by masked-language modelling~\\cite{{devlin2019bert}} with "
        f"filiberto {__version__}~\\cite{{filiberto}}{beginning}."
    )


def _text(history: History) -> Iterator[str]:
    if history.funnel:
        total, train = history.funnel["total"], history.funnel["train"]
        yield (
            f"Of {total['read']:,} records, {total['kept']:,} are left after cleaning and the "
            f"removal of duplicates; {train['documents']:,} of them "
            f"({train['bytes'] / 1e6:,.1f}\\,MB) are trained on."
        )
    if history.sheet:
        fertility = history.sheet["text"].get("fertility")
        told = f" has {fertility:.2f} tokens a word on held-out text" if fertility else " is used"
        yield (
            "A byte-level BPE vocabulary~\\cite{sennrich2016bpe} of "
            f"{history.sheet['vocabulary']['entries']:,} entries{told}."
        )


def _training(plan: dict[str, Any], metrics: dict[str, Any], history: History) -> str:
    batch = plan["batch_rows"] * plan["row_length"]
    tokens = metrics.get("tokens") or plan["max_steps"] * batch
    parts = [
        f"It reads {tokens:,} tokens ({tokens / plan['text_tokens']:.2f} epochs) in "
        f"{plan['max_steps']:,} steps of {batch:,} tokens, in rows of {plan['row_length']}"
    ]
    if settings := history.settings:
        parts.append(
            f", with {_OPTIMIZERS.get(settings.optimizer, escaped(settings.optimizer))} and "
            f"{100 * settings.mask_rate:.0f}\\,\\% of the tokens hidden"
        )
    parts.append(
        f"; the learning rate (of AdamW, {plan['peak_lr']:g} at its peak) rises for "
        f"{plan['warmup_steps']:,} steps and falls to zero in the last "
        f"{100 * plan['decay_share']:.0f}\\,\\%"
    )
    if history.seconds is not None:
        parts.append(f". Training takes {history.seconds / 3_600:.2f} hours")
        if history.environment:
            machine, precision = history.environment["name"], history.environment["precision"]
            parts.append(f" on {escaped(machine)} in {escaped(precision)}")
    return "".join(parts) + "."


def _pairs(metrics: dict[str, Any]) -> Iterator[str]:
    over_all = next((r for r in metrics.get("pairs") or [] if r["phenomenon"] == "all"), None)
    if over_all:
        low, high = (f"{100 * over_all[key]:.1f}" for key in ("low", "high"))
        yield (
            f"Of {over_all['count']:,} minimal pairs~\\cite{{warstadt2020blimp}} it finds the good "
            f"sentence likelier in {100 * over_all['accuracy']:.1f}\\,\\% "
            f"(95\\,\\% interval~\\cite{{wilson1927inference}} {low} to {high})."
        )


def _probes(probes: list[dict[str, Any]]) -> Iterator[str]:
    if probes:
        yield (
            f"For each task it is fine-tuned for at most {budget.EPOCHS} epochs and "
            f"{budget.MAX_STEPS:,} steps of {budget.ROWS} sentences; optimizer and learning rate "
            "are the best of three on the dev part, which also chooses the state that is kept; "
            "intervals are from resampled sentences~\\cite{efron1979bootstrap}."
        )
    for data, group in groupby(probes, key=lambda entry: entry["data"]):
        reached = [told for entry in group for told in _reached(entry)]
        treebank = "~\\cite{demarneffe2021ud}" if data.startswith("UD_") else ""
        if reached:
            yield f"On {escaped(data)}{treebank} it reaches {'; '.join(reached)}."


def _reached(entry: dict[str, Any]) -> Iterator[str]:
    """What the model comes to by a measure, if it was probed for it."""
    for own in (row for row in entry["rows"] if row["kind"] == "model"):
        fewer = errors_removed(entry, own)
        gain = ""
        if fewer is not None:
            gain = f", {100 * fewer:.0f}\\,\\% fewer errors than the same shape with random weights"
        parser = "~\\cite{dozat2017biaffine}" if entry["measure"] in ("LAS", "UAS") else ""
        yield (
            f"{100 * own['mean']:.1f} {escaped(entry['measure'])}{parser} (mean of "
            f"{len(own['scores'])} seeds; 95\\,\\% interval over {entry['test_sentences']:,} "
            f"sentences {100 * own['low']:.1f} to {100 * own['high']:.1f}{gain})"
        )


def _rows(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        yield from entry["rows"]


def _strong(text: str, best: bool) -> str:
    text = "--" if text == "–" else text
    return f"\\textbf{{{text}}}" if best else text


def _probed(entry: dict[str, Any], name: str) -> str:
    """The mean of a model and its interval, small; the best of the models in bold."""
    found = next((row for row in entry["rows"] if bare(row["name"]) == name), None)
    if found is None:
        return "--"
    best = max(row["mean"] for row in entry["rows"])
    mean, low, high = (f"{100 * found[key]:.1f}" for key in ("mean", "low", "high"))
    return f"{_strong(mean, found['mean'] == best)} {{\\scriptsize {low}--{high}}}"
