"""How well the corpus stage tells foreign text: each language's documents, judged by each language.

    python benchmarks/language.py CORPORA

CORPORA holds a folder for each language, named by its code, with .txt.zst files, a document a line.
2,000 documents of each by a stride; JSON into benchmarks/results/language.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from filiberto.corpus import identify

DOCUMENTS = 2_000


def documents(folder: Path) -> list[str]:
    lines: list[str] = []
    for path in sorted(folder.glob("*.txt.zst")):
        with pa.input_stream(path, compression="zstd") as stream:
            lines += [line for line in stream.read().decode().split("\n") if line.strip()]
    return lines[:: max(1, len(lines) // DOCUMENTS)][:DOCUMENTS]


def main() -> None:
    texts = {
        folder.name: documents(folder)
        for folder in sorted(Path(sys.argv[1]).iterdir())
        if folder.is_dir()
    }
    result = {}
    for name, lines in texts.items():
        long = np.array([len(line) >= identify.MIN_CHARACTERS for line in lines])
        foreign = {other: identify.foreign_to(other)(lines) for other in texts}
        result[name] = {
            "documents": len(lines),
            "judged": int(long.sum()),
            "called_foreign_percent": {
                other: round(100 * float(found[long].mean()), 2) for other, found in foreign.items()
            },
        }
    print(f"{'text in':<10}{'judged':>8}  called foreign, %, where the corpus is in")
    print(f"{'':<18}" + "".join(f"{name:>9}" for name in texts))
    for name, row in result.items():
        shares = "".join(f"{share:>9.2f}" for share in row["called_foreign_percent"].values())
        print(f"{name:<10}{row['judged']:>8}{shares}")
    path = Path(__file__).parent / "results" / "language.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
