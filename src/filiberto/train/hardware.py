"""What this machine can do: asked, not assumed."""

from __future__ import annotations

import ctypes
import platform
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from filiberto.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Where training runs and in which number format."""

    device: Literal["cpu", "cuda"]
    precision: Literal["bf16", "fp32"]
    name: str
    threads: int


def find_hardware(*, device: str, precision: str) -> Hardware:
    """Resolve the settings `device` and `precision` on this machine.

    bf16 is taken only where it is native: `torch.cuda.is_bf16_supported()` also says yes to cards
    that emulate it, and CPUs without the instructions run it a hundred times slower than fp32.

    Raises:
        UsageError: a GPU is asked for and there is none.
    """
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise UsageError(
            "train.device is 'cuda', but torch sees no GPU here",
            hint="leave it out, or: --train.device cpu",
        )
    use_cuda = cuda and device != "cpu"
    native = _cuda_bf16() if use_cuda else _cpu_bf16()
    chosen = ("bf16" if native else "fp32") if precision == "auto" else precision
    return Hardware(
        device="cuda" if use_cuda else "cpu",
        precision="bf16" if chosen == "bf16" else "fp32",
        name=torch.cuda.get_device_name() if use_cuda else _cpu_name(),
        threads=torch.get_num_threads(),
    )


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
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "numpy": numpy.__version__,
    }


def _cuda_bf16() -> bool:
    return torch.cuda.get_device_capability() >= (8, 0)


def _cpu_bf16() -> bool:
    # AVX512-BF16 or AMX; AVX2 machines have neither.
    probe = getattr(torch.cpu, "get_capabilities", None)  # absent before torch 2.12
    found = probe() if probe else {}
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def _cpu_name() -> str:
    return f"{platform.machine()} CPU ({torch.backends.cpu.get_cpu_capability()})"
