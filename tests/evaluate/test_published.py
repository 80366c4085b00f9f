"""Published tests of a language, fetched from servers on this machine."""

import io
import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filiberto.corpus import languages
from filiberto.evaluate.published import BASELINE
from tests.conftest import filiberto
from tests.hub_server import Hub, running

NOUNS = {"casa": "Fem", "libro": "Masc", "porta": "Fem", "treno": "Masc"}
CARD = "---\nlicense:\n- {licence}\nlanguage: it\n---\n# A data set\n"


def trees(numbers: range) -> str:
    """`vedo la casa 17`, as CoNLL-U."""
    blocks = []
    for number in numbers:
        noun = list(NOUNS)[number % 4]
        article = "la" if NOUNS[noun] == "Fem" else "il"
        rows = [
            (1, "vedo", "vedere", "VERB", "Person=1", 0, "root"),
            (2, article, "il", "DET", f"Gender={NOUNS[noun]}", 3, "det"),
            (3, noun, noun, "NOUN", f"Gender={NOUNS[noun]}", 1, "obj"),
            (4, str(number), str(number), "NUM", "_", 3, "nummod"),
        ]
        lines = [
            f"{n}\t{form}\t{lemma}\t{upos}\t_\t{feats}\t{head}\t{deprel}\t_\t_"
            for n, form, lemma, upos, feats, head, deprel in rows
        ]
        blocks.append("\n".join([f"# text = vedo {article} {noun} {number}", *lines]) + "\n\n")
    return "".join(blocks)


def names(numbers: range) -> bytes:
    """`vedo Anna 17`, as WikiANN's parquet."""
    tokens = [["vedo", ["Anna", "Roma"][n % 2], str(n)] for n in numbers]
    labels = [[0, [1, 5][n % 2], 0] for n in numbers]
    buffer = io.BytesIO()
    pq.write_table(pa.table({"tokens": tokens, "ner_tags": labels, "langs": tokens}), buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def treebanks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """A host of treebanks, of which ISDT has nothing to learn from, and what it is asked."""
    root = tmp_path_factory.mktemp("ud")
    for name, parts in {
        "ISDT": {"test": range(9)},
        "ParTUT": {"train": range(40), "dev": range(40, 50), "test": range(50, 60)},
    }.items():
        folder = root / f"UD_Italian-{name}" / "r2.18"
        folder.mkdir(parents=True)
        for part, numbers in parts.items():
            path = folder / f"it_{name.lower()}-ud-{part}.conllu"
            path.write_text(trees(numbers), encoding="utf-8")
        (folder / "README.md").write_text("# Summary\n\n<pre>\nLicense: CC BY-NC-SA 4.0\n</pre>\n")
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization')}")

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def hub(mini_run: Path) -> Iterator[Hub]:
    model = {path.name: path.read_bytes() for path in (mini_run / "model").iterdir()}
    wikiann = {
        "README.md": CARD.format(licence="unknown").encode(),
        "it/train-00000-of-00001.parquet": names(range(40)),
        "it/validation-00000-of-00001.parquet": names(range(40, 50)),
        "it/test-00000-of-00001.parquet": names(range(50, 60)),
        "te/test-00000-of-00001.parquet": names(range(3)),
    }
    pairs = "sen\twrong_sen\tphenomenon\nAnna legge.\tAnna leggono.\tSV-#\n"
    multiblimp = {"README.md": CARD.format(licence="cc-by-4.0").encode(), "ita/data.tsv": pairs}
    data = {
        "unimelb-nlp/wikiann": wikiann,
        "jumelet/multiblimp": {
            k: v if isinstance(v, bytes) else v.encode() for k, v in multiblimp.items()
        },
    }
    with running(Hub(datasets=data, models={BASELINE: model})) as server:
        yield server


def reaching(hub: Hub, treebanks: str, home: Path) -> dict[str, str]:
    """The environment of a command."""
    return {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.token,
        "HF_HOME": str(home),
        "UD_ENDPOINT": treebanks,
    }


def test_benchmarks_of_a_language_are_fetched_once_measured_and_named_with_their_licences(
    hub: Hub, treebanks: tuple[str, list[str]], mini_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(mini_run, run)
    env = reaching(hub, treebanks[0], tmp_path / "home")
    done = filiberto("evaluate", run, "--language", "it", "--benchmarks", env=env)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((run / "report" / "metrics.json").read_text())
    assert metrics["published"] == [
        ["UD_Italian-ParTUT", "CC BY-NC-SA 4.0"],
        ["WikiANN-it", "unknown"],
        ["MultiBLiMP-ita", "cc-by-4.0"],
    ]
    named = "UD_Italian-ParTUT (CC BY-NC-SA 4.0), WikiANN-it (unknown), MultiBLiMP-ita (cc-by-4.0)"
    assert f"published data: {named}" in done.stdout
    assert f"Published data: {named}." in (run / "report" / "report.html").read_text()
    found = {entry["measure"]: entry for entry in metrics["probes"]}
    assert list(found) == ["UPOS", "UFeats", "LAS", "UAS", "F1"]
    assert [found[name]["data"] for name in ("UPOS", "F1")] == ["UD_Italian-ParTUT", "WikiANN-it"]
    sentences = [found["F1"][f"{part}_sentences"] for part in ("train", "dev", "test")]
    assert sentences == [40, 10, 10]
    assert metrics["pairs"][0] | {"right": 0, "accuracy": 0, "low": 0, "high": 0} == {
        "phenomenon": "SV-#", "count": 1, "right": 0, "accuracy": 0, "low": 0, "high": 0
    }  # fmt: skip
    assert [other["name"] for other in metrics["against"]] == [BASELINE]
    page = run / "report" / "report.html"
    assert "UD_Italian-ParTUT (CC BY-NC-SA 4.0)" in page.read_text()
    # Only what is measured on was fetched, and nobody but the Hub saw the token.
    assert not [path for _, path, *_ in hub.requests if "/te/" in path]
    assert hub.token not in "".join(treebanks[1])

    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "UD_ENDPOINT": "http://127.0.0.1:9"}
    shutil.rmtree(run / "report")
    again = filiberto("evaluate", run, "--language", "it", "--benchmarks", env=env | nowhere)
    assert again.returncode == 0, again.stderr
    assert json.loads((run / "report" / "metrics.json").read_text()) == metrics


def test_without_a_network_all_that_is_missing_is_named_and_what_to_do(
    hub: Hub, mini_run: Path, tmp_path: Path
) -> None:
    nowhere = "http://127.0.0.1:9"
    env = reaching(hub, nowhere, tmp_path / "home") | {"HF_ENDPOINT": nowhere}
    run = tmp_path / "run"
    shutil.copytree(mini_run, run)
    done = filiberto("evaluate", run, "--language", "it", "--benchmarks", env=env)
    assert done.returncode == 75
    for name in ("UD_Italian-ISDT", "unimelb-nlp/wikiann", "jumelet/multiblimp", BASELINE):
        assert name in done.stderr
    assert "--treebank FOLDER" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--benchmarks"], "none is said"),
        (
            ["--language", "lmo", "--entities", "wikiann", "--pairs", "multiblimp"],
            "MultiBLiMP has no Lombard",
        ),
        (["--treebank", "UD_Italian-Nothing"], "has no treebank UD_Italian-Nothing"),
        (["--treebank", "UD_Italian-ISDT"], "has no treebank UD_Italian-ISDT with a train"),
    ],
)
def test_what_is_not_published_is_said(
    arguments: list[str],
    said: str,
    hub: Hub,
    treebanks: tuple[str, list[str]],
    mini_run: Path,
    tmp_path: Path,
) -> None:
    env = reaching(hub, treebanks[0], tmp_path / "home")
    run = tmp_path / "run"
    shutil.copytree(mini_run, run)
    done = filiberto("evaluate", run, *arguments, env=env)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr


def test_every_treebank_of_the_table_names_its_repository_and_files() -> None:
    treebanks = list(languages.all_treebanks())
    assert len(treebanks) > 340
    for treebank in treebanks:
        repository, prefix = treebank.split("/")
        assert repository.startswith("UD_")
        assert prefix.partition("_")[2] == repository.partition("-")[2].lower()
