"""Stage 1, corpus: the account of every record that was read, and what is too bad to go on.

read = kept + dropped (by reason) + quarantined (by reason)     per source and in total
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from filiberto.console import printable
from filiberto.corpus.decide import Sides
from filiberto.corpus.ledger import Ledger
from filiberto.corpus.personal import KINDS
from filiberto.corpus.reasons import DROPPED, QUARANTINED, Reason
from filiberto.corpus.records import RECORD_BITS
from filiberto.corpus.sources import Source
from filiberto.errors import BadDataError

if TYPE_CHECKING:
    from filiberto.corpus.spool import Spool

_MAX_SOURCES_SHOWN = 8
_LARGEST_SHOWN = 5
_NEIGHBOURS = 1 << 12  # records after a malformed one that are looked at for its encoding


def count(book: Ledger, sides: Sides, *, names: Sequence[str]) -> dict[str, Any]:
    """Count what became of the records; it adds up, or there is a bug.

    Args:
        names: names of the sources, by number.

    Returns:
        Accounts of the `total` and by `sources`: records `read` and `kept`, `dropped` and
        `quarantined` by reason, bytes, and personal data in what is kept; and the two sides.
    """
    table = np.zeros((2, len(names), len(Reason.__members__)), np.int64)
    reasons = list(Reason)
    for column, reason in enumerate(reasons):
        rows = sides.reason == reason
        source = book.source[rows]
        table[0, :, column] = np.bincount(source, minlength=len(names))
        table[1, :, column] = np.bincount(source, book.num_bytes[rows], minlength=len(names))
    table[0, :, reasons.index(Reason.EMPTY)] = [book.empty[i] for i in range(len(names))]
    read = np.array([book.read[i] for i in range(len(names))])
    personal = np.zeros((len(names), len(KINDS)), np.int64)
    np.add.at(personal, book.source[sides.kept], book.personal[sides.kept])
    by_source = {
        name: _account(int(read[i]), table[:, i], personal[i]) for i, name in enumerate(names)
    }
    return {
        "total": _account(int(read.sum()), table.sum(axis=1), personal.sum(axis=0)),
        "train": _side(sides.train, book),
        "validation": {**_side(sides.validation, book), "leaky": sides.leaky},
        "sources": by_source,
    }


def _account(read: int, table: np.ndarray, personal: np.ndarray) -> dict[str, Any]:
    """The account of some records.

    Args:
        table: records and bytes by reason, shape (2, reasons).
        personal: personal data by kind.
    """
    records, sizes = (dict(zip(Reason, row.tolist(), strict=True)) for row in table)
    account = {
        "read": read,
        "kept": records[Reason.NONE],
        "kept_bytes": sizes[Reason.NONE],
        "dropped": {r.label: records[r] for r in DROPPED if records[r]},
        "dropped_bytes": {r.label: sizes[r] for r in DROPPED if sizes[r]},
        "quarantined": {r.label: records[r] for r in QUARANTINED if records[r]},
        "personal": dict(zip(KINDS, personal.tolist(), strict=True)),
    }
    parts = account["kept"] + sum((account["dropped"] | account["quarantined"]).values())
    assert read == parts, f"records went astray: {account}"
    return account


def require_sound(
    book: Ledger, spool: Spool, sources: Sequence[Source], *, max_bad_share: float
) -> None:
    """Stop where too many records are malformed, or where no text is left.

    Raises:
        BadDataError: with the counts and an example.
    """
    read, bad = sum(book.read.values()), book.bad & (book.reason != Reason.FILE_DAMAGED)
    if bad.any() and bad.sum() > max_bad_share * read:
        worst = int(np.bincount(book.source[bad]).argmax())
        first = int(book.index[bad & (book.source == worst)][0])
        near = spool.read(first, first + _NEIGHBOURS).to_pylist()
        rows = [row for row in near if Reason(row["reason"]).is_malformed]
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
    if (book.reason != Reason.NONE).all():
        dropped = np.unique(book.reason[~bad], return_counts=True)
        by_rule = [f"{n} {Reason(r).label}" for r, n in zip(*dropped, strict=True)]
        raise BadDataError(
            f"no text is left: {read} records were read, "
            + ", ".join([f"{book.empty.total()} empty", f"{bad.sum()} malformed", *by_rule]),
            hint=f"switch rules off: --corpus.skip-rules {Reason(dropped[0][0]).label}"
            if by_rule
            else "check what --text names: " + ", ".join(s.place for s in sources[:3]),
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
    for reason, records in total["dropped"].items():
        line(f"- {reason.replace('_', ' ')}", records, total["dropped_bytes"].get(reason))
    for reason, records in total["quarantined"].items():
        line(f"- malformed ({reason})", records)
    line("kept", total["kept"], total["kept_bytes"])
    for split in ("train", "validation"):
        line(f"  {split}", facts[split]["documents"], facts[split]["bytes"])
    if facts["validation"]["leaky"]:
        lines.append("  (training nearly holds all of that: too little text to part cleanly)")
    sources = sorted(facts["sources"].items(), key=lambda item: (-item[1]["kept_bytes"], item[0]))
    shown = sources if len(sources) <= _MAX_SOURCES_SHOWN else sources[:_LARGEST_SHOWN]
    if len(sources) > 1:
        for name, account in shown:
            line(f"  from {name}", account["kept"], account["kept_bytes"])
    if rest := sources[len(shown) :]:
        kept = sum(account["kept"] for _, account in rest)
        line(f"  from {len(rest)} more", kept, sum(a["kept_bytes"] for _, a in rest))
    return lines


def _side(rows: np.ndarray, book: Ledger) -> dict[str, int]:
    return {"documents": int(rows.sum()), "bytes": int(book.num_bytes[rows].sum())}


def _advice(reason: Reason, previews: list[str], source: Source) -> str:
    if reason is Reason.UTF8_INVALID:
        escaped = re.findall(r"\\x([0-9a-f]{2})", "".join(previews))
        # In Latin-1 letters stand at A0-FF; bytes of anything else fall below as often.
        if escaped and sum(byte >= "a0" for byte in escaped) >= 0.9 * len(escaped):
            return f"{source.name} looks like latin-1; convert it: iconv -f LATIN1 -t UTF-8"
        return f"check the encoding of {source.name}; text must be UTF-8"
    if reason is Reason.LINE_TOO_LONG:
        return "give each document its own line, or --corpus.documents paragraph"
    if source.format == "jsonl" and previews[0].lstrip().startswith("["):
        return f"{source.name} looks like one JSON array; make it lines: jq -c '.[]'"
    if reason is Reason.JSON_INVALID:
        return "each line must be one whole JSON object (to make it so: jq -c .)"
    return f"look at {source.name}, or allow more with --corpus.max-bad-share"


def _shortened(label: str) -> str:
    text = printable(label)
    return text if len(text) <= 27 else text[:12] + "…" + text[-14:]
