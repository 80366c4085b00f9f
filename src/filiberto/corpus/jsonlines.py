"""Stage 1, corpus: a line of JSON -> the text in it, or what is wrong with the line and where."""

from __future__ import annotations

import itertools
import json
from typing import Any, NamedTuple

from filiberto.corpus.reasons import Reason

_MAX_KEYS_SHOWN = 20


class Wrong(NamedTuple):
    """Why a line gives no text."""

    reason: Reason
    position: int = 0
    """Character of the line."""
    keys: tuple[str, ...] = ()
    """The keys there are, where the one asked for is missing."""


class _DuplicateKeyError(Exception):
    pass


def text_of(line: str, name: str) -> str | Wrong:
    """Read the field `name` of the object on a line; an empty line has an empty text."""
    stripped = line.strip("\ufeff \t\r")
    if not stripped:
        return ""
    try:
        record = json.loads(stripped, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        ended = error.pos >= len(stripped) or error.msg.startswith("Unterminated string")
        reason = Reason.JSON_TRUNCATED if ended else Reason.JSON_INVALID
        return Wrong(reason, line.index(stripped) + error.pos)
    except ValueError:  # an integer of more than 4,300 digits
        return Wrong(Reason.JSON_INVALID)
    except RecursionError:
        return Wrong(Reason.JSON_TOO_DEEP)
    except _DuplicateKeyError:
        return Wrong(Reason.JSON_DUPLICATE_KEY)
    if not isinstance(record, dict):
        return Wrong(Reason.FIELD_TYPE)
    if name not in record:
        return Wrong(Reason.MISSING_FIELD, keys=tuple(itertools.islice(record, _MAX_KEYS_SHOWN)))
    text = record[name]
    if not isinstance(text, str):
        return Wrong(Reason.FIELD_TYPE)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return Wrong(Reason.LONE_SURROGATE)
    return text


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise _DuplicateKeyError
    return record
