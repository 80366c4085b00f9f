"""What this machine can do: asked, not assumed."""

from __future__ import annotations

import ctypes
import os
import platform
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch

from filiberto.config import TrainConfig
from filiberto.errors import UsageError

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Where training runs, in which number format and by which means."""

    device: Literal["cpu", "cuda", "mps"]
    precision: Literal["bf16", "fp16", "fp32"]
    name: str
    threads: int
    attention: Literal["varlen", "sdpa"] = "sdpa"
    compile: bool = False

    @property
    def muon_dtype(self) -> torch.dtype:
        """Of Muon's products, which do not need more than bf16."""
        return torch.bfloat16 if self.precision == "bf16" else torch.float32


def find_hardware(
    *,
    device: str = "auto",
    precision: str = "auto",
    attention: str = "auto",
    compile: bool | str = "auto",
    dropout: float = 0.0,
) -> Hardware:
    """Resolve the settings of these names on this machine.

    bf16 is taken only where it is native: `torch.cuda.is_bf16_supported()` also says yes to cards
    that emulate it, and CPUs without the instructions run it a hundred times slower than fp32.

    Raises:
        UsageError: a GPU is asked for and there is none, or attention that it does not have.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        device = next(name for name, is_there in there.items() if is_there)
    if not there[device]:
        raise UsageError(
            f"train.device is '{device}', but torch sees no such GPU here",
            hint="leave it out, or: --train.device cpu",
        )
    if precision == "auto":
        native = _cuda_bf16() if device == "cuda" else device == "cpu" and _cpu_bf16()
        precision = "bf16" if native else "fp16" if device == "cuda" else "fp32"
    possible = (
        device == "cuda" and _cuda_bf16() and precision != "fp32" and not dropout and _has_varlen()
    )
    if attention == "varlen" and not possible:
        raise UsageError(
            "train.attention 'varlen' needs an NVIDIA GPU of 2020 or later, half precision "
            "and no dropout",
            hint="leave it out, or: --train.attention sdpa",
        )
    return Hardware(
        device=device,  # type: ignore[arg-type]
        precision=precision,  # type: ignore[arg-type]
        name=torch.cuda.get_device_name() if device == "cuda" else _cpu_name(),
        threads=torch.get_num_threads(),
        attention="varlen" if possible and attention != "sdpa" else "sdpa",
        compile=device == "cuda" if compile == "auto" else bool(compile),
    )


def hardware_for(settings: TrainConfig) -> Hardware:
    """What the settings of a training come to on this machine.

    Raises:
        UsageError: see `find_hardware`.
    """
    return find_hardware(
        device=settings.device,
        precision=settings.precision,
        attention=settings.attention,
        compile=settings.compile,
        dropout=settings.dropout,
    )


def _has_varlen() -> bool:
    return find_spec("torch.nn.attention.varlen") is not None


def memory_bytes(device: str) -> float | None:
    """Of the first GPU or of the machine; None where the system does not tell."""
    if device == "cuda":
        return float(torch.cuda.mem_get_info()[1])
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return None


def keep_freed_memory() -> None:
    """Let the C library keep what a step frees for the next step (glibc; elsewhere nothing).

    Otherwise large tensors go back to the system at every step, and their pages are cleared anew
    when they are asked for again: a quarter of a small model's step on a CPU (docs/log.md). Up to
    2 GB stay with the process.

    Source:
        mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def environment(hardware: Hardware) -> dict[str, Any]:
    """What a run's exactness depends on, for environment.json."""
    import numpy
    import tokenizers
    import transformers

    return {
        **asdict(hardware),
        "processor": _processor(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "numpy": numpy.__version__,
    }


def _processor() -> str:
    """The model of the CPU, as Linux names it; elsewhere its kind."""
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        if found := re.search(r"^model name\s*: (.+)$", text, re.MULTILINE):
            return found[1]
    return platform.processor()


def _cuda_bf16() -> bool:
    return torch.cuda.get_device_capability() >= (8, 0)


def _cpu_bf16() -> bool:
    # AVX2 machines have neither. torch.cpu.get_capabilities tells it openly, but not before 2.12.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _cpu_name() -> str:
    return f"{platform.machine()} CPU ({torch.backends.cpu.get_cpu_capability()})"
