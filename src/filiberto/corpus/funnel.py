"""Stage 1, corpus: the account of every record that was read, and what is too bad to go on.

read = kept + dropped (empty, duplicate) + quarantined (by reason)     per source and in total
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from filiberto.corpus.decoding import Reason
from filiberto.corpus.ledger import Ledger, Sides
from filiberto.corpus.records import RECORD_BITS, Log
from filiberto.corpus.sources import Source
from filiberto.errors import BadDataError

if TYPE_CHECKING:
    from filiberto.corpus.store import Spool

_MAX_SOURCES_SHOWN = 8
_LARGEST_SHOWN = 5
_NEIGHBOURS = 1 << 12  # records after a malformed one that are looked at for its encoding


def count(
    book: Ledger, sides: Sides, *, names: Sequence[str], records: dict[int, int]
) -> dict[str, Any]:
    """Count what became of the records; it adds up, or there is a bug.

    Args:
        names: names of the sources, by number.
        records: records read, by number of the source.
    """
    kept, duplicate = sides.kept, ~sides.kept & ~book.bad
    bad = {r: book.reason == r for r in Reason if r not in (Reason.NONE, Reason.EMPTY)}

    def per_source(rows: np.ndarray, weights: np.ndarray | None = None) -> list[int]:
        chosen = None if weights is None else weights[rows]
        counts = np.bincount(book.source[rows], weights=chosen, minlength=len(names))
        return [int(n) for n in counts]

    counts: dict[str, list[int]] = {
        "read": [records[i] for i in range(len(names))],
        "empty": [book.empty[i] for i in range(len(names))],
        "duplicate": per_source(duplicate),
        **{reason.label: per_source(rows) for reason, rows in bad.items() if rows.any()},
        "kept": per_source(kept),
        "kept_bytes": per_source(kept, book.num_bytes),
        "duplicate_bytes": per_source(duplicate, book.num_bytes),
    }
    by_source = {
        name: _account({key: values[i] for key, values in counts.items()})
        for i, name in enumerate(names)
    }
    return {
        "total": _account({key: sum(values) for key, values in counts.items()}),
        "train": _side(sides.train, book),
        "validation": _side(sides.validation, book),
        "sources": by_source,
    }


def require_sound(
    book: Ledger, spool: Spool, sources: Sequence[Source], log: Log, *, max_bad_share: float
) -> None:
    """Stop where too many records are malformed, or where no text is left.

    Raises:
        BadDataError: with the counts and an example.
    """
    read, bad = sum(log.records.values()), book.bad
    if bad.any() and bad.sum() > max_bad_share * read:
        worst = int(np.bincount(book.source[bad]).argmax())
        first = int(book.index[bad & (book.source == worst)][0])
        rows = [r for r in spool.read(first, first + _NEIGHBOURS).to_pylist() if r["reason"]]
        record = first & ((1 << RECORD_BITS) - 1)
        place = f"{sources[worst].place}, record {record}"
        if rows[0]["offset"] is not None:
            place += f", byte {rows[0]['offset']}"
        reason = Reason(rows[0]["reason"])
        raise BadDataError(
            f"{bad.sum()} of {read} records are malformed, more than {max_bad_share:.2%}; "
            f"the worst source has {place}: {reason.label}: {rows[0]['text']}",
            hint=_advice(reason, [row["text"] for row in rows], sources[worst]),
        )
    if bad.all():
        raise BadDataError(
            f"no text is left: {read} records were read, {book.empty.total()} of them empty, "
            f"{bad.sum()} malformed",
            hint="check what --text names: " + ", ".join(s.place for s in sources[:3]),
        )


def render(facts: dict[str, Any]) -> list[str]:
    """The funnel as lines of a plain table."""
    total = facts["total"]
    lines = [f"{'':<28}{'records':>12}{'MB':>10}{'%':>8}"]

    def line(label: str, records: int, num_bytes: int | None = None) -> None:
        size = "" if num_bytes is None else f"{num_bytes / 1e6:.1f}"
        share = 100 * records / total["read"] if total["read"] else 0.0
        lines.append(f"{_shortened(label):<28}{records:>12,}{size:>10}{share:>8.1f}")

    line("read", total["read"])
    line("- empty", total["dropped"]["empty"])
    line("- duplicate", total["dropped"]["duplicate"], total["duplicate_bytes"])
    for reason, records in total["quarantined"].items():
        line(f"- malformed ({reason})", records)
    line("kept", total["kept"], total["kept_bytes"])
    for split in ("train", "validation"):
        line(f"  {split}", facts[split]["documents"], facts[split]["bytes"])
    sources = sorted(facts["sources"].items(), key=lambda item: (-item[1]["kept_bytes"], item[0]))
    shown = sources if len(sources) <= _MAX_SOURCES_SHOWN else sources[:_LARGEST_SHOWN]
    if len(sources) > 1:
        for name, account in shown:
            line(f"  from {name}", account["kept"], account["kept_bytes"])
    if rest := sources[len(shown) :]:
        kept = sum(account["kept"] for _, account in rest)
        line(f"  from {len(rest)} more", kept, sum(a["kept_bytes"] for _, a in rest))
    return lines


def _account(counts: dict[str, int]) -> dict[str, Any]:
    reasons = [r.label for r in Reason if r not in (Reason.NONE, Reason.EMPTY)]
    account = {
        "read": counts["read"],
        "kept": counts["kept"],
        "kept_bytes": counts["kept_bytes"],
        "dropped": {"empty": counts["empty"], "duplicate": counts["duplicate"]},
        "duplicate_bytes": counts["duplicate_bytes"],
        "quarantined": {label: counts[label] for label in reasons if counts.get(label)},
    }
    parts = account["kept"] + sum((account["dropped"] | account["quarantined"]).values())
    assert account["read"] == parts, f"records went astray: {account}"
    return account


def _side(rows: np.ndarray, book: Ledger) -> dict[str, int]:
    return {"documents": int(rows.sum()), "bytes": int(book.num_bytes[rows].sum())}


def _advice(reason: Reason, previews: list[str], source: Source) -> str:
    if reason is Reason.UTF8_INVALID:
        escaped = re.findall(r"\\x([0-9a-f]{2})", "".join(previews))
        # In Latin-1 letters stand at A0-FF; bytes of anything else fall below as often.
        if escaped and sum(byte >= "a0" for byte in escaped) >= 0.9 * len(escaped):
            return f"{source.name} looks like latin-1; convert it: iconv -f LATIN1 -t UTF-8"
        return f"check the encoding of {source.name}; text must be UTF-8"
    if reason is Reason.TOO_LONG:
        return "give each document its own line, or --corpus.documents paragraph"
    if source.format == "jsonl" and previews[0].lstrip().startswith("["):
        return f"{source.name} looks like one JSON array; make it lines: jq -c '.[]'"
    if reason is Reason.JSON_INVALID:
        return "each line must be one whole JSON object (to make it so: jq -c .)"
    return f"look at {source.name}, or allow more with --corpus.max-bad-share"


def _shortened(label: str) -> str:
    text = "".join(c if c.isprintable() else "?" for c in label)
    return text if len(text) <= 27 else text[:12] + "…" + text[-14:]
