"""What reads our own formats, and those that a user hands in, under a coverage-guided fuzzer."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.conftest import Tally

MAX_BYTES = 4096
RUNS = {
    "shard": 3_000,
    "checkpoint": 4_000,
    "stage": 4_000,
    "records": 3_000,
    "recipe": 3_000,
    "prompts": 5_000,
    "pairs": 5_000,
    "marks": 5_000,
    "trees": 2_000,
    "entities": 1_000,
    "classes": 1_000,
    "tokenizer": 3_000,
    "configuration": 1_000,
}

LABELLED = {
    "trees": b"# text = va\n1\tva\tva\tVERB\t_\tA=B|C=D\t0\troot\t_\t_\n2-3" + b"\t_" * 9 + b"\n",
    "entities": b"Regno\tB-LOC\nUnito\tI-LOC\n\nva O\n",
    "classes": "è bello\t1\nè brutto\t0\n".encode(),
}

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is not installed (Linux only)"
)


def seeds(reader: str, run: Path) -> list[bytes]:
    """Sound files, from which the fuzzer begins."""
    newest = max((run / "checkpoints").glob("step-*"))
    files = {
        "shard": [next((run / "tokens").glob("validation-*.tokens"))],
        "checkpoint": [newest / "MANIFEST.json"],
        "stage": [run / "tokens" / "manifest.json"],
        "records": [run / "metrics.jsonl"],
        "recipe": [Path("src/filiberto/recipes/demo.toml")],
        "prompts": [Path("src/filiberto/recipes/prompts-it.toml")],
        "configuration": [run / "model" / "config.json"],
    }
    if reader == "tokenizer":
        from filiberto.tokenizer.bpe import new_tokenizer

        small = new_tokenizer(split="script", cut_after_apostrophe=True)
        small.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
        config = (run / "tokenizer" / "tokenizer_config.json").read_bytes()
        return [small.to_str().encode() + b"\x1e" + config]
    if reader in LABELLED:
        return [LABELLED[reader]]
    if reader == "pairs":
        layouts = (
            "good\tbad\tphenomenon\nAnna va\tAnna vado\tperson\n",
            'sen\twrong_sen\tphenomenon\n"Lei ""va"""\tLei vado\tSV-P\n',
            "pattern\tform\tclass\tprefix\tsent\n"
            "A\tva\tcorrect\tlei\tlei dice <eos>\nA\tvado\twrong\tlei\tlei dice <eos>\n",
        )
        return [layout.encode() for layout in layouts]
    if reader == "marks":
        mark = {"text": "ciao <mask>", "hole": 1, "word": "come", "mark": "right"}
        note = {"text": "ciao <mask>", "note": "bene"}
        head = {"format": "filiberto-marks", "version": 1}
        return [json.dumps({**head, "marks": [mark], "notes": [note]}).encode()]
    return [path.read_bytes() for path in files[reader]]


@pytest.mark.parametrize("reader", RUNS)
def test_nothing_crashes_a_reader(
    reader: str, mini_run: Path, tmp_path: Path, full: bool, tally: Tally
) -> None:
    folder = tmp_path / "seeds"
    folder.mkdir()
    deep = b"[" * MAX_BYTES, b'{"a":' * (MAX_BYTES // 5), b"a = " + b"[" * (MAX_BYTES - 4)
    for number, data in enumerate((*seeds(reader, mini_run), *deep)):
        (folder / f"seed-{number}").write_bytes(data)
    runs = RUNS[reader] * (50 if full else 1)
    options = f"-runs={runs}", f"-max_len={MAX_BYTES}", "-seed=1", f"-artifact_prefix={tmp_path}/"
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.fuzz", reader, str(folder), *options],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    found = re.search(r"Done (\d+) (runs|in)", done.stderr)
    assert found, done.stderr[-500:]
    assert int(found[1]) >= runs
    tally.add("fuzz", readers=1, trials=runs)
