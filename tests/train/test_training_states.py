"""A state on disk is whole or not there."""

import errno
from pathlib import Path

import pytest
import torch

from recon.errors import UsageError
from train import checkpoints
from train.checkpoints import State, read, write


def a_state(step: int = 7) -> State:
    generator = torch.Generator().manual_seed(step)
    tensors = {
        "weights/matrix": torch.randn(3, 5, generator=generator),
        "weights/turned": torch.randn(4, 2, generator=generator).mT,  # not contiguous
        "optimiser/step": torch.tensor(float(step)),
        "weights/half": torch.randn(6, generator=generator).bfloat16(),
    }
    return State(step, {"seed": 3}, tensors)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    written = a_state()
    write(tmp_path, written)
    found = read(tmp_path)
    assert found is not None
    assert (found.step, found.facts) == (written.step, written.facts)
    assert found.tensors.keys() == written.tensors.keys()
    for name, tensor in written.tensors.items():
        assert torch.equal(found.tensors[name], tensor)
        assert found.tensors[name].dtype == tensor.dtype


def test_there_is_no_state_where_none_was_written(tmp_path: Path) -> None:
    assert read(tmp_path / "state") is None


def test_only_the_latest_is_kept_and_nothing_unfinished(tmp_path: Path) -> None:
    (tmp_path / ".writing-dead").mkdir()
    write(tmp_path, a_state(1))
    write(tmp_path, a_state(2))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]


def test_shards_are_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SHARD_BYTES", 1000)
    tensors = {str(index): torch.full((100,), float(index)) for index in range(7)}
    tensors["large"] = torch.zeros(500)
    write(tmp_path, State(1, {}, tensors))
    sizes = sorted(path.stat().st_size for path in tmp_path.rglob("*.safetensors"))
    assert len(sizes) == 5  # two of the small ones a shard, the large one alone
    assert sizes[-2] < 1000 + 300  # with the header
    found = read(tmp_path)
    assert found is not None
    assert found.tensors.keys() == tensors.keys()


def test_a_full_disk_leaves_the_earlier_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a_state(1))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write(tmp_path, a_state(2))
    assert caught.value.filename.endswith(".safetensors")
    found = read(tmp_path)
    assert found is not None
    assert found.step == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "missing", "no json", "no shards"])
def test_a_damaged_state_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    write(tmp_path, a_state())
    shard, facts = next(tmp_path.rglob("*.safetensors")), next(tmp_path.rglob("state.json"))
    if damage == "cut":
        shard.write_bytes(shard.read_bytes()[:-20])
    elif damage == "missing":
        shard.unlink()
    else:
        facts.write_text("[" if damage == "no json" else "{}")
    with pytest.raises(UsageError, match="step-00000007: not a complete state .* remove it"):
        read(tmp_path)
