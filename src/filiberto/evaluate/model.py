"""Load a model folder and its tokenizer for reading, quickly and without running foreign code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer

from filiberto import initial
from filiberto.errors import StateError
from filiberto.evaluate import stock
from filiberto.evaluate.elsewhere import model_folder
from filiberto.tokenizer import bpe
from filiberto.train.architecture import arithmetic_of

if TYPE_CHECKING:
    from filiberto.train.architecture import MaskedLM

# Padding costs nothing where rows of like length share a batch of about this many tokens.
_BATCH_TOKENS = 4_096


@dataclass(frozen=True)
class Reader:
    """A masked language model with its tokenizer.

    Attributes:
        model: in eval mode.
        tokenizer: reads literal specials as the control tokens they name, as prompts need it.
        special_tokens: of the tokenizer, by our names.
    """

    model: MaskedLM
    tokenizer: Tokenizer
    special_tokens: dict[str, str]

    @cached_property
    def max_length(self) -> int:
        """Most tokens the model reads at once, `<s>` and `</s>` included."""
        if stock.is_ours(self.model.config):
            return arithmetic_of(self.model).max_length(self.model.config)
        return stock.max_length(self.model, token_id=self.special_ids["<mask>"])

    @cached_property
    def special_ids(self) -> dict[str, int]:
        """The id of each special token by our name for it."""
        return bpe.special_ids(self.tokenizer, self.special_tokens)

    @cached_property
    def document_tokenizer(self) -> Tokenizer:
        """The tokenizer for documents, where a written `<mask>` is ordinary text."""
        copy = Tokenizer.from_str(self.tokenizer.to_str())
        copy.encode_special_tokens = True
        return copy

    def log_probabilities(
        self, rows: list[list[int]], places: list[list[int]]
    ) -> list[torch.Tensor]:
        """Score the vocabulary at some places of each row.

        Args:
            rows: token ids with `<s>` and `</s>`, of any lengths up to `max_length`.
            places: for each row the positions to score.

        Returns:
            For each row `[places, vocab]`, natural logarithms.
        """
        results = [torch.empty(0)] * len(rows)
        for chosen in _batches(rows):
            scores = self._scores(rows, places, chosen).cpu()
            for i, part in zip(chosen, scores.split([len(places[i]) for i in chosen]), strict=True):
                results[i] = part
        return results

    def token_costs(
        self, rows: list[list[int]], places: list[list[int]], truths: list[list[int]]
    ) -> list[list[tuple[float, bool]]]:
        """What given tokens cost at some places of each row.

        Args:
            rows: as for `log_probabilities`.
            places: as for `log_probabilities`.
            truths: the token id asked for at each place.

        Returns:
            For each row and place the cost in nats, and whether no token is likelier.
        """
        results: list[list[tuple[float, bool]]] = [[] for _ in rows]
        for chosen in _batches(rows):
            scores = self._scores(rows, places, chosen)
            wanted = torch.tensor([t for i in chosen for t in truths[i]], device=scores.device)
            costs = (-scores.gather(1, wanted[:, None])[:, 0]).tolist()
            right = (scores.argmax(-1) == wanted).tolist()
            pairs = iter(zip(costs, right, strict=True))
            for i in chosen:
                results[i] = list(islice(pairs, len(places[i])))
        return results

    def padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows as one batch on the model's device: ids and what is no padding, `[rows, tokens]`."""
        pad = self.special_ids["<pad>"]
        width = max(map(len, rows))
        ids = torch.tensor(
            [row + [pad] * (width - len(row)) for row in rows], device=self.model.device
        )
        return ids, (ids != pad).long()

    @torch.no_grad()
    def _scores(
        self, rows: list[list[int]], places: list[list[int]], chosen: list[int]
    ) -> torch.Tensor:
        """Log-probabilities `[places of the chosen rows, vocab]`, on the model's device."""
        ids, seen = self.padded([rows[i] for i in chosen])
        row_index = [n for n, i in enumerate(chosen) for _ in places[i]]
        place_index = [place for i in chosen for place in places[i]]
        if not stock.is_ours(self.model.config):
            logits = stock.logits_at(self.model, ids, seen, row_index, place_index)
            return torch.log_softmax(logits.float(), dim=-1)
        encoder: Any = self.model.base_model
        hidden = encoder(input_ids=ids, attention_mask=seen).last_hidden_state
        arithmetic = arithmetic_of(self.model)
        some = arithmetic.head(self.model, hidden[row_index, place_index])
        logits = arithmetic.decoder(self.model)(some)
        return torch.log_softmax(logits.float(), dim=-1)


def _batches(rows: list[list[int]]) -> Iterator[list[int]]:
    """The numbers of the rows, those of like length together, in batches of bounded size."""
    batch: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if batch and (len(batch) + 1) * len(rows[i]) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def load_reader(place: Path) -> Reader:
    """Open the model of a run, or a model folder.

    Raises:
        UnfinishedStageError: there is no model yet.
        StateError: the folder's files are damaged, of another kind, or do not fit each other.
    """
    folder = model_folder(place)
    model: Any
    if stock.is_ours(initial.configuration(folder, to_train=False)):
        tokenizer, special_tokens = bpe.load(folder), bpe.special_tokens(folder)
        model = initial.load(folder)
    else:
        model, tokenizer, special_tokens = stock.load(folder)
    if tokenizer.get_vocab_size() > model.config.vocab_size:
        raise StateError(
            f"{folder}: the tokenizer has {tokenizer.get_vocab_size()} entries, "
            f"the model {model.config.vocab_size}"
        )
    return Reader(model.eval(), tokenizer, special_tokens)
