"""The report's figures for a paper: a table, a paragraph on methods, and what to cite."""

from __future__ import annotations

from typing import Any

from filiberto import __version__
from filiberto.evaluate.probe_lines import errors_removed

_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)
_NAMES = {"roberta": ("RoBERTa", "liu2019roberta"), "modernbert": ("ModernBERT", "warner2024")}


def tex(metrics: dict[str, Any]) -> dict[str, str]:
    """The files for a paper by name: `table.tex` (needs booktabs), `methods.tex`, `cite.bib`."""
    return {"table.tex": table(metrics), "methods.tex": methods(metrics), "cite.bib": _BIBLIOGRAPHY}


def escaped(text: str) -> str:
    """Text in which TeX sees no commands."""
    return text.translate(_SPECIAL)


def table(metrics: dict[str, Any]) -> str:
    """Bits per byte, words right and each measure of the probes, a row for each model."""
    probes = metrics.get("probes", [])
    named = [metrics, *metrics.get("against", [])]
    rows = []
    for model in named:
        cells = [_bits(model["bits_per_byte"]), f"{100 * model['word_accuracy']:.1f}"]
        rows.append([model["name"], *cells, *(_cell(entry, model["name"]) for entry in probes)])
    for kind in ("random", "majority"):
        names = [
            row["name"] for entry in probes[:1] for row in entry["rows"] if row["kind"] == kind
        ]
        rows += [[name, "--", "--", *(_cell(entry, name) for entry in probes)] for name in names]
    heads = ["", "bits/byte", r"words (\%)", *(escaped(entry["measure"]) for entry in probes)]
    lines = [
        r"\begin{tabular}{l" + "r" * (len(heads) - 1) + "}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
        *(" & ".join([escaped(row[0]), *row[1:]]) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def methods(metrics: dict[str, Any]) -> str:
    """How the model was trained and measured, as a paragraph."""
    parts = []
    if plan := metrics.get("plan"):
        name, key = _NAMES[plan["architecture"]]
        batch = plan["batch_rows"] * plan["row_length"]
        parts.append(
            f"We train a {name} \\citep{{{key}}} of {plan['parameters']:,} parameters "
            f"({plan['shape']['num_hidden_layers']} layers of width "
            f"{plan['shape']['hidden_size']}, a byte-level BPE vocabulary of "
            f"{plan['vocab_size']:,}) from {metrics['tokens']:,} tokens, "
            f"{metrics['tokens'] / plan['text_tokens']:.2f} times the text there is, in "
            f"{plan['max_steps']:,} steps of {batch:,} tokens with filiberto {__version__} "
            "\\citep{filiberto}."
        )
    parts.append(
        f"Bits per byte are those of {metrics['words']:,} words of held-out text, each hidden "
        "whole and scored from left to right \\citep{kauf2023}."
    )
    for entry in metrics.get("probes", []):
        own = entry["rows"][0]
        fewer = errors_removed(entry, own)
        gain = (
            ""
            if fewer is None
            else f", {100 * fewer:.0f}\\,\\% fewer errors than with random weights"
        )
        parts.append(
            f"On {escaped(entry['data'])} it reaches {100 * own['mean']:.1f} "
            f"{escaped(entry['measure'])} (mean of {len(own['scores'])} seeds; 95\\,\\% bootstrap "
            f"interval over {entry['test_sentences']:,} sentences {100 * own['low']:.1f} to "
            f"{100 * own['high']:.1f}){gain}."
        )
    return "\n".join(parts) + "\n"


def _bits(value: float | None) -> str:
    return "--" if value is None else f"{value:.3f}"


def _cell(entry: dict[str, Any], name: str) -> str:
    found = next((row for row in entry["rows"] if row["name"] == name), None)
    return "--" if found is None else f"{100 * found['mean']:.1f}"


_BIBLIOGRAPHY = f"""\
@software{{filiberto,
  title = {{filiberto: a {{BERT}} for your language, from your text, on your hardware}},
  version = {{{__version__}}},
}}
@article{{liu2019roberta,
  title = {{{{RoBERTa}}: A Robustly Optimized {{BERT}} Pretraining Approach}},
  author = {{Liu, Yinhan and Ott, Myle and Goyal, Naman and Du, Jingfei and Joshi, Mandar and Chen,
    Danqi and Levy, Omer and Lewis, Mike and Zettlemoyer, Luke and Stoyanov, Veselin}},
  journal = {{arXiv:1907.11692}},
  year = {{2019}},
}}
@article{{warner2024,
  title = {{Smarter, Better, Faster, Longer: A Modern Bidirectional Encoder}},
  author = {{Warner, Benjamin and others}},
  journal = {{arXiv:2412.13663}},
  year = {{2024}},
}}
@inproceedings{{salazar2020,
  title = {{Masked Language Model Scoring}},
  author = {{Salazar, Julian and Liang, Davis and Nguyen, Toan Q. and Kirchhoff, Katrin}},
  booktitle = {{ACL}},
  year = {{2020}},
}}
@inproceedings{{kauf2023,
  title = {{A Better Way to Do Masked Language Model Scoring}},
  author = {{Kauf, Carina and Ivanova, Anna}},
  booktitle = {{ACL}},
  year = {{2023}},
}}
@inproceedings{{dozat2017,
  title = {{Deep Biaffine Attention for Neural Dependency Parsing}},
  author = {{Dozat, Timothy and Manning, Christopher D.}},
  booktitle = {{ICLR}},
  year = {{2017}},
}}
"""
