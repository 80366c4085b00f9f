"""The published sizes, and how many parameters a model of one has, by arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from filiberto.config import Architecture, Size


@dataclass(frozen=True)
class Shape:
    """Layers, width and heads of a model.

    Attributes:
        intermediate_size: width inside the feed-forward layers; None for what its size says.
    """

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    intermediate_size: int | None = None

    @property
    def name(self) -> str:
        """Layers and width, for a shape that has no published name."""
        return f"{self.num_hidden_layers}x{self.hidden_size}"

    def inner_size(self, architecture: Architecture) -> int:
        """Width inside a feed-forward layer: `4 d`, or less where it is gated, with three matrices.

        Two thirds of `4 d`, so that a size has as many parameters with gates as without; to the
        nearest 64, which GPUs like.

        Source:
            Shazeer 2020, arXiv:2002.05202, section 3.1.
        """
        if self.intermediate_size is not None:
            return self.intermediate_size
        if architecture == "roberta":
            return 4 * self.hidden_size
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


def shape_of(config: Any) -> Shape:
    """That of a model by its configuration, a published size or none."""
    return Shape(
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.intermediate_size,
    )


def nearest_size(shape: Shape) -> Size:
    """The published size whose layers hold the most similar number of weights."""

    def weights(some: Shape) -> float:
        return math.log(some.num_hidden_layers * some.hidden_size**2)

    return min(SIZES, key=lambda size: abs(weights(SIZES[size]) - weights(shape)))


def num_parameters(
    shape: Shape, *, vocab_size: int, row_length: int, architecture: Architecture = "roberta"
) -> tuple[int, int]:
    """Parameters of the encoder, and of embeddings and head.

    Returns:
        (weights in the layers, all weights); the output matrix is the input embedding's.
    """
    d, layers = shape.hidden_size, shape.num_hidden_layers
    inner = shape.inner_size(architecture)
    if architecture == "modernbert":
        # Four d x d for attention, three for the gated feed-forward, two norms without biases. The
        # first layer has no norm before its attention; one more follows the last.
        encoder = layers * (4 * d * d + 3 * d * inner + 2 * d)
        return encoder, encoder + vocab_size * (d + 1) + d + d * d + d
    # Attention, feed-forward, two norms.
    encoder = layers * (4 * d * (d + 1) + inner * (2 * d + 1) + d + 4 * d)
    embeddings = (vocab_size + row_length + 2 + 1) * d + 2 * d
    return encoder, encoder + embeddings + d * d + d + 2 * d + vocab_size
