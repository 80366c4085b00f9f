"""The errors a user can mend, on one page.

Each carries a place and the value seen in its message, what to type next in `hint`, and the exit
code of the command. Everything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations


class UserError(Exception):
    """A mistake that the user can mend.

    Args:
        message: where it is wrong, what was seen there and what would be right.
        hint: what to type or do next.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"


class UsageError(UserError):
    """A command, flag or recipe that says something impossible."""


class UnfinishedStageError(UserError):
    """A stage was asked for whose predecessor is not finished."""


class BadDataError(UserError):
    """Text or labels that cannot be used as they are."""

    exit_code = 65


class DivergedError(UserError):
    """The loss is not a number any more."""

    exit_code = 70


class OtherRunError(UserError):
    """The run folder belongs to another run, or to no run at all."""

    exit_code = 73


class StateError(UserError):
    """A file of ours is missing, damaged or does not fit its neighbours, or the disk failed."""

    exit_code = 74


class TryAgainError(UserError):
    """Nothing is wrong: the folder is in use, or the run was stopped after saving."""

    exit_code = 75


class InexactError(UserError):
    """Going on would not give the same bits, and the same bits were asked for."""

    exit_code = 76
