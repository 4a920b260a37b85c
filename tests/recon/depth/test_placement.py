import sys
import types

import pytest
import torch

from recon.depth import placement as module
from recon.depth.engine import Engine
from recon.depth.placement import MOST_TOGETHER, Placement, load_engine, pictures_together, placement
from recon.errors import UsageError
from recon.settings import Settings

GIB = 2**30


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """One CUDA device with this much free memory, bytes."""
    memory = {"free": 70 * GIB}
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (memory["free"], 80 * GIB))
    monkeypatch.setattr(module, "best_precision", lambda device: "bf16" if device.type == "cuda" else "fp32")
    return memory


def test_every_choice_is_made_and_one_that_was_made_stands(gpu: dict[str, int]) -> None:
    assert placement(Settings(device="cpu")) == Placement("torch", "cpu", "fp32")
    assert placement(Settings(device="cuda:0")) == Placement("torch", "cuda:0", "bf16")
    assert placement(Settings(device="cuda", precision="fp32")) == Placement("torch", "cuda", "fp32")
    with pytest.raises(UsageError, match="cuda:1, but this machine shows 1 CUDA"):
        placement(Settings(device="cuda:1"))


def test_openvino_runs_on_the_cpu_whatever_else_there_is(gpu: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert placement(Settings(engine="openvino")) == Placement("openvino", "cpu", "fp32")
    assert placement(Settings(engine="openvino", precision="bf16")).precision == "bf16"
    assert placement(Settings()).device == "cuda"


def test_the_engine_is_the_one_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple] = []

    def engine(*arguments: object) -> Engine:
        made.append(arguments)
        return types.SimpleNamespace(
            stride=14, fixed_size=None, knows_trust=False, depth=lambda images, prompts, trust: None
        )

    stand_in = types.ModuleType("recon.depth.openvino_engine")
    stand_in.OpenVinoEngine = engine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "recon.depth.openvino_engine", stand_in)
    monkeypatch.setattr(module, "TorchEngine", engine)
    load_engine("net", Placement("openvino", "cpu", "bf16"), False, 0.1)
    load_engine("net", Placement("torch", "cuda:1", "bf16"), True, 0.1)
    assert made == [("net", "bf16"), ("net", torch.device("cuda:1"), "bf16", True, 0.1)]


def test_pictures_go_one_by_one_but_on_a_gpu_unless_told(gpu: dict[str, int]) -> None:
    on_cpu, on_gpu = Placement("torch", "cpu", "fp32"), Placement("torch", "cuda:0", "bf16")
    assert pictures_together(Settings(), on_cpu) == 1
    assert pictures_together(Settings(batch_size=3), on_cpu) == pictures_together(Settings(batch_size=3), on_gpu) == 3
    assert pictures_together(Settings(), on_gpu) == MOST_TOGETHER


@pytest.mark.parametrize("resolution", ["auto", "native", "1920x1440"])
def test_more_memory_takes_more_pictures_and_more_pixels_take_fewer(resolution: str, gpu: dict[str, int]) -> None:
    counts = []
    for gpu["free"] in (0, GIB, 6 * GIB, 12 * GIB, 24 * GIB, 80 * GIB):
        count = pictures_together(Settings(resolution=resolution), Placement("torch", "cuda", "bf16"))
        assert count <= pictures_together(Settings(resolution="504x378"), Placement("torch", "cuda", "bf16"))
        counts.append(count)
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert counts[-1] > 1
