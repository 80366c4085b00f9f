"""Packages that only some commands need, and that are installed for those."""

from __future__ import annotations

from importlib.util import find_spec

from filiberto.errors import UsageError


def require(extra: str, *packages: str, command: str) -> None:
    """Refuse a command whose packages are not installed.

    Args:
        extra: `filiberto[EXTRA]` brings them.

    Raises:
        UsageError: one is not.
    """
    if missing := [name for name in packages if find_spec(name) is None]:
        raise UsageError(
            f"{command} needs {', '.join(missing)}", hint=f"pip install 'filiberto[{extra}]'"
        )
