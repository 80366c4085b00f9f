"""The Space that `publish --space` makes, against a Hub on this machine."""

from pathlib import Path

import pytest
import yaml
from huggingface_hub import SpaceCardData

from tests.hub_server import TEMPLATE, Hub
from tests.publish.conftest import QUIET_CLIENT, Publish

pytestmark = QUIET_CLIENT


def test_a_space_of_the_same_name_gets_the_page(
    hub: Hub, publish: Publish, with_page: tuple[Path, tuple[str, ...]]
) -> None:
    run, flags = with_page
    code, told = publish(run, *flags, "--dry-run", to="me/ours")
    assert code == 0
    assert hub.requests == []
    assert "for the private Space me/ours" in told
    code, told = publish(run, *flags, to="me/ours")
    assert code == 0, told
    assert f"private: {hub.url}/spaces/me/ours" in told
    assert hub.public == set()
    files = hub.models["spaces/me/ours"]
    assert {"index.html", "page.js", "model/tokenizer.json", "runtime/tokenizers.min.mjs"} < set(
        files
    )
    int8 = (run / "export" / "onnx" / "model_quantized.onnx").read_bytes()
    assert files["model/onnx/model_quantized.onnx"] == int8
    _, head, _ = files["README.md"].decode().split("---\n")
    card = SpaceCardData(**yaml.safe_load(head))
    assert (card.sdk, card.models, card.license) == ("static", ["me/ours"], "mit")
    assert b"<h1>ours</h1>" in files["index.html"]  # not the name of a folder here
    assert "model.safetensors" in hub.models["me/ours"]
    assert "index.html" not in hub.models["me/ours"]
    # A file of a page before goes, what somebody put there stays, and nothing is sent twice.
    files |= {"runtime/old.mjs": b"old", "notes.txt": b"mine"}
    assert publish(run, *flags, to="me/ours")[0] == 0
    assert {"runtime/old.mjs", "notes.txt"} & set(hub.models["spaces/me/ours"]) == {"notes.txt"}
    code, told = publish(run, *flags, to="me/ours")
    assert told.count("it had all of it already") == 2
    assert publish(run, *flags, "--public", to="me/ours")[0] == 0
    assert hub.public == {"me/ours", "spaces/me/ours"}


def test_a_space_with_something_else_is_not_written_over(
    hub: Hub, publish: Publish, with_page: tuple[Path, tuple[str, ...]]
) -> None:
    run, flags = with_page
    hub.models["spaces/me/it"] = {"app.py": b"years of work"}
    code, told = publish(run, *flags)
    assert code == 2
    assert "me/it holds app.py and is no space of filiberto" in told
    assert hub.models["spaces/me/it"] == {"app.py": b"years of work"}
    assert hub.models["me/it"].keys() <= {".gitattributes"}  # nor is the model sent before
    hub.models["spaces/me/it"] = {"README.md": b"---\ntags:\n- filiberto\n---\n"}
    hub.public.add("spaces/me/it")
    code, told = publish(run, *flags)
    assert code == 2
    assert "Space me/it is public" in told
    assert hub.models["me/it"].keys() <= {".gitattributes"}


def test_a_space_whose_upload_broke_is_filled_by_the_same_command(
    hub: Hub, publish: Publish, with_page: tuple[Path, tuple[str, ...]]
) -> None:
    run, flags = with_page
    hub.uploads_left = 2  # of the model; none is left for the page's
    code, told = publish(run, *flags)
    assert code == 75
    assert "run the same command again" in told
    assert set(hub.models["spaces/me/it"]) == {".gitattributes", *TEMPLATE}
    hub.uploads_left = None
    code, told = publish(run, *flags)
    assert code == 0, told
    assert hub.models["spaces/me/it"]["index.html"].startswith(b"<!doctype html>")
    assert "style.css" not in hub.models["spaces/me/it"]


def test_a_space_needs_what_makes_the_page_before_anything_else(
    hub: Hub, publish: Publish, finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, told = publish(finished, "--space")
    assert code == 2
    assert "there is none" in told
    assert "--runtime FOLDER" in told
    assert hub.requests == []


def test_libraries_without_a_page_are_refused(
    hub: Hub, publish: Publish, finished: Path, tmp_path: Path
) -> None:
    code, told = publish(finished, "--runtime", str(tmp_path))
    assert code == 2
    assert "add --space" in told


def test_a_card_that_holds_the_token_is_not_sent_beside_a_space_either(
    hub: Hub,
    publish: Publish,
    with_page: tuple[Path, tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, flags = with_page
    monkeypatch.setattr("filiberto.publish.hub.full_card", lambda *_, **__: f"card {hub.token}")
    code, told = publish(run, *flags)
    assert code == 74
    assert "README.md holds your token" in told
    assert hub.requests == []
