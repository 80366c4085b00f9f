"""Nothing phones home (P24): the corpus stage and its engine open no connection unasked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NO_NETWORK, filiberto, italian_lines, with_site_code


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a process that dies of a connection, with nothing switched off by us."""
    site = tmp_path / "site"
    site.mkdir()
    ours = ("DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_OFFLINE")
    for name in (*ours, "SCARF_NO_ANALYTICS", "DAFT_ANALYTICS_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    return with_site_code(site, NO_NETWORK)


def test_the_corpus_command_opens_no_connection(tmp_path: Path, quiet: dict[str, str]) -> None:
    lines = italian_lines(200)
    text = tmp_path / "testi"
    text.mkdir()
    (text / "a.txt").write_text("\n".join(lines[:100]))
    (text / "b.csv").write_text("id,text\n" + "\n".join(f'{i},"{x}"' for i, x in enumerate(lines)))
    flags = ("--language", "Italian", "--text", "testi")
    done = filiberto("corpus", "runs/it", *flags, cwd=tmp_path, env=quiet)
    assert done.returncode == 0, done.stderr
    assert "NETWORK" not in done.stderr


def test_languages_are_looked_up_without_a_connection(quiet: dict[str, str]) -> None:
    assert filiberto("languages", "te", env=quiet).returncode == 0


def test_with_the_hub_a_connection_is_opened(tmp_path: Path, quiet: dict[str, str]) -> None:
    home = {**quiet, "HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = filiberto("corpus", "runs/it", "--hub", "a/b", cwd=tmp_path, env=home)
    assert done.returncode == 99
    assert "NETWORK" in done.stderr


def test_the_trap_catches_an_engine_that_reports_home(quiet: dict[str, str]) -> None:
    # Daft does when it is imported without our settings: so silence above is our doing.
    code = "import daft, time; time.sleep(20)"
    environment = {**os.environ, **quiet}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment, timeout=60, check=False
    )
    assert done.returncode == 99
    assert b"NETWORK" in done.stderr
