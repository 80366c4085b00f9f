"""What took minutes to find out, kept in the run folder under a key of all that it follows from.

A report that is made again with other settings, or was stopped, takes it from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filiberto import __version__
from filiberto.runfolder import safeio

FOLDER = "evaluations"


def kept(run: Path, follows: dict[str, Any], find_out: Callable[[], dict[str, Any]]) -> Any:
    """What is known, else what is found out now and kept.

    Args:
        run: the run folder.
        follows: all that the result follows from, beside the version of this program.
        find_out: finds it.
    """
    text = json.dumps({**follows, "filiberto": __version__}, sort_keys=True)
    path = run / FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"
    if path.is_file():
        return safeio.read_json(path, hint="delete it and evaluate again")
    found = find_out()
    path.parent.mkdir(exist_ok=True)
    safeio.sweep(path.parent)
    safeio.write_json(path, found)
    return found


def digest_of(folder: Path, *, weights: bool = True) -> list[str]:
    """Hashes of a model folder's configuration, tokenizer and weights."""
    names = ("config.json", "tokenizer.json", "tokenizer_config.json")
    files = [folder / name for name in names]
    files += sorted(folder.glob("*.safetensors")) if weights else []
    return [safeio.sha256_of(file) for file in files if file.is_file()]
