"""What would help a model most: more time, fresh text, a larger size; by the law of the plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from filiberto.config import Size, TrainConfig
from filiberto.console import readable_number
from filiberto.train import law
from filiberto.train.sizes import SIZES, num_parameters

_LONGER = ((2.0, "twice the time"), (1.5, "half as much time again"))
_WORTH_NATS = 0.02


def advice(
    plan: dict[str, Any],
    *,
    validation_loss: float | None,
    settings: TrainConfig | None = None,
    from_scratch: bool = True,
) -> list[str]:
    """One sentence for each thing that would help, the most helpful first; three at most.

    The gain is the law's, scaled to what was reached: `loss * then / now`. Beyond what was measured
    one sentence gives the order alone.

    Args:
        plan: of the training, as plan.json has it.
        validation_loss: reached, in nats.
        settings: of the training; None where they are not known.
        from_scratch: whether it began with random weights.

    Returns:
        Sentences; one that says so where the law was fitted to no such training.
    """
    tokens = float(plan["max_steps"] * plan["batch_rows"] * plan["row_length"])
    size = plan["size"]
    fitted = from_scratch and _is_as_fitted(plan, settings)
    if validation_loss is None or not fitted or size not in SIZES:
        return [
            "Nothing is foretold here: no training of this size, length and settings has been "
            "measured."
        ]
    text = float(plan["text_tokens"])
    now = law.relative_loss(size, tokens=tokens, text_tokens=text)
    measured = law.is_measured(size, tokens=tokens)
    options = _options(
        size, tokens=tokens, text=text, vocab_size=plan["vocab_size"], measured=measured
    )
    gains = ((validation_loss * (1 - then / now), option) for then, option in options)
    found = sorted(((gain, option) for gain, option in gains if gain >= _WORTH_NATS), reverse=True)
    if not measured:
        return [_in_order([option for _, option in found])]
    if not found:
        return [
            "Within what has been measured, neither more time nor fresh text nor a larger size "
            f"would lower its loss by {_WORTH_NATS} nats or more."
        ]
    return [
        f"{option[:1].upper()}{option[1:]} would bring the loss from {validation_loss:.2f} to "
        f"about {validation_loss - gain:.2f} nats a hidden token."
        for gain, option in found
    ]


def ground() -> str:
    """What the sentences stand on, and how far it may be off."""
    ranges = "; ".join(
        f"{size} with {least / 1e6:.0f} to {most / 1e6:.0f} million tokens"
        for size, (least, most) in law.MEASURED.items()
    )
    return (
        "By the law that filiberto plan goes by. It was fitted to trainings on Italian that began "
        f"with random embeddings ({ranges}) and missed "
        f"these trainings by at most {100 * law.FIT_ERROR:.1f}\u00a0% of what guessing by "
        "frequency alone costs; other texts may gain less or more."
    )


def _in_order(options: Sequence[str]) -> str:
    """What would help, the most helpful first, where a figure would be a guess."""
    unknown = "No training of this size and length has been measured, so no loss is foretold."
    if not options:
        return unknown
    order = "; then of ".join(options)
    return f"{unknown} Should the law hold beyond what has been, most would come of {order}."


def _options(
    size: Size, *, tokens: float, text: float, vocab_size: int, measured: bool
) -> Iterator[tuple[float, str]]:
    """What could be done: the law's value then, and what it is.

    Args:
        size: of the model.
        tokens: that it read.
        text: tokens there are.
        vocab_size: of the model.
        measured: nothing outside of what was measured.
    """
    for factor, named in _LONGER:
        more = factor * tokens
        there = not measured or law.is_measured(size, tokens=more)
        if there and more <= law.MOST_EPOCHS * text:
            then = law.relative_loss(size, tokens=more, text_tokens=text)
            yield (
                then,
                f"{named} ({readable_number(more)} tokens instead of {readable_number(tokens)})",
            )
            break
    if tokens > 1.05 * text:
        fresh = law.relative_loss(size, tokens=tokens, text_tokens=tokens)
        yield (
            fresh,
            f"more text, so that none is read again ({readable_number(tokens)} tokens; these "
            f"{readable_number(text)} were read {tokens / text:.1f} times)",
        )
    for larger in list(SIZES)[list(SIZES).index(size) + 1 :]:
        if not measured or law.is_measured(larger, tokens=tokens):
            then = law.relative_loss(larger, tokens=tokens, text_tokens=text)
            times = _weights(larger, vocab_size) / _weights(size, vocab_size)
            yield then, f"the size {larger} with {times:.1f} times the weights and as many tokens"
            break


def _is_as_fitted(plan: dict[str, Any], settings: TrainConfig | None) -> bool:
    usual = TrainConfig()
    batch_tokens = plan["batch_rows"] * plan["row_length"]
    if (plan.get("architecture", ""), plan["row_length"]) != (usual.architecture, usual.row_length):
        return False
    return law.is_as_fitted(settings or usual, size=plan["size"], batch_tokens=batch_tokens)


def _weights(size: Size, vocab_size: int) -> int:
    usual = TrainConfig()
    return num_parameters(
        SIZES[size],
        vocab_size=vocab_size,
        row_length=usual.row_length,
        architecture=usual.architecture,
    )[1]
