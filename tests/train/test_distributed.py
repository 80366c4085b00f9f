"""Several processes on this machine, over gloo, against one."""

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from filiberto.errors import UsageError
from filiberto.train.distributed import Ranks
from filiberto.train.records import read_lines
from filiberto.train.step import batches_of
from tests.conftest import with_site_code
from tests.train.conftest import SHORT, job_of

FLAGS = (
    *("--size", "tiny", "--train.row-length", "64", "--train.batch-tokens", "512"),
    *("--train.peak-lr", "3e-3", "--train.log-steps", "1", "--train.max-steps", "8"),
    *("--train.device", "cpu"),
)

# Whatever the machine is called, and whether its name leads anywhere.
LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}


def together(
    processes: int, *arguments: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Start the real command under torchrun."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torchrun = ("-m", "torch.distributed.run", "--master-addr=127.0.0.1", f"--master-port={port}")
    return subprocess.run(
        [
            *(sys.executable, *torchrun, f"--nproc-per-node={processes}"),
            *("-m", "filiberto", *map(str, arguments)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1", **LOOPBACK, **(env or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("processes", [2, 3])
def test_the_processes_share_the_rows_in_their_order(run: Path, processes: int) -> None:
    whole = torch.cat([b.input_ids for b in batches_of(job_of(run, SHORT), 3)])
    parts = [
        batch.input_ids
        for rank in range(processes)
        for batch in batches_of(
            dataclasses.replace(job_of(run, SHORT), ranks=Ranks(rank, processes)), 3
        )
    ]
    assert torch.equal(torch.cat(parts), whole)


def test_more_processes_than_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="a batch of 4 rows cannot be shared by 5 processes"):
        Ranks(0, 5).share(0, 4)


def test_two_processes_learn_what_one_learns(run: Path, tmp_path: Path) -> None:
    other = shutil.copytree(run, tmp_path / "other")
    for folder, processes in ((run, 1), (other, 2)):
        done = together(processes, "train", folder, *FLAGS)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("model: modernbert tiny") == 2  # one process speaks
        assert (folder / "model" / "model.safetensors").is_file()
    lines, two = (
        [line for line in read_lines(folder / "metrics.jsonl") if "loss" in line]
        for folder in (run, other)
    )
    assert len(lines) == len(two) == 8
    for one, both in zip(lines, two, strict=True):
        assert both["loss"] == pytest.approx(one["loss"], rel=1e-3)
        assert both["gradient_norm"] == pytest.approx(one["gradient_norm"], rel=1e-2)


def test_what_two_processes_have_begun_one_ends(run: Path) -> None:
    done = together(2, "train", run, *FLAGS, "--train.max-steps", "3", "--force")
    assert done.returncode == 0, done.stderr
    done = together(2, "train", run, *FLAGS, "--train.max-steps", "3")
    assert done.returncode == 0, done.stderr  # nothing to do, for both


# The second process is killed, or stands still, just before its fifth step.
LOST = """
import os, signal
from filiberto.train import distributed, loop

distributed.LOST_SECONDS = 15.0
real = loop.train_step

def step(job, number, *rest, **more):
    if number == 4 and "stopping" in more and os.environ.get("RANK") == "1":
        os.kill(os.getpid(), getattr(signal, SIGNAL))
    return real(job, number, *rest, **more)

loop.train_step = step
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["SIGKILL", *(["SIGSTOP"] if os.environ.get("FAULTS") == "full" else [])]
)  # one that stands still is waited for, a minute in all
def test_a_lost_process_ends_the_others_and_all_go_on_later(
    run: Path, tmp_path: Path, name: str
) -> None:
    flags = (*FLAGS, "--train.checkpoint-steps", "2")
    env = with_site_code(tmp_path, LOST.replace("SIGNAL", repr(name)))
    done = together(2, "train", run, *flags, env=env)
    assert done.returncode != 0
    if name == "SIGSTOP":  # of one that is killed torchrun tells, and may be first
        assert "has not answered for 15 s" in done.stderr
    assert (run / "checkpoints" / "step-00000004").is_dir()
    done = together(2, "train", run, *flags)
    assert done.returncode == 0, done.stderr
    assert "going on after step 4 of 8" in done.stdout


# The second process has room for two rows and no more.
LITTLE_ROOM = """
import os
if os.environ.get("RANK") == "1":
    import torch
    from filiberto.train import model

    real = model.MaskedLoss.forward

    def forward(self, batch):
        if len(batch.input_ids) > 2:
            raise torch.OutOfMemoryError
        return real(self, batch)

    model.MaskedLoss.forward = forward
"""


def test_what_does_not_fit_one_process_is_found_before_the_first_step(
    run: Path, tmp_path: Path
) -> None:
    extra = with_site_code(tmp_path, LITTLE_ROOM)
    done = together(2, "train", run, *FLAGS, "--train.max-steps", "3", env=extra)
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "plan.json").read_text())["micro_rows"] == 2


# The first process finds itself fast, the second slow.
UNEQUAL = """
import os
from filiberto.train import flops

flops.product_rate = lambda *_, **__: 1e15 if os.environ.get("RANK") == "0" else 1e6
"""


def test_processes_of_unequal_speed_choose_one_size(run: Path, tmp_path: Path) -> None:
    extra = with_site_code(tmp_path, UNEQUAL)
    flags = (*FLAGS[2:], "--train.max-steps", "2")
    done = together(2, "train", run, *flags, env=extra)
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "plan.json").read_text())["size"] == "mini"


def test_other_commands_are_for_one_process(run: Path) -> None:
    done = together(2, "tokens", run)
    assert done.returncode != 0
    assert "several processes (torchrun) share `filiberto train` alone" in done.stderr
