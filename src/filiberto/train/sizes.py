"""The published sizes, and how many parameters a model of one has, by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from filiberto.config import Architecture, Size


@dataclass(frozen=True)
class Shape:
    """Layers, width and heads of a published size."""

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int

    @property
    def gated_size(self) -> int:
        """Width inside a gated feed-forward layer, three matrices of it instead of two of `4 d`.

        Two thirds of `4 d`, so that a size has as many parameters with gates as without; to the
        nearest 64, which GPUs like.

        Source:
            Shazeer 2020, arXiv:2002.05202, section 3.1.
        """
        return 64 * round(8 * self.hidden_size / 3 / 64)


# Turc et al. 2019, arXiv:1908.08962, table 1 (tiny to medium); Devlin et al. 2019 (base, large).
SIZES: dict[Size, Shape] = {
    "tiny": Shape(2, 128, 2),
    "mini": Shape(4, 256, 4),
    "small": Shape(4, 512, 8),
    "medium": Shape(8, 512, 8),
    "base": Shape(12, 768, 12),
    "large": Shape(24, 1024, 16),
}


def num_parameters(
    shape: Shape, *, vocab_size: int, row_length: int, architecture: Architecture = "roberta"
) -> tuple[int, int]:
    """Parameters of the encoder, and of embeddings and head.

    Returns:
        (weights in the layers, all weights); the output matrix is the input embedding's.
    """
    d, layers = shape.hidden_size, shape.num_hidden_layers
    if architecture == "modernbert":
        # Four d x d for attention, three for the gated feed-forward, two norms without biases. The
        # first layer has no norm before its attention; one more follows the last.
        encoder = layers * (4 * d * d + 3 * d * shape.gated_size + 2 * d)
        return encoder, encoder + vocab_size * (d + 1) + d + d * d + d
    encoder = layers * (12 * d * d + 13 * d)  # attention 4d(d+1), feed-forward 8dd+5d, two norms 4d
    embeddings = (vocab_size + row_length + 2 + 1) * d + 2 * d
    return encoder, encoder + embeddings + d * d + d + 2 * d + vocab_size
