import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from filiberto.doctor import Findings, advice, describe
from tests.conftest import NO_NETWORK, filiberto, with_site_code

LAPTOP = Findings(
    device="cpu",
    precision="bf16",
    attention="sdpa",
    compile=False,
    processor="x86_64, AVX512",
    cores=8,
    threads=8,
    memory_gb=16.0,
    gpu=None,
    gpu_memory_gb=None,
    gpus=0,
    bf16=True,
    driver=False,
    cuda=None,
    disk_gb=100.0,
    token=False,
    offline=False,
    versions={"torch": "2.13.0", "daft": None},
)
GPU = {"device": "cuda", "gpu": "T4", "gpu_memory_gb": 15.8, "gpus": 1, "driver": True}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "a GPU: the sizes from small on"),
        ({"bf16": False, "precision": "fp32"}, "a processor with bf16"),
        ({"threads": 1}, "torch uses 1 of 8 cores: look at OMP_NUM_THREADS"),
        ({"driver": True}, "this torch is a build without CUDA"),
        ({"driver": True, "cuda": "13.0"}, "new enough for CUDA 13.0"),
        ({**GPU, "bf16": False, "precision": "fp16"}, "this GPU has no bf16: fp16"),
        ({**GPU, "gpus": 4}, "torchrun --nproc-per-node 4"),
        ({"disk_gb": 2.0}, "more disk"),
        ({"offline": True}, "HF_HUB_OFFLINE is set"),
    ],
)
def test_what_would_help_is_said(change: dict[str, Any], expected: str) -> None:
    assert any(expected in line for line in advice(dataclasses.replace(LAPTOP, **change)))


def test_a_machine_that_lacks_nothing_gets_no_advice() -> None:
    assert advice(dataclasses.replace(LAPTOP, **GPU, cuda="13.0")) == []


def test_several_gpus_and_missing_packages_are_shown() -> None:
    lines = "\n".join(describe(dataclasses.replace(LAPTOP, **{**GPU, "gpus": 2})))
    assert "2 x T4, 16 GB" in lines
    assert "daft missing" in lines


def test_the_command_tells_people_and_programs_and_nobody_else(tmp_path: Path) -> None:
    env = {**with_site_code(tmp_path, NO_NETWORK), "HF_TOKEN": "hf_canary"}
    plain, as_json = (filiberto("doctor", *flags, env=env) for flags in ((), ("--json",)))
    assert plain.returncode == as_json.returncode == 0, plain.stderr + as_json.stderr
    assert "training    on " in plain.stdout
    assert "a token is set" in plain.stdout
    found = json.loads(as_json.stdout)
    assert found["token"] is True
    assert found["versions"]["torch"]
    assert "canary" not in plain.stdout + plain.stderr + as_json.stdout + as_json.stderr


def test_a_flag_it_does_not_have_is_refused() -> None:
    done = filiberto("doctor", "--jsno")
    assert done.returncode == 2
    assert "--jsno" in done.stderr
    assert "filiberto doctor [--json]" in done.stderr
