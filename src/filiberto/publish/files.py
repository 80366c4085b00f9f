"""What of a run goes into a repository, and where it lies there.

    model/        ->  /             weights as safetensors, configuration, tokenizer
    report/       ->  report/
    export/onnx/  ->  onnx/         where there is one
    tensorboard/  ->  runs/         where the Hub looks for it
    recipe.toml   ->  recipe.toml

Of what a run says of the machine it was made on, only the last part of a path is left.
"""

from __future__ import annotations

import json
import sysconfig
import tomllib
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path, PurePosixPath
from typing import Any

from filiberto.config import RECIPE_FILE
from filiberto.console import printable, say
from filiberto.errors import StateError, UnfinishedStageError
from filiberto.evaluate.history import bare
from filiberto.publish.exported import FOLDER, FP32, INT8, is_current
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest

Files = dict[str, Path | bytes]
"""By their path in the repository: a file as it is, or other bytes in its place."""

CARD = "README.md"

# Nothing of these kinds runs when it is read; what is of another kind stays here.
_SENT = {".json", ".safetensors", ".txt", ".model", ".html", ".tex", ".bib", ".onnx", ".onnx_data"}
_OWN_TO_A_RUN = ("backup",)


def files_of(run: Path) -> Files:
    """Everything that is sent but the card.

    Args:
        run: a run folder.

    Raises:
        UnfinishedStageError: model or report is not finished, or the report is of another model.
        StateError: a file of the two is not what was written.
    """
    model, report = check_finished(run)
    _verify(run / "model", model, hint="take it from a backup")
    _verify(run / "report", report, hint=f"filiberto evaluate {run} --force")
    found: Files = {name: run / "model" / name for name in model.files if name != CARD}
    found |= {f"report/{name}": run / "report" / name for name in report.files}
    if is_current(run):
        found |= {name: run / FOLDER / name for name in (FP32, INT8)}
    elif (run / FOLDER).exists():
        say(f"{run / FOLDER} is of another model and stays: filiberto export {run} --onnx")
    found = dict(_safe(found))
    # Their own names tell the machine's.
    boards = sorted((run / "tensorboard").glob("*tfevents*"))
    found |= {f"runs/events.out.tfevents.{n}": file for n, file in enumerate(boards)}
    if (run / RECIPE_FILE).is_file():
        found[RECIPE_FILE] = _recipe(run / RECIPE_FILE)
    return {name: _without_paths(name, file) for name, file in found.items()}


def check_finished(run: Path) -> tuple[Manifest, Manifest]:
    """The manifests of the model and of the report on it.

    Raises:
        UnfinishedStageError: one of them is not finished, or the report is of another model.
    """
    model, report = manifest.require(run, "model"), manifest.require(run, "report")
    if report.inputs.get("model") != model.content:
        raise UnfinishedStageError(
            f"{run / 'report'} is about another model than {run / 'model'}",
            hint=f"measure this one first: filiberto evaluate {run}",
        )
    return model, report


def size_of(file: Path | bytes) -> int:
    """Bytes of what is sent."""
    return len(file) if isinstance(file, bytes) else file.stat().st_size


def check_secrets(files: Files) -> None:
    """Refuse what must not leave this machine.

    Raises:
        StateError: a file holds the token, or a path below home or to installed packages.
    """
    from huggingface_hub import get_token

    home = str(Path.home())
    private = {get_token(): "your token", sysconfig.get_path("purelib"): "a path of this machine"}
    if home != "/":
        private[f"{home}/"] = "a path of this machine"
    for path, file in files.items():
        for text, what in private.items():
            if text and _holds(file, text.encode()):
                again = (
                    "export it again: filiberto export RUN --onnx" if path in (FP32, INT8) else ""
                )
                hint = f"{again or 'take it out'}; nothing was sent"
                raise StateError(f"{path} holds {what}", hint=hint)


def _holds(file: Path | bytes, text: bytes) -> bool:
    if isinstance(file, bytes):
        return text in file
    if not file.stat().st_size:
        return False
    with file.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as data:
        return data.find(text) >= 0


def _verify(folder: Path, made: Manifest, *, hint: str) -> None:
    for name, digest in made.files.items():
        if name != CARD and safeio.sha256_of(folder / name) != digest:
            raise StateError(f"{folder / name} is not what was written", hint=hint)


def _safe(found: Files) -> Iterator[tuple[str, Path | bytes]]:
    for name, file in found.items():
        if PurePosixPath(name).suffix in _SENT:
            yield name, file
        else:
            say(f"not sent, for it may hold code: {printable(name)}")


def _recipe(path: Path) -> bytes:
    """The recipe as others can use it."""
    import tomli_w

    settings = tomllib.loads(path.read_text(encoding="utf-8"))
    shared = {key: value for key, value in settings.items() if key not in _OWN_TO_A_RUN}
    return tomli_w.dumps(_each_text(shared, _last_part)).encode()


def _without_paths(name: str, file: Path | bytes) -> Path | bytes:
    """Configurations and figures whose texts hold no absolute path; all else as it is.

    Of figures a path within a text is cut too; a configuration's texts may be tokens, and there
    only a whole text is taken for a path.
    """
    if isinstance(file, bytes):
        return file
    if name in ("config.json", "tokenizer_config.json"):
        return _changed(file, _last_part)
    if name.startswith("report/") and file.suffix == ".json":
        return _changed(file, bare)
    if name.startswith("report/") and file.suffix == ".txt":
        return bare(file.read_text(encoding="utf-8")).encode()
    return file


def _changed(file: Path, change: Any) -> Path | bytes:
    before = json.loads(file.read_text(encoding="utf-8"))
    after = _each_text(before, change)
    if after == before:
        return file
    return (json.dumps(after, ensure_ascii=False, indent=2) + "\n").encode()


def _each_text(value: Any, change: Any) -> Any:
    """Nested values with each text in them changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _each_text(entry, change) for key, entry in value.items()}
    if isinstance(value, list):
        return [_each_text(entry, change) for entry in value]
    return value


def _last_part(text: str) -> str:
    """The last part of a path from the root or from home; another text as it is."""
    return PurePosixPath(text).name or text if text.startswith(("/", "~")) else text
