"""The command `publish`, with the Hub's own client, against a Hub on this machine."""

import json
import shutil
import socket
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from huggingface_hub import constants
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from filiberto.runfolder import manifest
from tests.hub_server import Hub
from tests.publish.conftest import CANARY, QUIET_CLIENT, Publish, Published, environment

pytestmark = QUIET_CLIENT

LOGITS = """
import json, sys
from transformers import AutoModelForMaskedLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForMaskedLM.from_pretrained(sys.argv[1])
batch = tokenizer("Anna legge <mask> oggi", return_tensors="pt")
print(json.dumps(model(**batch).logits.flatten().tolist()))
"""


def writes(hub: Hub) -> list[str]:
    """The requests that would change something."""
    return [f"{method} {path}" for method, path, *_ in hub.requests if method in ("POST", "PUT")]


def test_every_file_has_its_place(published: Published) -> None:
    hub, run, told = published
    files = hub.models["me/it"]
    model = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert model < set(files)
    assert files["model.safetensors"] == (run / "model" / "model.safetensors").read_bytes()
    report = ("metrics.json", "report.html", "table.tex", "methods.tex", "cite.bib", "summary.txt")
    assert {f"report/{name}" for name in report} < set(files)
    assert {path for path in files if path.startswith(("onnx/", "runs/"))} == {
        "onnx/model.onnx",
        "onnx/model_quantized.onnx",
        "runs/events.out.tfevents.0",
    }
    assert not [path for path in files if path.endswith((".py", ".bin", "manifest.json"))]
    assert "me/it" not in hub.public
    assert f"private: {hub.url}/me/it" in told
    assert len(hub.commits) == 1


def test_the_card_tells_what_the_model_began_with(published: Published) -> None:
    card = published[0].models["me/it"]["README.md"].decode()
    assert "| first embeddings | from co-occurrences in the text" in card


def test_loaded_back_by_its_name_it_gives_the_same_logits(published: Published) -> None:
    hub, run, _ = published
    outputs = [
        subprocess.run(
            [sys.executable, "-c", LOGITS, place],
            env=environment(hub, run.parent),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout
        for place in ("me/it", str(run / "model"))
    ]
    assert outputs[0] == outputs[1]
    assert len(json.loads(outputs[0])) > 1_000


def test_the_logs_are_tensorboards(published: Published, tmp_path: Path) -> None:
    data = published[0].models["me/it"]["runs/events.out.tfevents.0"]
    (tmp_path / "events.out.tfevents.0").write_bytes(data)
    assert "loss" in EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"]


def test_the_token_is_neither_told_nor_sent(published: Published) -> None:
    hub, run, told = published
    assert hub.token not in told
    for path, data in hub.models["me/it"].items():
        assert hub.token.encode() not in data, path
    for file in run.rglob("*"):
        assert file.is_dir() or hub.token.encode() not in file.read_bytes(), file


def test_no_path_and_no_name_of_this_machine_is_sent(published: Published) -> None:
    hub, run, _ = published
    for path, data in hub.models["me/it"].items():
        for word in ("segreti", str(run.parent), str(Path.home()), "anna/copia"):
            assert word.encode() not in data, (path, word)
        assert socket.gethostname() not in path


def test_the_recipe_keeps_its_settings_and_the_last_parts_of_paths(published: Published) -> None:
    recipe = tomllib.loads(published[0].models["me/it"]["recipe.toml"].decode())
    assert recipe["text"] == ["it", "*.txt"]
    assert recipe["evaluate"]["treebank"] == "UD_Italian-ParTUT"
    assert recipe["train"]["max_steps"] == 40
    assert "backup" not in recipe


def test_a_dry_run_shows_every_file_and_writes_nothing(
    hub: Hub, finished: Path, published: Published, publish: Publish
) -> None:
    code, told = publish(finished, "--dry-run", "--license", "mit")
    assert code == 0
    assert hub.requests == []
    for path, data in published[0].models["me/it"].items():
        if path != ".gitattributes":
            assert f"  {path} " in told
            assert f" {len(data):,} bytes" in told
    assert published[0].models["me/it"]["README.md"].decode() in told
    assert "--dry-run: nothing was sent" in told


def test_an_upload_that_broke_goes_on_where_it_broke(
    hub: Hub, finished: Path, publish: Publish
) -> None:
    hub.uploads_left = 1
    code, told = publish(finished)
    assert code == 75
    assert "what was sent is kept: run the same command again" in told
    assert set(hub.models["me/it"]) == {".gitattributes"}
    assert len(hub.blobs) == 1
    hub.uploads_left = None
    hub.requests.clear()
    assert publish(finished)[0] == 0
    assert sum(path == "/upload" for _, path, *_ in hub.requests) == 1  # of two large files
    assert "model.safetensors" in hub.models["me/it"]


def test_a_hub_without_xet_is_told(
    hub: Hub, finished: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hf_xet")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    code, told = publish(finished)
    assert code == 75
    assert "me/it: the upload broke off: Network error" in told
    assert "HF_HUB_DISABLE_XET=1" in told


def test_a_second_publication_sends_what_has_changed_and_removes_what_is_gone(
    hub: Hub, finished: Path, publish: Publish, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "it"))
    assert publish(run)[0] == 0
    code, told = publish(run)
    assert code == 0
    assert "it had all of it already" in told
    assert len(hub.commits) == 1
    shutil.rmtree(run / "export")
    assert publish(run, "--license", "mit")[0] == 0
    assert hub.commits[1] == {"README.md"}
    assert not [path for path in hub.models["me/it"] if path.startswith("onnx/")]


def test_an_export_of_another_model_stays(
    hub: Hub, finished: Path, publish: Publish, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "it"))
    (run / "export" / "export.json").write_text('{"model": ["of the model before"]}')
    code, told = publish(run)
    assert code == 0
    assert "is of another model and stays" in told
    assert not [path for path in hub.models["me/it"] if path.startswith("onnx/")]


def test_what_is_private_becomes_public_when_it_is_asked_for(
    hub: Hub, finished: Path, publish: Publish
) -> None:
    publish(finished)
    assert hub.public == set()
    code, told = publish(finished, "--public")
    assert code == 0
    assert hub.public == {"me/it"}
    assert told.splitlines()[-1].startswith("public: ")
    code, told = publish(finished)
    assert code == 2
    assert "me/it is public, and what is sent there everybody can see" in told
    assert publish(finished, "--public", to="me/other")[0] == 0
    assert hub.public == {"me/it", "me/other"}


def test_a_repository_with_something_else_is_not_written_over(
    hub: Hub, finished: Path, publish: Publish
) -> None:
    before = {"README.md": b"# years of work", "pytorch_model.bin": b"weights", "runs/1": b"log"}
    hub.models["me/it"] = dict(before)
    code, told = publish(finished)
    assert code == 2
    assert "me/it holds README.md, pytorch_model.bin, runs/1 and is no model of filiberto" in told
    assert "--force" in told
    assert hub.models["me/it"] == before
    assert publish(finished, "--force")[0] == 0
    assert {"pytorch_model.bin", "runs/1", "model.safetensors"} < set(hub.models["me/it"])


def test_a_licence_that_the_hub_does_not_know_is_refused_before_anything_is_sent(
    hub: Hub, finished: Path, publish: Publish
) -> None:
    code, told = publish(finished, "--license", "mine")
    assert code == 2
    assert '"license" must be one of' in told
    assert "--license" in told
    assert hub.blobs == {}
    assert hub.commits == []


@pytest.mark.parametrize("exists", [True, False])
def test_a_repository_of_somebody_else_is_refused(
    hub: Hub, finished: Path, publish: Publish, exists: bool
) -> None:
    hub.foreign.add("them")
    if exists:
        hub.models["them/it"] = {"README.md": b"---\ntags:\n- filiberto\n---\n"}
        hub.public.add("them/it")
    code, told = publish(finished, "--public", to="them/it")
    assert code == 2
    assert "refuses them/it (403)\n  hint: look at your token and what it may write" in told
    assert hub.blobs == {}


def test_without_a_token_nothing_is_asked(
    hub: Hub, finished: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    code, told = publish(finished)
    assert code == 2
    assert "there is no token" in told
    assert "HF_TOKEN=YOUR_TOKEN" in told
    assert hub.requests == []


def test_a_token_that_is_not_known_is_refused(
    hub: Hub, finished: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_another_one")
    code, told = publish(finished)
    assert code == 2
    assert "refuses me/it (401)" in told
    assert "hf_another_one" not in told
    assert hub.models == {}


def test_without_a_network_it_says_to_try_again(
    hub: Hub, finished: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    code, told = publish(finished)
    assert code == 75
    assert "me/it: 127.0.0.1 cannot be reached" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("name", ["it", "me/it/it", "me/", "me/i t", ""])
def test_a_name_that_is_none_is_refused(
    hub: Hub, finished: Path, publish: Publish, name: str
) -> None:
    code, told = publish(finished, to=name)
    assert code == 2
    assert "write --to OWNER/NAME" in told
    assert hub.requests == []


def test_a_folder_without_a_finished_model_is_refused(
    hub: Hub, finished: Path, publish: Publish, tmp_path: Path
) -> None:
    for missing, told in (("model", "filiberto train"), ("report", "filiberto evaluate")):
        run = Path(shutil.copytree(finished, tmp_path / missing))
        (run / missing / "manifest.json").unlink()
        code, said = publish(run)
        assert code == 2
        assert f"{run / missing} is unfinished" in said
        assert f"run it first: {told} {run}" in said
    (tmp_path / "photos").mkdir()
    assert publish(tmp_path / "photos")[0] == 2
    assert list((tmp_path / "photos").iterdir()) == []
    assert hub.requests == []


def test_a_damaged_model_and_a_report_of_another_are_refused(
    hub: Hub, finished: Path, publish: Publish, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "it"))
    weights = run / "model" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    code, told = publish(run)
    assert code == 74
    assert "model.safetensors is not what was written" in told
    made = manifest.require(run, "model")
    manifest.finish(
        run / "model", stage="train", settings={}, inputs={}, facts=made.facts, seconds=0
    )
    code, told = publish(run)
    assert code == 2
    assert "is about another model" in told
    assert hub.requests == []


def test_a_file_that_holds_the_token_is_not_sent(
    hub: Hub, finished: Path, publish: Publish, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "it"))
    (run / "recipe.toml").write_text(f'text = ["{hub.token}"]\n')
    code, told = publish(run)
    assert code == 74
    assert "recipe.toml holds your token" in told
    assert hub.token not in told
    assert hub.requests == []


def test_a_file_that_holds_a_path_of_the_machine_is_not_sent(
    hub: Hub, finished: Path, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    run = Path(shutil.copytree(finished, tmp_path / "it"))
    for place in ("/home/anna/a.py", sysconfig.get_path("purelib")):
        (run / "export" / "onnx" / "model.onnx").write_bytes(b"\0" + place.encode())
        code, told = publish(run, "--dry-run")
        assert code == 74
        assert "onnx/model.onnx holds a path of this machine" in told


def test_paths_in_figures_and_configurations_are_cut(
    hub: Hub, finished: Path, publish: Publish, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "it"))
    config = run / "model" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "_name": f"{CANARY}/xlm"}))
    model = manifest.require(run, "model")
    made = manifest.finish(
        run / "model", stage="train", settings={}, inputs={}, facts=model.facts, seconds=0
    )
    report = manifest.require(run, "report")
    facts = {**report.facts, "name": f"{CANARY}/it", "words_of": {"sign": "/"}}
    (run / "report" / "metrics.json").write_text(json.dumps(facts))
    (run / "report" / "summary.txt").write_text(f"no such file: {CANARY}/altro\n")
    manifest.finish(
        run / "report",
        stage="evaluate",
        settings={},
        inputs={"model": made.content},
        facts=facts,
        seconds=0,
    )
    code, told = publish(run)
    assert code == 0, told
    files = hub.models["me/it"]
    assert not [path for path, data in files.items() if CANARY.encode() in data]
    assert json.loads(files["config.json"])["_name"] == "xlm"
    assert json.loads(files["report/metrics.json"])["name"] == "it"
    assert files["report/summary.txt"] == b"no such file: altro\n"
    assert files["tokenizer.json"] == (run / "model" / "tokenizer.json").read_bytes()


def test_writing_needs_no_request_but_these(published: Published) -> None:
    assert [path.rpartition("/")[2] for path in writes(published[0])] == [
        *("create", "validate-yaml", "main", "batch", "upload", "upload", "main"),
    ]
