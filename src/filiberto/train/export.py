"""The model folder: what stock `from_pretrained` loads, at every checkpoint and at the end.

weights, tokenizer/, model card  ->  model/
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import transformers

from filiberto import initial
from filiberto.publish.card import model_card
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest
from filiberto.tokenizer import bpe
from filiberto.train.job import Job


def export_unfinished(job: Job, run: Path, *, facts: dict[str, Any], language: str) -> None:
    """Write the same folder in the middle of a training, without the manifest that ends a stage."""
    with safeio.new_folder(run / "model") as folder:
        _fill(folder, job, run, facts=facts, language=language)


def export(
    job: Job,
    run: Path,
    *,
    settings: dict[str, Any],
    inputs: dict[str, str],
    facts: dict[str, Any],
    language: str,
) -> Manifest:
    """Write the folder that `from_pretrained` loads, and its manifest."""
    with safeio.new_folder(run / "model") as folder:
        _fill(folder, job, run, facts=facts, language=language)
        return manifest.finish(
            folder,
            stage="train",
            settings=settings,
            inputs=inputs,
            facts=facts,
            seconds=facts["seconds"],
        )


def _fill(folder: Path, job: Job, run: Path, *, facts: dict[str, Any], language: str) -> None:
    transformers.logging.disable_progress_bar()
    job.model.save_pretrained(folder)
    for file in (run / "tokenizer").iterdir():
        if file.name != manifest.MANIFEST:
            shutil.copyfile(file, folder / file.name)
    if initial.of(run) is None:
        bpe.write_config(folder, max_length=job.plan.row_length)
    card = model_card(run, facts=facts, language=language)
    safeio.write_bytes(folder / "README.md", card.encode())
