"""What would help a model most: more text, more time, another size; by the law of the plan."""

from __future__ import annotations

from typing import Any

from filiberto.config import Size
from filiberto.train import law

_MORE = 2.0
_WORTH_NATS = 0.02


def advice(plan: dict[str, Any], *, validation_loss: float | None) -> list[str]:
    """One sentence for each thing that would help, the most helpful first.

    Args:
        plan: of the training, as plan.json has it.
        validation_loss: in nats, from which gains are taken off.

    Returns:
        Sentences; one that says so where the law was fitted to no such training.
    """
    tokens = float(plan["max_steps"] * plan["batch_rows"] * plan["row_length"])
    text = float(plan["text_tokens"])
    size = plan["size"]
    if validation_loss is None or not law.is_measured(size, tokens=tokens):
        return [
            "No training of this size and length has been measured, so nothing is foretold of what "
            "more text or time would bring."
        ]
    now = law.relative_loss(size, tokens=tokens, text_tokens=text)
    found: list[tuple[float, str]] = []

    def consider(then: float, sentence: str) -> None:
        gain = validation_loss * (1 - then / now)
        if gain >= _WORTH_NATS:
            found.append((gain, f"{sentence} about {gain:.2f} nats a hidden token."))

    if law.is_measured(size, tokens=tokens * _MORE):
        longer = law.relative_loss(size, tokens=tokens * _MORE, text_tokens=text)
        consider(longer, "Twice the time, with the text there is, would bring the loss down by")
    if tokens > text:
        fresh = law.relative_loss(size, tokens=tokens, text_tokens=tokens)
        consider(
            fresh,
            f"The text was read {tokens / text:.1f} times; fresh text would bring it down by",
        )
    for other in _sizes_beside(size):
        if law.is_measured(other, tokens=tokens):
            then = law.relative_loss(other, tokens=tokens, text_tokens=text)
            consider(then, f"The size {other}, at as many tokens, would bring it down by")
    if not found:
        return [
            "Within what has been measured, neither more text nor more time nor another size would "
            f"change its loss by {_WORTH_NATS} nats or more."
        ]
    return [sentence for _, sentence in sorted(found, reverse=True)]


def _sizes_beside(size: str) -> list[Size]:
    return [other for other in law.MEASURED if other != size]
