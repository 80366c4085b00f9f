import json
import resource
from pathlib import Path

import pytest
import torch

from filiberto.config import TrainConfig
from filiberto.errors import StateError
from filiberto.train import checkpoint
from filiberto.train.checkpoint import State
from filiberto.train.optim import make_optimizers, set_rates
from filiberto.train.rates import Rates
from tests.train.conftest import model_of


def fresh(seed: int = 0):
    model = model_of(seed=seed)
    return model, make_optimizers(model, TrainConfig(), rates=Rates(1e-3, 0.02))


def trained(seed: int = 0):
    model, optimizers = fresh(seed)
    loss = model(input_ids=torch.tensor([[0, 9, 2]])).logits.sum()
    loss.backward()
    set_rates(optimizers, share=1.0)
    for optimizer in optimizers:
        optimizer.step()
    return model, optimizers


def save(folder: Path, step: int):
    model, optimizers = trained(seed=step)
    state = State(step=step, fingerprint="mine")
    return (
        model,
        optimizers,
        checkpoint.save(folder, model=model, optimizers=optimizers, state=state),
    )


def load(folder: Path):
    model, optimizers = fresh(seed=99)
    state = checkpoint.load_newest(folder, model=model, optimizers=optimizers, fingerprint="mine")
    return model, optimizers, state


def test_weights_and_optimizer_come_back_bit_for_bit(tmp_path: Path) -> None:
    model, optimizers, _ = save(tmp_path, 7)
    again, optimizers_again, state = load(tmp_path)
    assert state is not None
    assert state.step == 7
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
        for mine, theirs in zip(optimizers, optimizers_again, strict=True):
            assert mine.state[one].keys() == theirs.state[other].keys()
            assert all(torch.equal(v, theirs.state[other][k]) for k, v in mine.state[one].items())
    assert all(optimizer.state for optimizer in optimizers)


def test_no_checkpoint_is_no_state(tmp_path: Path) -> None:
    assert load(tmp_path)[2] is None


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    older, _, _ = save(tmp_path, 1)
    _, _, newest = save(tmp_path, 2)
    damaged = bytearray((newest / name).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (newest / name).write_bytes(damaged)
    model, _, state = load(tmp_path)
    assert state is not None
    assert state.step == 1
    assert all(map(torch.equal, older.parameters(), model.parameters()))
    assert f"step-00000002 is damaged ({name} changed)" in capsys.readouterr().out


def test_with_no_whole_checkpoint_the_run_stops(tmp_path: Path) -> None:
    _, _, path = save(tmp_path, 1)
    (path / "model.safetensors").write_bytes(b"")
    with pytest.raises(StateError, match="holds 1 checkpoints and none is whole"):
        load(tmp_path)


def test_a_checkpoint_without_its_manifest_is_not_used(tmp_path: Path) -> None:
    save(tmp_path, 1)
    _, _, newest = save(tmp_path, 2)
    (newest / "MANIFEST.json").unlink()
    state = load(tmp_path)[2]
    assert state is not None
    assert state.step == 1


def test_the_newest_two_are_kept_and_none_of_a_later_step(tmp_path: Path) -> None:
    for step in (9, 100, 200):
        save(tmp_path, step)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000100", "step-00000200"]
    save(tmp_path, 120)  # 200 was damaged, and training has gone on from 100
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000100", "step-00000120"]


def test_a_lost_manifest_does_not_stop_the_next_save(tmp_path: Path) -> None:
    save(tmp_path, 1)
    _, _, newest = save(tmp_path, 2)
    (newest / "MANIFEST.json").unlink()
    save(tmp_path, 3)
    state = load(tmp_path)[2]
    assert state is not None
    assert state.step == 3


def test_another_trainings_checkpoint_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 1)
    model, optimizers = fresh()
    with pytest.raises(StateError, match="belongs to another training"):
        checkpoint.load_newest(tmp_path, model=model, optimizers=optimizers, fingerprint="other")


def test_a_failing_disk_leaves_the_older_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.safeio, "sync", full)
    with pytest.raises(StateError, match=r"checkpoint 2 could not be saved in .*: No space left"):
        save(tmp_path, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]


def test_a_disk_that_fills_while_weights_are_written_leaves_the_older_checkpoint(
    tmp_path: Path,
) -> None:
    save(tmp_path, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    try:
        with pytest.raises(StateError, match="checkpoint 2 could not be saved"):
            save(tmp_path, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]


def test_nothing_is_pickled(tmp_path: Path) -> None:
    _, _, path = save(tmp_path, 1)
    assert {p.suffix for p in path.iterdir()} == {".safetensors", ".json"}
    assert json.loads((path / "state.json").read_text())["step"] == 1
