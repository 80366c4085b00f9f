"""Which operators a training step spends its time in, by PyTorch's profiler.

    python benchmarks/step_profile.py --run RUN [--cases small:128:32768 small:512:32768]

Cases are those of `step.py`; the shares are of the time inside operators, of the third step.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter
from pathlib import Path

from step import prepared
from step_turn import Turn
from torch.profiler import ProfilerActivity, profile

from filiberto.train import hardware
from filiberto.train.step import batches_of, train_step

# The first that an operator's name contains.
KINDS = {
    "products of attention and Muon": r"bmm|baddbmm|matmul",
    "matrix products": r"::(mm|addmm|linear)",
    "attention's kernel": r"scaled_dot|flash|varlen",
    "softmax": r"softmax|logsumexp|logaddexp",
    "activation": r"gelu",
    "norms": r"norm",
    "embeddings": r"embedding|index",
    "casts and copies": r"copy|clone|::to$|cat|fill|zero",
    "other elementwise work": r"",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="a run with tokens of 30,522 entries")
    parser.add_argument("--cases", nargs="+", default=["small:128:32768", "small:512:32768"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        run = arguments.run or prepared(Path(place), ["builtin:phrasebook"])
        for case in arguments.cases:
            shares = profiled(run, case)
            print(case, *(f"{share:6.1%}  {kind}" for kind, share in shares), sep="\n", flush=True)


def profiled(run: Path, case: str) -> list[tuple[str, float]]:
    hardware.keep_freed_memory()
    job = Turn(run, case, "cpu").job()
    for number in range(2):
        train_step(job, number, batches_of(job, number))
    with profile(activities=[ProfilerActivity.CPU]) as found:
        train_step(job, 2, batches_of(job, 2))
    spent: Counter[str] = Counter()
    for event in found.key_averages():
        kind = next(kind for kind, names in KINDS.items() if re.search(names, event.key))
        spent[kind] += event.self_cpu_time_total
    return [(kind, time / spent.total()) for kind, time in spent.most_common()]


if __name__ == "__main__":
    main()
