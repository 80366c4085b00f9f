"""The course of the learning rates: up from zero, level, and down to zero at the last step.

A training that ends by the clock does not know its last step beforehand. Now and then its course is
drawn anew: the fall moves with the end while the rate is level, and once it falls, its line to zero
goes from where it stands to the step that the time left will reach.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from dataclasses import dataclass, replace

# Of the steps planned, so many are left for the way from the peak to zero, however late it is.
_LEAST_SHARE_LEFT = 0.01

# The pace is that of the last so many drawings, some two hundred in a training.
_PACE_OF = 20


Knot = tuple[int, float]


@dataclass(frozen=True, kw_only=True)
class Course:
    """Shares of the peak rate by step, in straight lines from knot to knot.

    Attributes:
        knots: (step, share), in rising steps; the last share is zero.
        decay_share: of all steps, those at the end in which the rate falls.
    """

    knots: tuple[Knot, ...]
    decay_share: float

    @classmethod
    def planned(cls, *, warmup_steps: int, max_steps: int, decay_share: float) -> Course:
        """Up to 1, level, and down to 0.

        Example:
            6 steps, 2 of warm-up, half of them falling: 0.5, 1.0, 1.0, 1.0, 0.67, 0.33.
        """
        start = cls(knots=((-1, 0.0),), decay_share=decay_share)
        return start._over((warmup_steps - 1, 1.0), max_steps=max_steps)

    @property
    def max_steps(self) -> int:
        """Where it ends: the first step that is not taken."""
        return self.knots[-1][0]

    def share(self, step: int) -> float:
        """Of the peak rate, at a step from 0 on."""
        if step >= self.max_steps:
            return 0.0
        (first, low), (last, high) = next(
            pair for pair in itertools.pairwise(self.knots) if step <= pair[1][0]
        )
        return (low * (last - step) + high * (step - first)) / (last - first)

    def drawn_to(self, max_steps: int, *, at: int) -> Course:
        """The course with another end, and all that lies before step `at` as it was.

        Where it climbs to a top that lies before the new end, it goes there first.

        Args:
            max_steps: the new end, `at + 1` or later.
            at: the first step that is still to come.
        """
        *way, top, fall = self.knots[:-1]
        if top[1] != fall[1]:  # no level stretch
            way, top = [*way, top], fall
        if at > fall[0] or at < top[0] >= max_steps:
            return replace(self, knots=(*self._until(at), (max_steps, 0.0)))
        return replace(self, knots=tuple(way))._over(top, max_steps=max_steps, not_before=at)

    def extended_to(self, max_steps: int, *, at: int, warmup_steps: int) -> Course:
        """The course with a later end, the rate back up where it would stand had that been planned.

        Args:
            max_steps: the new end, later than step `at` and its warm-up.
            at: the first step that is still to come.
            warmup_steps: for the way up, 1 or more.
        """
        top = at + warmup_steps
        share = min(1.0, (max_steps - top) / (self.decay_share * max_steps))
        if share <= self.share(at):
            return self.drawn_to(max_steps, at=at)
        return replace(self, knots=self._until(at))._over((top, share), max_steps=max_steps)

    def _over(self, top: Knot, *, max_steps: int, not_before: int = 0) -> Course:
        """From the last knot over a top, level until it is time to fall, to zero."""
        step, share = top
        falling = max(1, round(self.decay_share * max_steps))
        fall = max(step, not_before, max_steps - falling)
        level = ((fall, share),) if fall > step else ()
        return replace(self, knots=(*self.knots, top, *level, (max_steps, 0.0)))

    def _until(self, at: int) -> tuple[Knot, ...]:
        before = tuple(knot for knot in self.knots if knot[0] < at)
        return (*before, (at, self.share(at)))


class Pace:
    """Where a training will end that is to take a given time.

    Args:
        seconds: for all of it.
        planned_steps: that were thought to fit into it.
    """

    def __init__(self, *, seconds: float, planned_steps: int) -> None:
        self._seconds, self._planned_steps = seconds, planned_steps
        self._seen: deque[tuple[int, float]] = deque(maxlen=_PACE_OF + 1)

    def end(self, step: int, seconds: float, *, share: float) -> int | None:
        """The end of the course, as it looks after `step` steps and so many seconds.

        However late it is, the higher the rate stands, the more steps are left for its way to zero.

        Args:
            step: the first that is still to come.
            seconds: gone since the training began.
            share: of the peak rate, at that step.

        Returns:
            None where nothing is known yet: at the first call.
        """
        self._seen.append((step, seconds))
        first_step, first_seconds = self._seen[0]
        if step == first_step:
            return None
        each = (seconds - first_seconds) / (step - first_step)
        least = math.ceil(_LEAST_SHARE_LEFT * share * self._planned_steps)
        return step + max(1, least, round((self._seconds - seconds) / max(each, 1e-9)))
