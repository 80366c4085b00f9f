"""How long the served page's answer takes, by PyTorch and by ONNX in fp32 and int8.

    python benchmarks/serve.py MODEL [--size base] [--threads 2]

MODEL: a run or model folder, for its tokenizer and its kind. The model of the size asked for has
random weights, which take as long as others. Turn by turn, medians and quartiles over the turns.
JSON into benchmarks/results/serve-SIZE.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import torch
import transformers

from filiberto.config import Size
from filiberto.evaluate.elsewhere import model_folder
from filiberto.evaluate.model import Reader, load_reader
from filiberto.publish.exported import FP32, INT8
from filiberto.publish.onnx import open_onnx, write
from filiberto.publish.serve import guesses
from filiberto.train.architecture import architecture_of, arithmetic_named
from filiberto.train.sizes import SIZES

TURNS = 30
TEXTS = {
    "short": "Il treno per Roma <mask> alle otto.",
    "long": "Il treno per Roma <mask> alle otto dal terzo binario, ma chi viaggia con il cane deve "
    "prendere quello delle nove, che ferma anche a <mask> e ha due carrozze in più.",
}


def of_size(size: Size, reader: Reader) -> transformers.PreTrainedModel:
    """A model of a reader's kind and vocabulary, with random weights."""
    config = arithmetic_named(architecture_of(reader.model)).new_config(
        SIZES[size],
        vocab_size=reader.model.config.vocab_size,
        row_length=reader.max_length,
        special_ids=reader.special_ids,
        dropout=0.0,
    )
    torch.manual_seed(0)
    return transformers.AutoModelForMaskedLM.from_config(config)


def timed(readers: dict[str, Reader], text: str) -> dict[str, dict[str, float]]:
    """Milliseconds of an answer."""
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(TURNS + 1):
        for name, reader in readers.items():
            start = time.perf_counter()
            guesses(reader, text, 5)
            times[name].append(1_000 * (time.perf_counter() - start))
    found = {}
    for name, (_, *some) in times.items():  # the first is dearer
        low, middle, high = statistics.quantiles(some, n=4)
        found[name] = {"median_ms": middle, "low_ms": low, "high_ms": high}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--size", default="base", choices=SIZES)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    like = model_folder(asked.model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model"
        shutil.copytree(like, model)
        of_size(asked.size, load_reader(like)).save_pretrained(model)
        reader = load_reader(model)
        (folder / "export").mkdir()
        write(folder / "export", model, reader)
        sizes = {name: (folder / "export" / name).stat().st_size for name in (FP32, INT8)}
        readers: dict[str, Reader] = {"PyTorch": reader}
        readers |= {name: open_onnx(folder / "export" / name, reader) for name in (FP32, INT8)}
        result = {
            "size": asked.size,
            "threads": asked.threads,
            "parameters": sum(weight.numel() for weight in reader.model.parameters()),
            "bytes": sizes,
            "sentences": {
                kind: {"tokens": len(reader.tokenizer.encode(text).ids), **timed(readers, text)}
                for kind, text in TEXTS.items()
            },
        }
    for kind, found in result["sentences"].items():
        print(f"{kind}: {found['tokens']} tokens")
        for name in readers:
            row = found[name]
            spread = f"({row['low_ms']:.0f} to {row['high_ms']:.0f})"
            print(f"  {name:<28}{row['median_ms']:>7.0f} ms  {spread}")
    path = Path(__file__).parent / "results" / f"serve-{asked.size}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
