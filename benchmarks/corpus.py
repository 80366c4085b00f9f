"""How fast the corpus stage is, what it needs, and how both grow.

    python benchmarks/corpus.py CORPORA [--scales 1 2 4] [--peer-share 0.04] [--repeats 3]

CORPORA is a folder of text, a document a line, for which --language (default it) names the
language. In one run, interleaved, each in a process of its own:

- `peer`: the same rules written with datasets.map/filter and datasketch, on every so many-th
  document (it is too slow for all of them; --peer-share);
- `daft`: Daft alone reads the text, hashes it (112 permutations) and writes parquet;
- `cheap`: the stage without language identification and n-gram repetition;
- `all`: the stage as it comes;
- `all x 2`, `all x 4`: on the text and perturbed copies of it.

Ratios are of CPU seconds. Needs the extra: pip install '.[bench]'. JSON into
benchmarks/results/corpus.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa

RESULT = Path(__file__).parent / "results" / "corpus.json"
FILIBERTO = [sys.executable, "-m", "filiberto"]
DAFT_ALONE = """
import os, sys
os.environ["DO_NOT_TRACK"] = "1"
import daft
from daft.functions import minhash
rows = daft.read_text(sys.argv[1] + "/**/*.txt*")
hashed = minhash(rows["text"], num_hashes=112, ngram_size=5, hash_function="xxhash3_64")
rows.with_column("signature", hashed).write_parquet(sys.argv[2])
"""


def main() -> None:
    arguments = parsed()
    work = Path(tempfile.mkdtemp(prefix="filiberto-bench-"))
    try:
        source = Path(arguments.corpora)
        texts = {n: apart(scaled, source, work / f"x{n}", n) for n in arguments.scales}
        share = apart(sampled, source, work / "share", arguments.peer_share)
        runs = commands(work, texts, share, arguments.language)
        figures: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
        for _ in range(arguments.repeats):
            for name, command in runs.items():
                figures[name].append(measured(command, work / "out"))
        result = summed(figures, texts, share)
    finally:
        shutil.rmtree(work)
    show(result)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def apart(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in another process: what we start inherits our peak of memory."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora")
    parser.add_argument("--language", default="it")
    parser.add_argument("--scales", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--peer-share", type=float, default=0.04)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def commands(
    work: Path, texts: dict[int, Path], share: Path, language: str
) -> dict[str, list[str]]:
    def stage(text: Path, *more: str) -> list[str]:
        return [*FILIBERTO, "corpus", str(work / "out"), "--text", str(text), *more]

    known = ("--language", language)
    peer = [sys.executable, str(Path(__file__).parent / "corpus_peer.py")]
    runs = {
        "peer": [*peer, str(share), str(work / "out"), language],
        "daft": [sys.executable, "-c", DAFT_ALONE, str(texts[1]), str(work / "out")],
        "cheap": stage(texts[1], "--corpus.skip-rules", "wrong_language", "repeated_words"),
    }
    return runs | {f"all x {scale}": stage(text, *known) for scale, text in texts.items()}


def documents(folder: Path) -> list[tuple[str, list[str]]]:
    found = []
    for path in sorted(folder.rglob("*.txt*")):
        with pa.input_stream(path, compression="detect") as stream:
            found.append((path.name.split(".")[0], stream.read().decode().split("\n")[:-1]))
    return found


def scaled(source: Path, folder: Path, scale: int) -> Path:
    """The text and copies of it in which every third word is another, so that none is alike."""
    folder.mkdir(parents=True)
    for name, lines in documents(source):
        for copy in range(scale):
            text = [perturbed(line, copy) for line in lines] if copy else lines
            save(folder / f"{name}-{copy}.txt.zst", text)
    return folder


def perturbed(line: str, copy: int) -> str:
    words = line.split(" ")
    words[copy % 3 :: 3] = [f"{word[::-1]}{copy}" for word in words[copy % 3 :: 3]]
    return " ".join(words)


def sampled(source: Path, folder: Path, share: float) -> Path:
    folder.mkdir(parents=True)
    for name, lines in documents(source):
        save(folder / f"{name}.txt.zst", lines[:: max(1, round(1 / share))])
    return folder


def save(path: Path, lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(pa.compress(text, codec="zstd", asbytes=True))


def measured(command: list[str], out: Path) -> dict[str, float]:
    """Wall and CPU seconds of a command, and its peak memory in bytes."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return {
        "wall_s": time.perf_counter() - start,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
    }


def summed(
    figures: dict[str, list[dict[str, float]]], texts: dict[int, Path], share: Path
) -> dict[str, dict[str, float]]:
    sizes = {f"all x {scale}": apart(size, text) for scale, text in texts.items()}
    sizes |= {"peer": apart(size, share), "daft": sizes["all x 1"], "cheap": sizes["all x 1"]}
    result = {}
    for name, rows in figures.items():
        count, num_bytes = sizes[name]
        cpu = sorted(row["cpu_s"] for row in rows)
        middle = statistics.median(cpu)
        result[name] = {
            "documents": count,
            "MB": round(num_bytes / 1e6, 1),
            "cpu_s": round(middle, 2),
            "cpu_s_min": round(cpu[0], 2),
            "cpu_s_max": round(cpu[-1], 2),
            "wall_s": round(statistics.median(row["wall_s"] for row in rows), 2),
            "MB_per_cpu_s": round(num_bytes / 1e6 / middle, 2),
            "documents_per_cpu_s": round(count / middle, 1),
            "peak_MB": round(max(row["peak_bytes"] for row in rows) / 1e6),
            "bound_MB": round((1e9 + 250 * count) / 1e6),
        }
    rates = {name: row["documents_per_cpu_s"] for name, row in result.items()}
    result["ratios"] = {
        "all_to_peer": round(rates["all x 1"] / rates["peer"], 1),
        "cheap_to_daft_cpu": round(result["cheap"]["cpu_s"] / result["daft"]["cpu_s"], 2),
    }
    return result


def size(folder: Path) -> tuple[int, int]:
    texts = [lines for _, lines in documents(folder)]
    count = sum(map(len, texts))
    return count, sum(len(line.encode()) for lines in texts for line in lines) + count


def show(result: dict[str, dict[str, float]]) -> None:
    columns = ("documents", "MB", "cpu_s", "wall_s", "MB_per_cpu_s", "peak_MB", "bound_MB")
    print(f"{'':<10}" + "".join(f"{name:>14}" for name in columns))
    for name, row in result.items():
        if name != "ratios":
            print(f"{name:<10}" + "".join(f"{row[column]:>14,}" for column in columns))
    for name, ratio in result["ratios"].items():
        print(f"{name}: {ratio}")


if __name__ == "__main__":
    main()
