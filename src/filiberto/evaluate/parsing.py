"""Dependency parsing: for each word its head and the name of the relation.

    states of words -> arcs [words, heads] -> the best tree -> relations [words, heads, names]

Position 0 is the root, for which `<s>` stands.

Source:
    Dozat and Manning 2017, arXiv:1611.01734, section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from filiberto.evaluate.labelled import Labelled, Sentence
from filiberto.evaluate.pretrained import encoder
from filiberto.evaluate.tasks import (
    IGNORED,
    Batch,
    Counts,
    most_frequent_labels,
    padded,
    read,
    right_words,
    word_states,
)

_ARC_SIZE, _NAME_SIZE, _DROPOUT = 256, 64, 0.2

# More than any tree gains: it has as few words under the root as can be, that is one.
_ROOT_PENALTY = 1e6

# Heads of a word that are tried first; the best tree is nearly always among them.
_LIKELY = 6


class BiaffineParser(nn.Module):
    """An encoder with the two biaffine layers on it.

    Args:
        body: of transformers', without a head.
        width: of its states.
        num_names: of relations.
    """

    def __init__(self, body: nn.Module, width: int, num_names: int) -> None:
        super().__init__()
        self.base_model = body
        self.arc_word, self.arc_head = _layer(width, _ARC_SIZE), _layer(width, _ARC_SIZE)
        self.name_word, self.name_head = _layer(width, _NAME_SIZE), _layer(width, _NAME_SIZE)
        self.arcs = nn.Parameter(torch.zeros(_ARC_SIZE + 1, _ARC_SIZE))
        self.names = nn.Parameter(torch.zeros(num_names, _NAME_SIZE + 1, _NAME_SIZE + 1))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores of arcs and of relations.

        Returns:
            `[sentences, words, 1 + words]`, -inf where there is no such head, and the states of
            words and heads from which `relations` scores names.
        """
        states = read(self.base_model, batch).last_hidden_state
        words = word_states(batch, states)
        heads = torch.cat([states[:, :1], words], 1)
        arcs = _with_one(self.arc_word(words)) @ self.arcs @ self.arc_head(heads).mT
        there = torch.cat([torch.ones_like(batch.first[:, :1], dtype=torch.bool), batch.words], 1)
        arcs = arcs.float().masked_fill(~there.to(arcs.device)[:, None], -torch.inf)
        own = torch.eye(arcs.shape[1], arcs.shape[2] - 1, dtype=torch.bool, device=arcs.device)
        arcs = arcs.masked_fill(functional.pad(own, (1, 0)), -torch.inf)  # no word is its own head
        return arcs, torch.cat([words, heads], 1)

    def relations(self, states: Tensor, heads: Tensor) -> Tensor:
        """Scores of the relation of each word to a head, `[sentences, words, names]`.

        Args:
            states: as `forward` gives them.
            heads: `[sentences, words]`, 0 for the root.
        """
        words = states[:, : heads.shape[1]]
        index = heads[..., None].expand(-1, -1, states.shape[-1])
        there = states[:, heads.shape[1] :].gather(1, index)
        word, head = _with_one(self.name_word(words)), _with_one(self.name_head(there))
        return torch.einsum("bwi,nij,bwj->bwn", word, self.names.to(word.dtype), head).float()


def _layer(width: int, size: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, size), nn.LeakyReLU(0.1), nn.Dropout(_DROPOUT))


def _with_one(states: Tensor) -> Tensor:
    return functional.pad(states, (0, 1), value=1.0)


@dataclass(frozen=True)
class ParseTask:
    """Heads (UAS), and heads with the name of the relation (LAS), over all words.

    Subtypes of relations (`nsubj:pass`) are told apart; punctuation counts.
    """

    data: Labelled
    name: str = "dependencies"
    measures: tuple[str, ...] = ("LAS", "UAS")

    @cached_property
    def names(self) -> list[str]:
        """Relations in training."""
        return sorted({name for s in self.data.parts["train"] for name in s.labels["deprel"]})

    def new_model(self, folder: Path, *, random: bool) -> BiaffineParser:
        """The encoder of a folder under new biaffine layers."""
        body = encoder(folder, random=random)
        return BiaffineParser(body, body.config.hidden_size, len(self.names))

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy of the heads, and of the relations to the true heads."""
        assert isinstance(model, BiaffineParser)
        arcs, states = model(batch)
        heads, names = (t.to(arcs.device) for t in self._truth(batch))
        said = model.relations(states, heads.clamp(min=0))
        return functional.cross_entropy(
            arcs.flatten(0, 1), heads.flatten()
        ) + functional.cross_entropy(said.flatten(0, 1), names.flatten())

    def counts(self, model: nn.Module, batch: Batch) -> Counts:
        """Words with the right head and relation, and with the right head."""
        assert isinstance(model, BiaffineParser)
        arcs, states = model(batch)
        scores = torch.log_softmax(arcs, -1).cpu().numpy()
        said = torch.zeros_like(batch.first)
        for row, there in enumerate(batch.words.sum(1).tolist()):
            if there:
                said[row, :there] = torch.tensor(best_tree(scores[row, :there, : there + 1]))
        names = model.relations(states, said.to(states.device)).argmax(-1).cpu()
        heads, truth = self._truth(batch)
        right = (said == heads) & batch.words
        both = right & (names == truth)
        total = [len(sentence.words) for sentence in batch.sentences]
        return np.array(
            [list(zip(found.sum(1).tolist(), total, strict=True)) for found in (both, right)],
            np.float64,
        )

    def majority(self) -> Counts:
        """Each word with the distance to its head and the relation that it most often has."""
        test = self.data.parts["test"]
        said = most_frequent_labels(self.data, _arcs)
        guesses = [[arc.split(":", 1) for arc in arcs] for arcs in said]
        truths = [[arc.split(":", 1) for arc in _arcs(sentence)] for sentence in test]
        heads = [[[arc[0] for arc in arcs] for arcs in some] for some in (guesses, truths)]
        return np.concatenate([right_words(said, list(map(_arcs, test))), right_words(*heads)])

    def _truth(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Heads and relations, `[sentences, words]`; `IGNORED` for what is cut off or unknown."""
        width = batch.first.shape[1]
        number = {name: n for n, name in enumerate(self.names)}
        read_to = batch.words.sum(1).tolist()
        heads, names = [], []
        for sentence, last in zip(batch.sentences, read_to, strict=True):
            there = [
                int(head) if int(head) <= last else IGNORED for head in sentence.labels["head"]
            ]
            heads.append(there[:last])
            names.append([number.get(name, IGNORED) for name in sentence.labels["deprel"][:last]])
        return (
            padded(heads, width=width, value=IGNORED),
            padded(names, width=width, value=IGNORED),
        )


def _arcs(sentence: Sentence) -> list[str]:
    """Of each word how far away its head is, and the relation: `-1:det`, `root:root`."""
    heads, names = sentence.labels["head"], sentence.labels["deprel"]
    return [
        f"{int(head) - place if head != '0' else 'root'}:{name}"
        for place, (head, name) in enumerate(zip(heads, names, strict=True), 1)
    ]


def best_tree(scores: NDArray[np.float32]) -> list[int]:
    """The heads of the best tree with one word under the root.

    Args:
        scores: `[words, 1 + words]`, log-probabilities of the heads of each word, 0 the root.

    Returns:
        The head of each word.
    """
    heads = scores.argmax(1).tolist()
    if _is_tree(heads):
        return heads
    likely = _tree_of_heads(scores, _LIKELY)
    return likely if likely.count(0) == 1 else _tree_of_heads(scores, scores.shape[1])


def _tree_of_heads(scores: NDArray[np.float32], most: int) -> list[int]:
    """The best tree in which each word has one of its likeliest heads or the root."""
    graph = nx.DiGraph()
    for word, row in enumerate(scores, 1):
        for head in {0, *np.argsort(-row)[:most].tolist()}:
            if np.isfinite(row[head]):
                graph.add_edge(head, word, weight=float(row[head]) - _ROOT_PENALTY * (head == 0))
    tree = nx.maximum_spanning_arborescence(graph)
    found = {word: head for head, word in tree.edges}
    return [found[word] for word in range(1, len(scores) + 1)]


def _is_tree(heads: Sequence[int]) -> bool:
    """Whether one word stands under the root, and every word comes to it in the end."""
    if heads.count(0) != 1:
        return False
    for word in range(1, len(heads) + 1):
        seen = set()
        while word and word not in seen:
            seen.add(word)
            word = heads[word - 1]
        if word:
            return False
    return True
