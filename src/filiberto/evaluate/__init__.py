"""Stage 5, evaluate: a trained model -> figures and a plain summary.

    model/ + corpus/validation-*.parquet + prompts -> report/metrics.json, report/summary.txt
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filiberto.config import EvaluateConfig, Recipe
from filiberto.console import progress, say
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest

if TYPE_CHECKING:
    from filiberto.evaluate.model import Reader


def build(
    run: Path,
    *,
    settings: EvaluateConfig | None = None,
    language: str = "",
    force: bool = False,
) -> Manifest:
    """Measure the model of a run and write its report, or return what is there.

    Unlike the stages before it, a report made with other settings is simply made again: it costs
    little and nothing depends on it.

    Args:
        run: the run folder; its model is finished.
        settings: prompts and how much text.
        language: ISO 639 code; picks the prompts where the settings say 'auto'.
        force: measure again even if nothing has changed.

    Raises:
        UnfinishedStageError: there is no finished model.
        UsageError: the prompts cannot be read.
    """
    from filiberto.evaluate.model import load_reader
    from filiberto.evaluate.prompts import load_prompts
    from filiberto.evaluate.report import summary_text

    settings = settings or EvaluateConfig()
    prompts = load_prompts(settings.prompts, language=language)
    inputs = {
        "model": manifest.require(run, "model").content,
        "corpus": manifest.require(run, "corpus").content,
    }
    asked = {**asdict(settings), "prompts": [asdict(prompt) for prompt in prompts]}
    there = manifest.read(run / "report")
    key = manifest.fingerprint("evaluate", settings=manifest.plain(asked), inputs=inputs)
    if there is not None and there.fingerprint == key and not force:
        return there
    start = time.perf_counter()
    reader = load_reader(run)
    metrics = {**_trained(run), **_measure(reader, run, settings)}
    metrics["prompts"] = _prompts(reader, prompts)
    with safeio.new_folder(run / "report") as folder:
        safeio.write_json(folder / "metrics.json", metrics)
        safeio.write_bytes(folder / "summary.txt", (summary_text(metrics) + "\n").encode())
        return manifest.finish(
            folder,
            stage="evaluate",
            settings=asked,
            inputs=inputs,
            facts=metrics,
            seconds=time.perf_counter() - start,
        )


def run(recipe: Recipe, run: Path, *, force: bool = False) -> Manifest:
    """The command `filiberto evaluate`."""
    from filiberto.evaluate.report import summary_text

    done = build(run, settings=recipe.evaluate, language=recipe.language, force=force)
    say(summary_text(done.facts))
    return done


def _trained(run: Path) -> dict[str, Any]:
    """What training measured: the loss of single hidden tokens."""
    facts = manifest.require(run, "model").facts
    return {key: facts[key] for key in ("validation_loss", "validation_accuracy", "tokens", "plan")}


def _measure(reader: Reader, run: Path, settings: EvaluateConfig) -> dict[str, Any]:
    from filiberto.evaluate.bits import bits_per_byte

    documents = list(_documents(run, max_bytes=settings.max_bytes))
    total = sum(len(text.encode()) for _, text in documents)
    with progress("evaluate", total=total, unit="bytes") as advance:
        score = bits_per_byte(reader, documents, share=settings.word_share, advance=advance)
    return {
        "bits_per_byte": score.bits_per_byte,
        "word_accuracy": score.words_right / max(1, score.words),
        "words": score.words,
        "word_bytes": score.num_bytes,
        "evaluated_bytes": total,
        "evaluated_documents": len(documents),
    }


def _prompts(reader: Reader, prompts: list[Any]) -> list[dict[str, Any]]:
    from filiberto.evaluate.prompts import answer_prompts

    return answer_prompts(reader, prompts)


def _documents(run: Path, *, max_bytes: int) -> Iterator[tuple[str, str]]:
    """Validation documents, spread over all sources, up to a number of bytes."""
    from filiberto.corpus import reading

    taken = 0
    total = manifest.require(run, "corpus").facts["validation"]["bytes"]
    wanted = min(1.0, max_bytes / max(1, total))
    seen = 0
    for batch in reading.documents(run / "corpus", split="validation"):
        for document, text in batch:
            seen += len(text.encode())
            if taken < wanted * seen:
                taken += len(text.encode())
                yield document, text
