"""Stage 1, corpus: why a record is not in the corpus."""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """Why a record is not in the corpus; NONE where nothing speaks against it so far.

    From 100 on a record is malformed: it is quarantined with its place, and counts towards
    `max_bad_share`. Below it is a text that a rule drops.
    """

    NONE = 0
    EMPTY = 1
    TOO_SHORT = 2
    DAMAGED = 3
    SYMBOLS = 4
    DIGITS = 5
    BOILERPLATE = 6
    REPEATED_LINES = 7
    REPEATED_WORDS = 8
    WRONG_LANGUAGE = 9
    DUPLICATE = 10
    NEAR_DUPLICATE = 11
    LEAK = 12

    UTF8_INVALID = 100
    LINE_TOO_LONG = 101
    MOJIBAKE = 102
    COMBINING_FLOOD = 103
    LONE_SURROGATE = 104
    JSON_INVALID = 105
    JSON_TRUNCATED = 106
    JSON_TOO_DEEP = 107
    JSON_DUPLICATE_KEY = 108
    MISSING_FIELD = 109
    FIELD_TYPE = 110
    CSV_INVALID = 111
    FILE_DAMAGED = 112

    @property
    def label(self) -> str:
        """Its name in reports, and of the rule in settings."""
        return self.name.lower()

    @property
    def is_malformed(self) -> bool:
        """Whether the record is quarantined."""
        return self >= MALFORMED


MALFORMED = 100
"""The first of the reasons for quarantine."""

DROPPED = tuple(r for r in Reason if Reason.NONE < r < MALFORMED)
QUARANTINED = tuple(r for r in Reason if r.is_malformed)
