"""A model as ONNX: for onnxruntime anywhere, and for browsers.

    model/  ->  transformers.exporters  ->  export/onnx/model.onnx            fp32
                                        ->  export/onnx/model_quantized.onnx  int8 weights
            ->  export/config.json, tokenizer...

The layout and the names of inputs and outputs are those that transformers.js and optimum look for.
Both files hold their weights, as browsers want them. What int8 costs is measured, not assumed.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from filiberto import extras
from filiberto.console import progress, say
from filiberto.errors import StateError
from filiberto.evaluate.bits import bits_per_byte
from filiberto.evaluate.comparison import some_documents
from filiberto.evaluate.elsewhere import model_folder
from filiberto.evaluate.kept import digest_of
from filiberto.evaluate.model import Reader, load_reader
from filiberto.publish.exported import EXPORT_FILE, FOLDER, FP32, INT8
from filiberto.runfolder import manifest, safeio

INPUTS, OUTPUTS = ("input_ids", "attention_mask"), ("logits",)
AXES = ("batch_size", "sequence_length")
"""Of the inputs, as optimum calls them."""

MOST_LOGITS_APART = 1e-4
"""Between PyTorch and ONNX in fp32."""

_BESIDE = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_MEASURED_BYTES = 100_000
_WORD_SHARE = 0.15
_TIMED = 9


@dataclass(frozen=True)
class OnnxReader(Reader):
    """A masked language model that onnxruntime computes.

    Attributes:
        session: of the file; takes `input_ids` and `attention_mask`, gives `logits`.
    """

    session: Any

    def logits(self, ids: Tensor, seen: Tensor) -> Tensor:
        """`[rows, tokens, vocab]` of ids and of what is no padding, both `[rows, tokens]`."""
        feed = dict(zip(INPUTS, (ids.numpy(), seen.numpy()), strict=True))
        return torch.from_numpy(self.session.run(OUTPUTS, feed)[0])

    def _scores(self, rows: list[list[int]], places: list[list[int]], chosen: list[int]) -> Tensor:
        ids, seen = self.padded([rows[i] for i in chosen])
        row_index = [n for n, i in enumerate(chosen) for _ in places[i]]
        place_index = [place for i in chosen for place in places[i]]
        return torch.log_softmax(self.logits(ids, seen)[row_index, place_index], dim=-1)


def export(run: Path) -> None:
    """The command `filiberto export RUN --onnx`: write the folder, measure it and tell.

    Raises:
        UsageError: the packages for it are not installed.
        UnfinishedStageError: there is no finished model.
        StateError: what ONNX computes is not what PyTorch computes.
    """
    extras.require("onnx", "onnx", "onnxscript", "onnxruntime", command="export")
    reader = load_reader(run)
    with safeio.new_folder(run / FOLDER) as folder:
        write(folder, model_folder(run), reader)
        readers = {name: open_onnx(folder / name, reader) for name in (FP32, INT8)}
        apart = logits_apart(reader, readers[FP32])
        if not apart <= MOST_LOGITS_APART:
            raise StateError(
                f"the logits of {FP32} are {apart:.2g} apart from PyTorch's, more than "
                f"{MOST_LOGITS_APART:g}",
                hint="the versions of torch, transformers and onnx may not fit each other",
            )
        rows = list(_measured(run, folder, {"PyTorch": reader, **readers}))
        facts = {"model": digest_of(model_folder(run)), "logits_apart": apart, "files": rows}
        safeio.write_json(folder / EXPORT_FILE, facts)
    for line in _table(rows, apart):
        say(line)
    say(f"\n{run / FOLDER} loads in onnxruntime, optimum and transformers.js")


def write(folder: Path, model: Path, reader: Reader) -> None:
    """Write both files, and beside them the configuration and the tokenizer.

    Args:
        folder: an empty one.
        model: folder of the model.
        reader: of the same.
    """
    for name in _BESIDE:
        if (model / name).is_file():
            shutil.copyfile(model / name, folder / name)
    (folder / "onnx").mkdir()
    with _quietly():
        import onnx_ir
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from transformers.exporters.configs import OnnxConfig
        from transformers.exporters.exporter_onnx import OnnxExporter

        inputs: dict[str, Any] = dict(zip(INPUTS, reader.padded(_rows(reader)[:2]), strict=True))
        network: Any = reader.model
        exported = OnnxExporter().export(network, inputs, config=OnnxConfig(dynamic=True))
        for node in exported.program.graph.all_nodes():
            node.metadata_props.clear()  # where in which file of this machine it comes from
        _name_axes(exported.program.graph)
        onnx_ir.save(exported.program, str(folder / FP32))
        quantize_dynamic(
            folder / FP32, folder / INT8, weight_type=QuantType.QInt8, per_channel=True
        )


def _name_axes(graph: Any) -> None:
    """Call the axes of any length by what they are, throughout an `onnx_ir.Graph`."""
    called = {
        str(axis): name
        for value in graph.inputs
        for axis, name in zip(value.shape, AXES, strict=True)
    }
    inner = (value for node in graph.all_nodes() for value in node.outputs)
    for value in (*graph.inputs, *graph.outputs, *inner):
        for number, axis in enumerate(value.shape or ()):
            if str(axis) in called:
                value.shape[number] = called[str(axis)]


def open_onnx(path: Path, reader: Reader) -> OnnxReader:
    """Open a file with the tokenizer of a reader of the same model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return OnnxReader(reader.model, reader.tokenizer, reader.special_tokens, session)


@torch.no_grad()
def logits_apart(reader: Reader, other: OnnxReader) -> float:
    """The largest difference of logits over rows of several lengths, padding aside."""
    ids, seen = reader.padded(_rows(reader))
    network: Any = reader.model
    ours = network(input_ids=ids, attention_mask=seen).logits
    return float((ours - other.logits(ids, seen))[seen.bool()].abs().max())


def _rows(reader: Reader) -> list[list[int]]:
    """Some rows of ids of several lengths, with a hole in each, up to the longest."""
    draw = np.random.default_rng(0)
    specials = reader.special_ids
    size = reader.tokenizer.get_vocab_size()
    rows = []
    for length in (5, min(33, reader.max_length), reader.max_length):
        inner = draw.integers(len(specials), size, length - 2)
        inner[len(inner) // 2] = specials["<mask>"]
        rows.append([specials["<s>"], *map(int, inner), specials["</s>"]])
    return rows


def _measured(run: Path, folder: Path, readers: dict[str, Reader]) -> Iterator[dict[str, Any]]:
    """Size, bits per byte of validation text where there is some, and seconds for a sentence."""
    documents: list[tuple[str, str]] = []
    if manifest.read(run / "corpus") is not None:
        documents += some_documents(run, max_bytes=_MEASURED_BYTES)
    for name, reader in readers.items():
        file = model_folder(run) / "model.safetensors" if name == "PyTorch" else folder / name
        found: dict[str, Any] = {"name": name, "bytes": file.stat().st_size}
        if documents:
            total = sum(len(text.encode()) for _, text in documents)
            with progress(f"measuring {name}", total=total, unit="bytes") as advance:
                score = bits_per_byte(reader, documents, share=_WORD_SHARE, advance=advance)
            found["bits_per_byte"] = score.bits_per_byte
        yield {**found, "milliseconds": 1_000 * _seconds(lambda r=reader: _one_sentence(r))}


def _one_sentence(reader: Reader) -> None:
    row = _rows(reader)[1]
    reader.log_probabilities([row], [[len(row) // 2]])


def _seconds(work: Callable[[], None]) -> float:
    work()  # the first time is dearer
    times = []
    for _ in range(_TIMED):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _table(rows: Sequence[dict[str, Any]], apart: float) -> Iterator[str]:
    yield f"{'':<28}{'MB':>9}{'bits per byte':>15}{'ms a sentence':>15}"
    for row in rows:
        bits = f"{row['bits_per_byte']:.3f}" if "bits_per_byte" in row else "–"
        yield f"{row['name']:<28}{row['bytes'] / 1e6:>9.1f}{bits:>15}{row['milliseconds']:>15.1f}"
    yield ""
    yield f"fp32: logits within {apart:.1g} of PyTorch's"
    first, *_, last = (row.get("bits_per_byte") for row in rows)
    if first and last:
        more = round(100 * (last / first - 1), 1) + 0.0  # no "-0.0"
        yield f"int8: {last:.3f} bits per byte, {first:.3f} in fp32 ({more:+.1f} %)"
    else:
        yield "int8: its cost was not measured, for there is no validation text beside the model"


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporters print of their own workings."""
    import io

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
