"""A BERT, written out: RoBERTa's masked language model in plain PyTorch.

    ids -> embeddings -> layer 1 -> ... -> layer n -> head -> a score for each entry, at each place

It reads a model folder of `filiberto run RUN --architecture roberta` by itself, from `config.json`
and `model.safetensors`, and gives the same scores as transformers' RobertaForMaskedLM:

    python examples/bert.py RUN/model "ciao <mask> va?"

Shapes: B texts of T tokens each; width d, in h heads of d / h; V entries in the vocabulary.

Sources: Vaswani et al. 2017, arXiv:1706.03762 (attention, layers); Devlin et al. 2019,
arXiv:1810.04805 (BERT); Liu et al. 2019, arXiv:1907.11692 (RoBERTa).
"""

import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn


class Embeddings(nn.Module):
    """What a token is, plus where it stands."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.pad_id = config["pad_token_id"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(config["max_position_embeddings"], width)
        # BERT tells a first sentence from a second; RoBERTa keeps the table, with one row.
        self.types = nn.Embedding(1, width)
        self.norm = nn.LayerNorm(width, eps=config["layer_norm_eps"])

    def forward(self, ids: Tensor) -> Tensor:
        """`[B, T]` -> `[B, T, d]`."""
        # RoBERTa counts positions from pad_id + 1, and leaves padding at pad_id. With pad_id 1:
        #   ids        0 57 61  2  1  1
        #   positions  2  3  4  5  1  1
        real = ids != self.pad_id
        positions = real.cumsum(dim=1) * real + self.pad_id
        return self.norm(self.words(ids) + self.positions(positions) + self.types.weight[0])


class Attention(nn.Module):
    """Each token gathers from all tokens, itself among them."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """`[B, T, d]` -> `[B, T, d]`; `real` `[B, T]` is False at padding, which nobody may see."""
        # What a token asks, what it can be found by, and what it then gives: [B, h, T, d / h] each.
        q, k, v = (self.split(matrix(x)) for matrix in (self.query, self.key, self.value))
        # How well each question (a row) fits each offer (a column): [B, h, T, T]. The root keeps
        # the scores of wide heads from growing with their width.
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(~real[:, None, None, :], float("-inf"))
        # Each row becomes shares that add up to 1, and takes that much of each value.
        gathered = scores.softmax(dim=-1) @ v
        return self.out(gathered.transpose(1, 2).flatten(2))  # heads side by side: [B, T, d]

    def split(self, x: Tensor) -> Tensor:
        """`[B, T, d]` -> `[B, h, T, d / h]`."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Layer(nn.Module):
    """Attention between the tokens, then a small network on each of them by itself.

    What goes in is added to what comes out of each half (the residual), and the sum is normed:
    the norm stands after the sum ("post-LN"), as in the first Transformer.
    """

    def __init__(self, config: dict) -> None:
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        eps = config["layer_norm_eps"]
        self.attention = Attention(config)
        self.attention_norm = nn.LayerNorm(width, eps=eps)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm = nn.LayerNorm(width, eps=eps)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """`[B, T, d]` -> `[B, T, d]`."""
        x = self.attention_norm(x + self.attention(x, real))
        return self.norm(x + self.down(F.gelu(self.up(x))))


class Head(nn.Module):
    """Vectors to scores: `[B, T, d]` -> `[B, T, V]`.

    The last matrix is that of the word embeddings (they are tied): an entry scores high where the
    vector points as its own embedding does.
    """

    def __init__(self, config: dict) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=config["layer_norm_eps"])
        self.bias = nn.Parameter(torch.zeros(config["vocab_size"]))

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        """`words` is the embedding matrix, `[V, d]`."""
        return self.norm(F.gelu(self.dense(x))) @ words.T + self.bias


class Bert(nn.Module):
    """The masked language model. It has no dropout, which filiberto's default leaves at 0 too."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.head = Head(config)

    def forward(self, ids: Tensor) -> Tensor:
        """Ids `[B, T]`, padded with `<pad>`, to scores `[B, T, V]`."""
        real = ids != self.embeddings.pad_id
        x = self.embeddings(ids)
        for layer in self.layers:
            x = layer(x, real)
        return self.head(x, self.embeddings.words.weight)


def loss_of(scores: Tensor, labels: Tensor) -> Tensor:
    """Nats a hidden token, on average: scores `[B, T, V]`, labels `[B, T]`, -100 where none is."""
    return F.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=-100)


# What transformers calls the parts, in the order of replacement, and what they are called here.
NAMES = {
    "roberta.": "",
    "word_embeddings": "words",
    "position_embeddings": "positions",
    "token_type_embeddings": "types",
    "encoder.layer.": "layers.",
    "attention.self.": "attention.",
    "attention.output.dense": "attention.out",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "up",
    "output.dense": "down",
    "output.LayerNorm": "norm",
    "lm_head.": "head.",
    "layer_norm": "norm",
    "LayerNorm": "norm",
}


def load(folder: Path) -> Bert:
    """The model of a folder, its weights in fp32, ready to read."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config["model_type"] != "roberta":
        raise SystemExit(f"{folder} is no RoBERTa: make it with --architecture roberta")
    weights = {}
    for name, weight in load_file(folder / "model.safetensors").items():
        if name.startswith("lm_head.decoder"):
            continue  # the word embeddings and `lm_head.bias` once more
        for theirs, ours in NAMES.items():
            name = name.replace(theirs, ours)
        weights[name] = weight.float()
    model = Bert(config)
    model.load_state_dict(weights)  # refuses a name or a shape that does not fit
    return model.eval()


if __name__ == "__main__":
    from tokenizers import Tokenizer

    if len(sys.argv) != 3 or "<mask>" not in sys.argv[2]:
        raise SystemExit('usage: python examples/bert.py RUN/model "ciao <mask> va?"')
    path, text = Path(sys.argv[1]), sys.argv[2]
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    encoding = tokenizer.encode(text)
    with torch.no_grad():
        all_scores = load(path)(torch.tensor([encoding.ids]))
    hole = encoding.ids.index(tokenizer.token_to_id("<mask>"))
    best = all_scores[0, hole].softmax(dim=-1).topk(5)
    for chance, entry in zip(best.values.tolist(), best.indices.tolist(), strict=True):
        print(f"{chance:6.1%}  {tokenizer.decode([entry]).strip()}")
