"""A machine that vanishes: what was copied elsewhere goes on on another, to the same bits."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from filiberto import backup
from filiberto.errors import StateError, UsageError
from filiberto.runfolder import store
from tests import hub_server
from tests.faults.conftest import Whole
from tests.faults.place import MUON, STEPS, Place
from tests.hub_server import Hub

TOKEN = "hf_canary_of_the_tests"


@pytest.fixture
def hub(user: Place) -> Iterator[Hub]:
    with hub_server.running(Hub()) as running:
        user.env = {
            "HF_ENDPOINT": running.url,
            "HF_TOKEN": running.token,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(user.folder / "hf"),
        }
        yield running
        user.env = {}


def vanish(user: Place, run: str) -> None:
    """Nothing of the run is left here."""
    shutil.rmtree(user.folder / run)


def test_a_folder_elsewhere_brings_a_run_back(user: Place, whole: Whole) -> None:
    copy = ("--backup", "drive")
    assert user.code("lost", MUON, *copy, fault="os.mkdir|/\\.tmp-step-0{6}08|TERM") == 75
    saved = {path.name for path in store.by_step(user.folder / "lost" / "checkpoints")}
    there = store.by_step(user.folder / "drive" / "checkpoints")
    assert saved >= {path.name for path in there}
    assert there[0].name == max(saved)
    vanish(user, "lost")
    # The next machine has no text; it is killed while it takes the run back, and begins again.
    resume = ("resume", "lost", "--backup", "drive")
    (user.folder / "text.txt").rename(user.folder / "gone.txt")
    try:
        for fault in ("os.rename|lost/tokens$|KILL", "os.rename|lost/recipe.toml$|KILL"):
            assert user.end(user.filiberto(*resume, fault=fault))[0] == -9
        code, told = user.end(user.filiberto(*resume))
    finally:
        (user.folder / "gone.txt").rename(user.folder / "text.txt")
    assert code == 0, told
    assert f"taken back from drive: step {int(there[0].name[5:])}" in told
    assert user.result("lost") == whole[MUON][0]
    assert store.by_step(user.folder / "drive" / "checkpoints")[0].name == f"step-{STEPS:08d}"
    # And once more, with all done.
    vanish(user, "lost")
    code, told = user.end(user.filiberto("resume", "lost", "--backup", "drive"))
    assert code == 0, told
    assert "model is finished" in told
    assert user.result("lost") == whole[MUON][0]


def test_killed_while_it_copies_it_comes_back_all_the_same(user: Place, whole: Whole) -> None:
    copy = ("--backup", "drive2")
    for fault in ("os.mkdir|drive2/checkpoints/\\.tmp-|KILL", "os.rename|drive2/plan.json$|KILL"):
        assert user.code("cut", MUON, *copy, fault=fault) == -9
        vanish(user, "cut")
        code, told = user.end(user.filiberto("resume", "cut", "--backup", "drive2"))
        if code == 2:  # the kill came before there was anything to go on from
            assert "holds no backup of a run" in told
            code = user.code("cut", MUON, *copy)
        assert code == 0, told
        assert user.result("cut") == whole[MUON][0]
        vanish(user, "cut")
        shutil.rmtree(user.folder / "drive2")


def test_a_repository_brings_a_run_back(user: Place, whole: Whole, hub: Hub) -> None:
    copy = ("--backup", "hub:me/lost")
    assert user.code("away", MUON, *copy, fault="os.mkdir|/\\.tmp-step-0{6}16|TERM") == 75
    files = hub.models["me/lost"]
    steps = {path.split("/")[1] for path in files if path.startswith("checkpoints/step-")}
    assert 1 <= len(steps) <= store.KEPT
    saved = store.by_step(user.folder / "away" / "checkpoints")[0]
    assert max(steps) == saved.name
    assert not any(TOKEN.encode() in data for data in files.values())
    vanish(user, "away")
    code, told = user.end(user.filiberto("resume", "away", "--backup", "hub:me/lost"))
    assert code == 0, told
    assert f"taken back from hub:me/lost: step {int(saved.name[5:])}" in told
    assert user.result("away") == whole[MUON][0]
    assert "report/manifest.json" in hub.models["me/lost"]
    assert len(hub.commits) > 2
    assert sum("tokens/manifest.json" in commit for commit in hub.commits) == 1


def test_another_machine_says_so_and_exact_refuses(user: Place) -> None:
    copy = ("--backup", "drive3")
    assert user.code("moved", MUON, *copy, fault="os.mkdir|/\\.tmp-step-0{6}12|TERM") == 75
    vanish(user, "moved")
    path = user.folder / "drive3" / "environment.json"
    before = json.loads(path.read_text())
    path.write_text(json.dumps(before | {"threads": 99}))
    resume = ("resume", "moved", "--backup", "drive3")
    code, told = user.end(user.filiberto(*resume, "--exact"))
    assert code == 76
    assert "another threads" in told
    code, told = user.end(user.filiberto(*resume))
    assert code == 0
    assert "going on with another threads: right, but no longer bit-exact" in told


def test_a_copy_that_fails_costs_no_training(user: Place, whole: Whole) -> None:
    (user.folder / "full").mkdir()
    (user.folder / "full" / "recipe.toml").touch()
    (user.folder / "full" / "checkpoints").write_text("in the way")
    code, told = user.end(user.start("alone", MUON, "--backup", "full"))
    assert code == 0
    assert "no copy was made at full" in told
    assert user.result("alone") == whole[MUON][0]


@pytest.mark.parametrize(
    ("place", "message"),
    [("hub:me", "hub:OWNER/NAME"), ("text.txt", "is a file"), ("no/where/at/all", "no folder")],
)
def test_what_is_no_place_is_refused_at_once(user: Place, place: str, message: str) -> None:
    where = place if place.startswith("hub:") else str(user.folder / place)
    with pytest.raises(UsageError, match=message):
        backup.check(where, run=user.folder / "any")


def test_a_place_that_holds_another_run_is_not_written_over(user: Place, whole: Whole) -> None:
    run, drive = user.folder / "whole-0", user.folder / "drive4"
    with backup.open_backup(str(drive), run):
        pass
    before = {path: path.read_bytes() for path in drive.rglob("*") if path.is_file()}
    code, told = user.end(user.start("new", MUON, "--backup", "drive4"))
    assert code == 2
    assert "filiberto resume new --backup drive4" in told
    assert {path: path.read_bytes() for path in drive.rglob("*") if path.is_file()} == before
    with pytest.raises(UsageError, match=r"that .*whole-1 has not\n.* resume NEW_FOLDER"):
        backup.check(str(drive), run=user.folder / "whole-1")
    backup.check(str(drive), run=run)
    backup.check(str(drive), run=user.folder / "whole-1", force=True)
    with pytest.raises(UsageError, match="in the run itself"):
        backup.check(str(run / "copy"), run=run)
    with pytest.raises(UsageError, match="is no empty folder, and no backup"):
        backup.check(str(user.folder), run=run)


def test_a_training_begun_anew_takes_the_place_of_the_old_one(
    user: Place, whole: Whole, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(user.folder / "whole-0", tmp_path / "run"))
    with backup.open_backup(str(tmp_path / "drive"), run):
        pass
    early = run / "checkpoints" / "step-00000004"
    shutil.copytree(run / "checkpoints" / f"step-{STEPS:08d}", early)
    manifest = json.loads((early / "MANIFEST.json").read_text()) | {"step": 4}
    del manifest["sha256"]
    manifest["sha256"] = store._digest(manifest)
    (early / "MANIFEST.json").write_text(json.dumps(manifest))
    for path in store.by_step(run / "checkpoints"):
        if path != early:
            shutil.rmtree(path)
    with backup.open_backup(str(tmp_path / "drive"), run):
        pass
    assert [p.name for p in store.by_step(tmp_path / "drive" / "checkpoints")] == [early.name]


def test_a_public_repository_is_refused(user: Place, hub: Hub) -> None:
    hub.models["me/open"] = {}
    hub.public.add("me/open")
    code, told = user.end(user.start("shown", MUON, "--backup", "hub:me/open"))
    assert code == 2
    assert "is public, and a backup holds the text" in told
    assert hub.models["me/open"] == {}


def test_what_was_damaged_there_is_not_taken_back(
    user: Place, whole: Whole, tmp_path: Path
) -> None:
    run = user.folder / "whole-0"
    with backup.open_backup(str(tmp_path / "drive"), run):
        pass
    path = next((tmp_path / "drive" / "tokens").glob("train*"))
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    (tmp_path / "back").mkdir()
    with pytest.raises(StateError, match=r"tokens/train.* is damaged"):
        backup.restore(str(tmp_path / "drive"), tmp_path / "back")
    assert not (tmp_path / "back" / "recipe.toml").exists()
    with pytest.raises(UsageError, match="holds no backup"):
        backup.restore(str(tmp_path), tmp_path / "back")
