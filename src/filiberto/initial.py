"""A model that was trained elsewhere, as a beginning: `--init-from DIR`.

    DIR (config, weights, tokenizer)  ->  initial/  ->  tokenizer/, the first weights, the report

The run folder gets a copy of its own, so that it can be moved and the folder it came from changed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filiberto.errors import StateError, UnfinishedStageError, UsageError
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest

if TYPE_CHECKING:
    from filiberto.train.architecture import MaskedLM

INITIAL = "initial"

# Ours and transformers' own of the same weights differ by rounding alone: logits, on a short text.
_AGREEMENT, _TRIED_TOKENS = 1e-3, 24


def take(run: Path, source: Path, *, force: bool = False) -> Manifest:
    """Copy a model and its tokenizer into a run folder, or return what was copied before.

    Args:
        run: the run folder.
        source: a folder that `from_pretrained` loads.
        force: copy again even if the same is there.

    Raises:
        UsageError: it is no folder of a model.
        StateError: it is a model that this engine cannot train exactly, or another is there.
    """
    there = manifest.read(run / INITIAL)
    if there is not None and not force and not source.is_dir():
        return there  # its copy is all that is needed
    check(run, source)
    inputs = {
        file.name: safeio.sha256_of(file) for file in sorted(source.iterdir()) if _wanted(file)
    }
    if done := manifest.finished_as_asked(run, INITIAL, settings={}, inputs=inputs, force=force):
        return done
    start = time.perf_counter()
    with safeio.new_folder(run / INITIAL) as folder:
        _copy(source, folder)
        return manifest.finish(
            folder,
            stage="tokenizer",  # which takes it in
            settings={},
            inputs=inputs,
            facts={"name": _name(source.resolve())},
            seconds=time.perf_counter() - start,
        )


def check(run: Path, source: Path) -> None:
    """Refuse at once, before any stage, what is no model that can be trained here.

    Raises:
        UsageError: it is no folder of a model, and none was copied from it before.
        StateError: it is a model of another kind.
    """
    if (source / "config.json").is_file():
        configuration(source)
    elif manifest.read(run / INITIAL) is None:
        raise UsageError(
            f"--init-from {source}: there is no config.json",
            hint="name the folder of a model, with config.json, weights and tokenizer in it",
        )


def of(run: Path) -> Manifest | None:
    """The model that a run begins from; None where it begins anew.

    Raises:
        UnfinishedStageError: the run's tokenizer is a model's that is not there.
    """
    tokenizer = manifest.read(run / "tokenizer")
    if tokenizer is None or INITIAL not in tokenizer.inputs:
        return None
    found = manifest.read(run / INITIAL)
    if found is None or found.content != tokenizer.inputs[INITIAL]:
        raise UnfinishedStageError(
            f"{run / INITIAL}, the model that this run begins from, is not there",
            hint="copy it from where the tokens were made",
        )
    return found


def configuration(folder: Path, *, name: str = "", to_train: bool = True) -> Any:
    """The configuration of a model.

    Args:
        folder: of the model.
        name: by which it was asked for, if not as a folder.
        to_train: only such as can be trained here; else all masked language models that
            transformers has.

    Raises:
        StateError: it cannot be read, or is of another kind.
    """
    from transformers import AutoConfig

    from filiberto.train.architecture import MODEL_CLASSES

    shown = name or str(folder)
    try:
        # Before transformers reads it, which asks whether to run what comes with a type that it
        # does not know.
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
        if kind in MODEL_CLASSES or (not to_train and kind in _measurable()):
            return AutoConfig.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # OSError, ValueError, KeyError and more, by what is wrong
        raise StateError(f"the config.json of {shown} cannot be read: {error}") from None
    known = ", ".join(MODEL_CLASSES) if to_train else "those that AutoModelForMaskedLM loads"
    raise StateError(f"{shown} holds a model of type {kind!r}; not one of {known}")


def _measurable() -> Container[str]:
    """The types of which transformers has a masked language model."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    return MODEL_FOR_MASKED_LM_MAPPING_NAMES


def load(folder: Path, *, dropout: float | None = None) -> MaskedLM:
    """The weights of a folder in a class of transformers' own.

    Args:
        folder: holds config.json and weights.
        dropout: instead of what its configuration says.

    Raises:
        StateError: it cannot be loaded, or is no RoBERTa and no ModernBERT.
    """
    import transformers

    from filiberto.train.architecture import MODEL_CLASSES, arithmetic_named

    transformers.logging.disable_progress_bar()
    architecture, name = MODEL_CLASSES[configuration(folder).model_type]
    changed = {}
    if dropout is not None:
        changed = dict.fromkeys(arithmetic_named(architecture).DROPOUTS, dropout)
    try:
        return getattr(transformers, name).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype="float32", **changed
        )
    except Exception as error:  # safetensors, JSON and shape errors have no common class
        raise StateError(f"{folder} cannot be loaded: {error}") from None


def _name(source: Path) -> str:
    """Of the folder; of a run's model with the run's before it."""
    return f"{source.parent.name}/{source.name}" if source.name == "model" else source.name


def _wanted(file: Path) -> bool:
    return file.is_file() and file.suffix in (".json", ".safetensors", ".txt", ".model")


def _copy(source: Path, folder: Path) -> None:
    from transformers import AutoTokenizer

    model = load(source)
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(source, local_files_only=True)
        tokenizer.save_pretrained(folder)
    except Exception as error:  # whatever its files raise
        raise StateError(f"the tokenizer of {source} cannot be loaded: {error}") from None
    roles = ("cls_token", "sep_token", "pad_token", "mask_token")
    missing = [role for role in roles if getattr(tokenizer, role) is None]
    if missing or not (folder / "tokenizer.json").is_file():
        lacks = " and no ".join(missing) or "tokenizer.json"
        raise StateError(f"the tokenizer of {source} has no {lacks}")
    if len(tokenizer) > model.config.vocab_size:
        raise StateError(
            f"{source}: the tokenizer has {len(tokenizer):,} entries, "
            f"the model {model.config.vocab_size:,}"
        )
    _check_arithmetic(model, source)
    model.save_pretrained(folder)


def _check_arithmetic(model: Any, source: Path) -> None:
    """Refuse a model whose configuration asks for what the engine does not compute."""
    import torch

    from filiberto.train.architecture import arithmetic_of
    from filiberto.train.attention import MaskedAttention, block_diagonal
    from filiberto.train.batch import TokenBatch
    from filiberto.train.model import masked_logits

    model.eval()
    decoder = arithmetic_of(model).decoder(model)
    ids = torch.arange(_TRIED_TOKENS)[None] * (model.config.vocab_size // _TRIED_TOKENS)
    ids[ids == model.config.pad_token_id] += 1  # transformers gives padding a place of its own
    places = torch.arange(_TRIED_TOKENS)[None]
    seen = MaskedAttention(block_diagonal(torch.zeros_like(ids), torch.zeros_like(ids)))
    batch = TokenBatch(
        input_ids=ids,
        position_ids=places,
        slots=places,
        labels=ids,
        attention=seen,
        attention_at_slots=seen,
        num_labels=_TRIED_TOKENS,
    )
    with torch.no_grad():
        theirs = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
        off = float("inf")
        if decoder.bias is not None:
            off = float((masked_logits(model, batch) - theirs).abs().max())
    if not off < _AGREEMENT * max(1.0, float(theirs.abs().max())):
        raise StateError(
            f"{source}: its configuration asks for arithmetic that is not trained exactly here",
            hint="it must compute as the published RoBERTa or ModernBERT do",
        )
