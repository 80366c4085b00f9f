"""What this machine can do for a training, and what would help: `filiberto doctor`.

torch, the system, the disk, the environment -> Findings -> lines, advice
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from filiberto.console import say

_PACKAGES = ("torch", "transformers", "tokenizers", "daft", "huggingface_hub")
_GIGABYTE = 1e9


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found.

    Attributes:
        device: where training will run, with `precision`, `attention`, `compile`.
        cores: of the processor, as far as this process may use them.
        threads: that torch computes with.
        memory_gb: of the machine; None where the system does not tell.
        gpu: its name as torch has it; None without one.
        gpu_memory_gb: of the first GPU.
        gpus: how many there are.
        bf16: whether the device computes it natively.
        driver: whether an NVIDIA driver is there, seen by torch or not.
        cuda: the version that torch was built for; None for a build without.
        disk_gb: free where the command runs.
        token: whether the Hub's client finds a token; never the token itself.
        offline: whether the Hub's client is told to stay offline.
        versions: of the packages that matter; None where one is missing.
    """

    device: str
    precision: str
    attention: str
    compile: bool
    processor: str
    cores: int
    threads: int
    memory_gb: float | None
    gpu: str | None
    gpu_memory_gb: float | None
    gpus: int
    bf16: bool
    driver: bool
    cuda: str | None
    disk_gb: float
    token: bool
    offline: bool
    versions: dict[str, str | None]


def find() -> Findings:
    """Ask torch, the system and the environment; nothing is sent anywhere."""
    import torch
    from huggingface_hub import constants, get_token

    from filiberto.train.hardware import find_hardware

    machine = find_hardware()
    has_gpu = torch.cuda.is_available()
    return Findings(
        device=machine.device,
        precision=machine.precision,
        attention=machine.attention,
        compile=machine.compile,
        processor=f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        cores=_cores(),
        threads=machine.threads,
        memory_gb=_gigabytes("cpu"),
        gpu=torch.cuda.get_device_name() if has_gpu else None,
        gpu_memory_gb=_gigabytes("cuda") if has_gpu else None,
        gpus=torch.cuda.device_count() if has_gpu else 0,
        bf16=machine.precision == "bf16",
        driver=shutil.which("nvidia-smi") is not None,
        cuda=torch.version.cuda,
        disk_gb=shutil.disk_usage(Path.cwd()).free / _GIGABYTE,
        token=get_token() is not None,
        offline=constants.HF_HUB_OFFLINE,
        versions={name: _version(name) for name in _PACKAGES},
    )


def advice(found: Findings) -> list[str]:
    """What would help, most useful first."""
    lines = []
    if found.driver and found.gpu is None and found.cuda is None:
        lines.append("this torch is a build without CUDA: install one with it to use the GPU")
    elif found.driver and found.gpu is None:
        lines.append(
            "torch sees no GPU though there is a driver: look at CUDA_VISIBLE_DEVICES and whether "
            f"the driver is new enough for CUDA {found.cuda}"
        )
    elif found.device == "cpu":
        lines.append("a GPU: the sizes from small on are for one; tiny and mini train here")
    if found.device == "cpu" and not found.bf16:
        lines.append("a processor with bf16 (AVX512-BF16 or AMX) takes a third of the time")
    if found.device == "cpu" and found.threads < found.cores:
        lines.append(f"torch uses {found.threads} of {found.cores} cores: look at OMP_NUM_THREADS")
    if found.gpu is not None and not found.bf16:
        lines.append("this GPU has no bf16: fp16 with a scaled loss and masked attention are used")
    if found.gpus > 1:
        lines.append(
            f"all {found.gpus} GPUs train together: torchrun --nproc-per-node {found.gpus} "
            "-m filiberto train RUN"
        )
    if found.disk_gb < _LITTLE_DISK_GB:
        lines.append("more disk: text is kept once more as parquet, and two checkpoints at a time")
    if found.offline:
        lines.append("HF_HUB_OFFLINE is set: text from the Hub (--hub, --language) cannot be had")
    return lines


_LITTLE_DISK_GB = 5.0


def describe(found: Findings) -> list[str]:
    """The findings, a line each."""
    memory = "" if found.memory_gb is None else f", {found.memory_gb:.0f} GB of memory"
    gpu = "none that torch sees"
    if found.gpu is not None:
        several = f"{found.gpus} x " if found.gpus > 1 else ""
        gpu = f"{several}{found.gpu}, {found.gpu_memory_gb:.0f} GB"
    how = f"attention {found.attention}{', torch.compile' if found.compile else ''}"
    versions = [f"{name} {version or 'missing'}" for name, version in found.versions.items()]
    return [
        f"processor   {found.processor}, {found.cores} cores{memory}",
        f"GPU         {gpu}",
        f"training    on {found.device} in {found.precision}, {how}",
        f"disk        {found.disk_gb:.0f} GB free here",
        f"Hub         {'a token is set' if found.token else 'no token: open data needs none'}",
        f"versions    Python {platform.python_version()}, {', '.join(versions)}",
    ]


def run(*, as_json: bool) -> None:
    """The command."""
    found = find()
    if as_json:
        say(json.dumps({**asdict(found), "advice": advice(found)}, indent=2))
        return
    for line in describe(found):
        say(line)
    for number, line in enumerate(advice(found)):
        say(("\nwould help  " if not number else "            ") + line)


def _gigabytes(device: str) -> float | None:
    from filiberto.train.hardware import memory_bytes

    found = memory_bytes(device)
    return None if found is None else found / _GIGABYTE


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
