"""What an ONNX export is called, and whether it is still that of the model; needs no torch."""

from __future__ import annotations

from pathlib import Path

from filiberto.evaluate.elsewhere import model_folder
from filiberto.evaluate.kept import digest_of
from filiberto.runfolder import safeio

FOLDER, EXPORT_FILE = "export", "export.json"
FP32, INT8 = "onnx/model.onnx", "onnx/model_quantized.onnx"


def is_current(run: Path) -> bool:
    """Whether the run has an export of its model as it is now."""
    path = run / FOLDER / EXPORT_FILE
    if not path.is_file():
        return False
    facts = safeio.read_json(path, hint=f"make it again: filiberto export {run} --onnx")
    return facts.get("model") == digest_of(model_folder(run))
