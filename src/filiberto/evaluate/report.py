"""The figures of a run in words."""

from __future__ import annotations

import textwrap
from typing import Any

from filiberto.evaluate.marks import marks_told
from filiberto.evaluate.probe_lines import probe_lines
from filiberto.evaluate.results import prompts_right


def summary_text(metrics: dict[str, Any]) -> str:
    """The report as plain lines: the figures, what they mean, the prompts."""
    lines = [
        *_word_lines(metrics),
        *_before_lines(metrics),
        *_against_lines(metrics.get("against", [])),
    ]
    if "validation_loss" in metrics:
        lines.append(
            f"masked tokens right  {100 * metrics['validation_accuracy']:.1f} %   "
            f"loss {metrics['validation_loss']:.3f} nats, 15 % of tokens hidden"
        )
    if choices := metrics.get("choices"):
        share = 100 * choices["right"] / choices["count"]
        lines.append(
            f"unseen combinations  {share:.1f} %   the right form of a verb beats all its others "
            f"in {choices['right']} of {choices['count']} sentences",
        )
    lines += [*_likelihood_lines(metrics), *_pair_lines(metrics.get("pairs", []))]
    lines += probe_lines(metrics.get("probes", []))
    prompts = metrics["prompts"]
    if prompts:
        right, count = prompts_right(metrics)
        first = f"prompts: a right answer comes first in {right} of {count}" if count else "prompts"
        lines += ["", first]
        lines += _marks_lines(metrics.get("marks"))
    for prompt in prompts:
        lines += ["", *_prompt_lines(prompt)]
    if published := metrics.get("published"):
        named = ", ".join(f"{name} ({licence})" for name, licence in published)
        lines += ["", f"published data: {named}"]
    return "\n".join(lines)


def _unigram_lines(unigram: dict[str, Any] | None) -> list[str]:
    if unigram is None or unigram["bits_per_byte"] is None:
        return []
    return [
        f"unigram model        {unigram['bits_per_byte']:.3f}   (the same, each token guessed by "
        "how frequent it is in the training text)"
    ]


def _before_lines(metrics: dict[str, Any]) -> list[str]:
    """The figures of the model that the training began from."""
    before = metrics.get("before")
    if before is None or before["bits_per_byte"] is None:
        return []
    right, count = prompts_right(before)
    return [
        f"before the training  {before['bits_per_byte']:.3f} bits per byte, "
        f"{100 * before['word_accuracy']:.1f} % of words right"
        + (f", {right} of {count} prompts" if count else "")
    ]


def _against_lines(others: list[dict[str, Any]]) -> list[str]:
    return [
        f"against {other['name']}: {other['bits_per_byte']:.3f} bits per byte, "
        f"{100 * other['word_accuracy']:.1f} % of words right"
        for other in others
        if other["bits_per_byte"] is not None
    ]


def _likelihood_lines(metrics: dict[str, Any]) -> list[str]:
    found = metrics.get("pseudo_likelihood")
    if found is None:
        return []
    return [
        f"pseudo-likelihood    {found['nats_per_word']:.3f}   nats a word, "
        f"{found['bits_per_byte']:.3f} bits per byte "
        f"({found['words']:,} words, each guessed with all others shown)"
    ]


def _pair_lines(found: list[dict[str, Any]]) -> list[str]:
    """All pairs, then those of each phenomenon where there are several."""
    if not found:
        return []
    *some, over_all = found
    lines = [f"minimal pairs        {_share(over_all)} good sentences are likelier than the bad"]
    width = max(len(row["phenomenon"]) for row in some)
    rows = (f"  {row['phenomenon']:<{max(18, width)}} {_share(row)}" for row in some)
    return [*lines, *(rows if len(some) > 1 else ())]


def _share(row: dict[str, Any]) -> str:
    accuracy, low, high = (100 * row[key] for key in ("accuracy", "low", "high"))
    share = f"{accuracy:.1f} %   ({low:.1f} to {high:.1f})"
    return f"{share:<26}{row['right']:,} of {row['count']:,}"


def _marks_lines(marks: dict[str, Any] | None) -> list[str]:
    if marks is None:
        return []
    return [f"marked by a reader: {marks_told(marks)}"]


def _word_lines(metrics: dict[str, Any]) -> list[str]:
    if metrics["bits_per_byte"] is None:
        return ["bits per byte        not measured: no word of the validation text was hidden"]
    # Of a model that no run made nobody knows what it has read.
    text = "held-out text" if "validation_loss" in metrics else "the text named"
    return [
        f"bits per byte        {metrics['bits_per_byte']:.3f}   (hidden words of {text}; "
        "comparable between tokenizers, lower is better)",
        *_unigram_lines(metrics.get("unigram")),
        f"whole words right    {100 * metrics['word_accuracy']:.1f} %   "
        f"of {metrics['words']:,} hidden words, all tokens of a word hidden",
    ]


def _prompt_lines(prompt: dict[str, Any]) -> list[str]:
    note = f"   ({prompt['note']})" if prompt["note"] else ""
    lines = [f"  {prompt['text']}{note}"]
    if prompt["problem"]:
        lines.append(f"     not filled: {prompt['problem']}")
    holes = prompt.get("holes", [prompt])
    for number, hole in enumerate(holes, 1):
        lines += [f"     hole {number}"] if len(holes) > 1 else []
        lines += _hole_lines(hole)
    return lines


def _hole_lines(hole: dict[str, Any]) -> list[str]:
    """The fillers that are shown, then the accepted answers that no single token could show."""
    right = {answer.casefold() for answer in hole["answers"]}
    shown = {entry["word"].casefold() for entry in hole["top"]}
    lines = [_filler("*" if e["word"].casefold() in right else " ", e) for e in hole["top"]]
    long = [e for e in hole.get("accepted", []) if e["tokens"] > 1]
    return lines + [
        f"{_filler('*', entry)}   ({entry['tokens']} tokens)"
        for entry in long
        if entry["word"].casefold() not in shown
    ]


def _filler(sign: str, entry: dict[str, Any]) -> str:
    word = textwrap.shorten(entry["word"], 24) or repr(entry["word"])
    return f"   {sign} {100 * entry['probability']:5.1f} %  {word}"
