"""How fast the command answers: `--help`, and `fill` beside importing the model class alone.

    python benchmarks/startup.py [RUN]      RUN: a finished run, for `fill`; default runs/demo

Interleaved, medians of nine; JSON into benchmarks/results/startup.json.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUN = sys.argv[1] if len(sys.argv) > 1 else "runs/demo"
REPEATS = 9
FILIBERTO = [sys.executable, "-m", "filiberto"]
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "help": [*FILIBERTO, "--help"],
    "stage_help": [*FILIBERTO, "train", "--help"],
    "import_model_class": [sys.executable, "-c", "from transformers import RobertaForMaskedLM"],
    "fill_mask": [*FILIBERTO, "fill", RUN, "ciao <mask> va?"],
    "fill_word": [*FILIBERTO, "fill", RUN, "ciao ___ va?"],
}


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    if not Path(RUN, "model").is_dir():
        sys.exit(f"{RUN} holds no model; make one first: make demo")
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(REPEATS):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    result = {
        name: {
            "median_s": round(statistics.median(values), 3),
            "min_s": round(min(values), 3),
            "max_s": round(max(values), 3),
        }
        for name, values in times.items()
    }
    for name, row in result.items():
        print(f"{name:<20}{row['median_s']:7.3f} s   ({row['min_s']:.3f} to {row['max_s']:.3f})")
    path = Path(__file__).parent / "results" / "startup.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
