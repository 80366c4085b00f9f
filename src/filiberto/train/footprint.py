"""What a training takes of memory and disk, by arithmetic."""

from __future__ import annotations

from filiberto.config import Architecture
from filiberto.train.cooccurrence import CONTEXTS, OVERSAMPLED, PLACES
from filiberto.train.plan import Plan

# Bytes of a weight: itself, its gradient and two more of the optimizer's, fp32 (Muon has one).
_WEIGHT_BYTES = 16

# What a token leaves for the gradient, in bytes a layer and unit of width, in half precision:
# counted (benchmarks/memory.py), the same from tiny to large within 5 %.
_TOKEN_BYTES: dict[Architecture, float] = {"roberta": 32, "modernbert": 41}

# torch and its libraries in a process, and the scores of a part of the head's slots.
_CPU_BYTES, _SCORE_BYTES, _CPU_SLOTS, _GPU_SLOTS = 0.45e9, 14, 256, 4_096

# First embeddings: the counts, and some factors of their size; before the optimizer has anything.
_FACTORS = 3

# On a CPU what is freed stays with the process.
_CPU_SLACK = 1.15

# Two checkpoints and one being written: weights and optimizer; a model beside them.
_CHECKPOINTS, _CHECKPOINT_BYTES, _MODEL_BYTES = 3, 12, 4


def memory_bytes(plan: Plan, *, checkpointed: bool = False, cooccurrence: bool = False) -> float:
    """Peak memory of training: of the process on a CPU, of the card on a GPU.

    What was measured on a CPU for the sizes from tiny to large lies between 92 and 112 % of it.

    Args:
        plan: of the training.
        checkpointed: what happens inside layers is computed twice instead of kept.
        cooccurrence: the first embeddings are made from the text.
    """
    shape = plan.shape
    wide = 2 if plan.precision == "fp32" else 1
    tokens = plan.micro_rows * plan.row_length
    layers = 1 if checkpointed else shape.num_hidden_layers
    kept = wide * _TOKEN_BYTES[plan.architecture] * layers * shape.hidden_size * tokens
    on_gpu = plan.device == "cuda"
    scores = _SCORE_BYTES * plan.vocab_size * (_GPU_SLOTS if on_gpu else _CPU_SLOTS)
    needed = _WEIGHT_BYTES * plan.parameters + kept + scores
    if on_gpu:
        return needed
    if cooccurrence:
        columns = PLACES * CONTEXTS + _FACTORS * (shape.hidden_size + OVERSAMPLED)
        needed = max(needed, 4 * (plan.parameters + plan.vocab_size * columns))
    return _CPU_SLACK * (needed + _CPU_BYTES)


def disk_bytes(plan: Plan, *, text_bytes: float) -> float:
    """What the run folder takes in the end: text, tokens, checkpoints, model.

    Args:
        plan: of the training.
        text_bytes: of the cleaned text, which parquet and zstd pack to about a half.
    """
    ids = plan.text_tokens * (2 if plan.vocab_size <= 2**16 else 4)
    weights = (_CHECKPOINTS * _CHECKPOINT_BYTES + _MODEL_BYTES) * plan.parameters
    return text_bytes / 2 + ids + weights
