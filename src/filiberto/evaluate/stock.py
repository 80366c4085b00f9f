"""Models that we do not train ourselves, as transformers has them: BERT, DistilBERT, DeBERTa, ...

    folder -> AutoModelForMaskedLM, AutoTokenizer -> model, tokenizer, special tokens by our names

What comes with a model is never run, and weights are read from safetensors alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from filiberto import initial
from filiberto.errors import StateError
from filiberto.train.architecture import MODEL_CLASSES

_MOST_TOKENS = 512
"""More are not given to such a model at once."""
_ROLES = {
    "<s>": "cls_token",
    "<pad>": "pad_token",
    "</s>": "sep_token",
    "<unk>": "unk_token",
    "<mask>": "mask_token",
}


def is_ours(config: Any) -> bool:
    """Whether a model is of an architecture that is trained here."""
    return config.model_type in MODEL_CLASSES


def load(folder: Path) -> tuple[Any, Tokenizer, dict[str, str]]:
    """A model, its tokenizer, and the tokenizer's special tokens by our names.

    Raises:
        StateError: the folder cannot be loaded, or its tokenizer does not tell where tokens stand
            in the text.
    """
    import transformers

    config = initial.configuration(folder, to_train=False)
    transformers.logging.disable_progress_bar()
    try:
        here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        model = transformers.AutoModelForMaskedLM.from_pretrained(
            folder, config=config, use_safetensors=True, dtype="float32", **here
        )
        read: Any = transformers.AutoTokenizer.from_pretrained(folder, **here)
    except Exception as error:  # whatever its files raise
        raise StateError(f"{folder} cannot be loaded: {error}") from None
    tokenizer = getattr(read, "backend_tokenizer", None)
    if not isinstance(tokenizer, Tokenizer):
        raise StateError(
            f"the tokenizer of {folder} does not tell where its tokens stand in the text",
            hint="it must be one of the tokenizers library: a tokenizer.json",
        )
    found = {ours: getattr(read, role) for ours, role in _ROLES.items()}
    missing = [_ROLES[ours] for ours, token in found.items() if token is None and ours != "<unk>"]
    if missing:
        raise StateError(f"the tokenizer of {folder} has no {' and no '.join(missing)}")
    tokenizer.encode_special_tokens = False
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return model, tokenizer, {ours: str(token) for ours, token in found.items() if token}


@torch.no_grad()
def max_length(model: Any, *, token_id: int) -> int:
    """Most tokens the model reads at once, found by trying.

    Some begin to count places behind the padding's id and so have fewer than they say.
    """
    most = min(_MOST_TOKENS, getattr(model.config, "max_position_embeddings", _MOST_TOKENS))
    lengths = (most, most - 1 - (model.config.pad_token_id or 0))
    for length in lengths:
        ids = torch.full((1, length), token_id, device=model.device)
        try:
            model(input_ids=ids, attention_mask=torch.ones_like(ids))
        except (IndexError, RuntimeError):
            continue
        return length
    raise StateError(
        f"a model of type {model.config.model_type!r} reads not even {lengths[1]} tokens"
    )


def logits_at(model: Any, ids: Tensor, seen: Tensor, rows: list[int], places: list[int]) -> Tensor:
    """Scores over the vocabulary at some places, `[places, vocab]`.

    Where the output embeddings are a layer, only these places come to it: of all of them a large
    vocabulary would fill the memory.

    Args:
        model: the model.
        ids: `[rows, tokens]`.
        seen: what is no padding.
        rows: of each place.
        places: in its row.
    """
    chosen = False

    def choose(module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        nonlocal chosen
        chosen = True
        return (inputs[0][rows, places][None],)

    decoder = model.get_output_embeddings()
    hook = decoder.register_forward_pre_hook(choose) if decoder is not None else None
    try:
        logits = model(input_ids=ids, attention_mask=seen).logits
    finally:
        if hook is not None:
            hook.remove()
    return logits[0] if chosen else logits[rows, places]
