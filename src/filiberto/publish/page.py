"""A page in which a model runs in its reader's browser; any file server will do.

    export/onnx/model_quantized.onnx, tokenizer  ->  OUT/model/
    ONNX Runtime Web, tokenizers.js              ->  OUT/runtime/
    static/                                      ->  OUT/index.html page.js model.js page.css

The two libraries are fetched by npm at that moment, or taken from a folder. Nothing else is
fetched, neither now nor by the page.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from filiberto import __version__
from filiberto.console import say
from filiberto.errors import OtherRunError, TryAgainError, UsageError
from filiberto.evaluate.elsewhere import model_folder
from filiberto.evaluate.history import of
from filiberto.publish.exported import FOLDER, INT8, is_current
from filiberto.runfolder import safeio
from filiberto.tokenizer import bpe

PAGE_FILE = "page.json"
RUNTIME = {
    "onnxruntime-web@1": (
        *("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"),
    ),
    "@huggingface/tokenizers@0.2": ("tokenizers.min.mjs",),
}
"""npm packages, and the files of their `dist` that the page needs."""

_LIBRARIES = [name for names in RUNTIME.values() for name in names]
_STATIC = ("page.css", "page.js", "model.js")


def export(run: Path, out: Path, *, runtime: Path | None = None) -> None:
    """The command `filiberto export RUN --page OUT`.

    Args:
        run: a finished run.
        out: the folder to make; one that this command made before is replaced.
        runtime: folder of the files of RUNTIME; None to fetch them by npm.

    Raises:
        UsageError: there is no npm, a file of the runtime is missing, or `out` is a file.
        TryAgainError: npm cannot fetch.
        OtherRunError: `out` is something else.
    """
    if out.is_file():
        raise UsageError(f"{out} is a file", hint="--page takes the folder to make")
    if out.exists() and not (out / PAGE_FILE).is_file() and any(out.iterdir()):
        raise OtherRunError(
            f"{out} is not empty and no page of filiberto", hint="name a new folder"
        )
    check_runtime(runtime)
    if not is_current(run):
        from filiberto.publish import onnx

        onnx.export(run)
    out.parent.mkdir(parents=True, exist_ok=True)
    with safeio.new_folder(out) as folder:
        megabytes = write(folder, run, name=run.resolve().name, runtime=runtime)
    say(f"{out}: {megabytes:.1f} MB. Look at it: python -m http.server --directory {out}")


def write(folder: Path, run: Path, *, name: str, runtime: Path | None) -> float:
    """Fill an empty folder with the page of a run whose export is of its model.

    Args:
        folder: to be filled.
        run: a finished run.
        name: of the model, at the head of the page.
        runtime: as for `export`.

    Returns:
        What the page weighs, in megabytes.
    """
    (folder / "runtime").mkdir()
    versions = _copied(runtime, folder) if runtime else _fetched(folder)
    _copy_model(run / FOLDER, folder / "model")
    static = resources.files("filiberto.publish") / "static"
    for file in _STATIC:
        (folder / file).write_bytes((static / file).read_bytes())
    megabytes = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6
    html = index(run, name=name, megabytes=megabytes)
    (folder / "index.html").write_text(html, encoding="utf-8")
    safeio.write_json(folder / PAGE_FILE, {"filiberto": __version__, "runtime": versions})
    return megabytes


def _copy_model(export: Path, folder: Path) -> None:
    (folder / "onnx").mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json", INT8):
        shutil.copyfile(export / name, folder / name)


def index(run: Path, *, name: str, megabytes: float | None) -> str:
    """index.html, with the run's prompts as examples.

    Args:
        run: a run, or a model folder.
        name: of the model.
        megabytes: what the page fetches where its model runs in the browser; None where it runs
            on the machine that serves it.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("filiberto.publish", "static"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    history = of(run)
    metrics: dict[str, Any] = {}
    if (run / "report" / "metrics.json").is_file():
        hint = f"make it again: filiberto evaluate {run} --force"
        metrics = safeio.read_json(run / "report" / "metrics.json", hint=hint)
    return environment.get_template("index.html.jinja").render(
        name=name,
        language=history.language,
        code=history.code,
        mask=bpe.special_tokens(model_folder(run))["<mask>"],
        examples=[prompt["text"] for prompt in metrics.get("prompts", ())],
        megabytes=megabytes,
        version=__version__,
    )


def check_runtime(source: Path | None) -> None:
    """Refuse what `write` could not take its libraries from.

    Args:
        source: as `runtime` for `export`.

    Raises:
        UsageError: the folder lacks one, or there is no npm to fetch them.
    """
    if source is None:
        if shutil.which("npm") is None:
            raise UsageError(
                "the page's libraries are fetched by npm, and there is none",
                hint="install Node.js, or name a folder that has them: --runtime FOLDER",
            )
        return
    if missing := [name for name in _LIBRARIES if not (source / name).is_file()]:
        lacks = f"has no {', '.join(missing)}" if source.is_dir() else "is no folder"
        raise UsageError(
            f"{source} {lacks}",
            hint="--runtime takes one that has all of a page's libraries, such as its runtime/",
        )


def _copied(source: Path, folder: Path) -> list[str]:
    """The runtime from a folder that has its files."""
    for name in _LIBRARIES:
        shutil.copyfile(source / name, folder / "runtime" / name)
    return [f"from {source.resolve().name}"]


def _fetched(folder: Path) -> list[str]:
    """The runtime by npm, with what each package says of itself."""
    npm = str(shutil.which("npm"))
    versions = []
    with tempfile.TemporaryDirectory() as place:
        for package, names in RUNTIME.items():
            say(f"npm: {package}")
            done = subprocess.run(
                [npm, "pack", "--silent", "--pack-destination", place, package],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[:1]
                raise TryAgainError(
                    f"npm could not fetch {package}: {' '.join(reason) or 'no reason given'}",
                    hint="try again with a network, or name a folder: --runtime FOLDER",
                )
            with tarfile.open(Path(place, done.stdout.strip().splitlines()[-1])) as archive:
                for name in names:
                    data = _member(archive, f"package/dist/{name}", package)
                    (folder / "runtime" / name).write_bytes(data)
                about = json.loads(_member(archive, "package/package.json", package))
            versions.append(f"{about['name']} {about['version']} ({about.get('license')})")
    return versions


def _member(archive: tarfile.TarFile, name: str, package: str) -> bytes:
    try:
        file = archive.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise UsageError(
            f"{package} has no {name} any more", hint="name a folder that has it: --runtime FOLDER"
        )
    return file.read()
