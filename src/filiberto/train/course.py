"""The course of the learning rates: up from zero, and down to zero at the last step.

A training that ends by the clock does not know its last step beforehand. Now and then its line to
zero is drawn anew, from where the rate stands to the step that the time left will reach.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

# Of the steps planned, so many are left for the way from the peak to zero, however late it is.
_LEAST_SHARE_LEFT = 0.01

# The pace is that of the last so many drawings, some two hundred in a training.
_PACE_OF = 20


@dataclass(frozen=True, kw_only=True)
class Course:
    """Shares of the peak rate by step.

    Attributes:
        warmup_steps: in which it would climb to 1 in a straight line, 1 or more.
        start_step: where that ends and the straight line to zero begins.
        start_share: the share there.
        max_steps: where it ends: the first step that is not taken.
    """

    warmup_steps: int
    start_step: int
    start_share: float
    max_steps: int

    @classmethod
    def planned(cls, *, warmup_steps: int, max_steps: int) -> Course:
        """Up to 1 and down to 0.

        Example:
            4 steps, 1 of warm-up: 1.0, 0.75, 0.5, 0.25.
        """
        start = {"start_step": warmup_steps - 1, "start_share": 1.0}
        return cls(warmup_steps=warmup_steps, max_steps=max_steps, **start)

    def share(self, step: int) -> float:
        """Of the peak rate, at a step from 0 on."""
        if step < self.start_step:
            return (step + 1) / self.warmup_steps
        left = (self.max_steps - step) / max(1, self.max_steps - self.start_step)
        return self.start_share * left

    def drawn_to(self, max_steps: int, *, at: int) -> Course:
        """The course with another end, and all that lies before step `at` as it was.

        Args:
            max_steps: the new end, `at + 1` or later.
            at: the first step that is still to come.
        """
        if at < self.start_step < max_steps:
            return replace(self, max_steps=max_steps)
        return replace(self, start_step=at, start_share=self.share(at), max_steps=max_steps)


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
