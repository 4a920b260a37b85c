import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_network import draw
from torch._dynamo.exc import InternalTorchDynamoError

import promptda
from promptda.network import Architecture, Prediction
from recon.depth.engine import OutOfMemory
from recon.depth.torch_engine import COMPILER_CACHE, TorchEngine, best_precision, torch_device
from recon.errors import UsageError

drawn = functools.cache(draw)
CPU = torch.device("cpu")
IMAGES = np.random.default_rng(0).integers(0, 255, (2, 70, 98, 3), dtype=np.uint8)
PROMPTS = np.random.default_rng(1).uniform(1, 4, (2, 12, 16)).astype(np.float32)
TRUST = np.ones((2, 12, 16), np.float32)


def in_place_of_loading(monkeypatch: pytest.MonkeyPatch, network: torch.nn.Module) -> None:
    monkeypatch.setattr(promptda, "load", lambda name, device: network.eval())


class Made(torch.nn.Module):
    """In place of a network: what a function makes of its input."""

    stride = 14
    fixed_size = None

    def __init__(self, make: Callable, architecture: Architecture) -> None:
        super().__init__()
        self.make = make
        self.architecture = architecture

    def forward(self, image: torch.Tensor, prompt: torch.Tensor, valid: torch.Tensor | None) -> Prediction:
        return self.make(image, prompt, valid)


def test_depth_is_the_networks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    network = drawn("vits")
    with torch.no_grad():
        image = torch.tensor(IMAGES).permute(0, 3, 1, 2).contiguous() / 255
        expected = network(image, torch.tensor(PROMPTS)[:, None]).depth[:, 0].numpy()
    in_place_of_loading(monkeypatch, network)
    depth = TorchEngine("vits", CPU).depth(IMAGES, PROMPTS, TRUST)
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, expected, atol=1e-4 * 3)


def test_arrays_that_may_not_be_written_and_views_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    in_place_of_loading(monkeypatch, drawn("vits"))
    engine = TorchEngine("vits", CPU)
    expected = engine.depth(IMAGES[:, :, ::-1].copy(), PROMPTS, TRUST)
    views = [IMAGES.copy()[:, :, ::-1], PROMPTS.copy(), TRUST.copy()]
    for array in views:
        array.flags.writeable = False
    np.testing.assert_array_equal(engine.depth(*views), expected)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_reduced_precision_keeps_the_signal(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_place_of_loading(monkeypatch, drawn("vits"))
    exact = TorchEngine("vits", CPU).depth(IMAGES, PROMPTS, TRUST)
    reduced = TorchEngine("vits", CPU, precision).depth(IMAGES, PROMPTS, TRUST)
    assert reduced.dtype == np.float32
    error = np.sqrt(np.mean((reduced - exact) ** 2)) / exact.std()
    assert 0 < error < 0.05


@pytest.mark.parametrize("knows_mask", [False, True])
def test_only_a_network_that_knows_a_mask_is_told_what_was_measured(
    knows_mask: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def make(image: torch.Tensor, prompt: torch.Tensor, valid: torch.Tensor | None) -> Prediction:
        told.append(valid)
        return Prediction(image[:, :1])

    architecture = Architecture("vits", 64, normalisation="log" if knows_mask else "range")
    in_place_of_loading(monkeypatch, Made(make, architecture))
    TorchEngine("made", CPU).depth(IMAGES, PROMPTS, TRUST)
    assert (told[0] is not None) == knows_mask
    if knows_mask:
        np.testing.assert_array_equal(told[0][:, 0], TRUST)


@pytest.mark.parametrize("limit", [None, 0.5])
def test_depth_that_the_network_doubts_is_left_out_where_a_limit_says_so(
    limit: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(image: torch.Tensor, prompt: torch.Tensor, valid: torch.Tensor | None) -> Prediction:
        return Prediction(torch.full_like(image[:, :1], 2.0), image[:, :1])

    in_place_of_loading(monkeypatch, Made(make, Architecture("vits", 64)))
    depth = TorchEngine("made", CPU, max_uncertainty=limit).depth(IMAGES, PROMPTS, TRUST)
    sure = True if limit is None else IMAGES[..., 0] <= limit * 255
    np.testing.assert_array_equal(depth, np.where(sure, np.float32(2), np.float32(0)))


def test_a_network_without_uncertainty_gives_all_its_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    in_place_of_loading(
        monkeypatch, Made(lambda image, prompt, valid: Prediction(image[:, :1]), Architecture("vits", 64))
    )
    depth = TorchEngine("made", CPU, max_uncertainty=1e-9).depth(IMAGES, PROMPTS, TRUST)
    np.testing.assert_allclose(depth, IMAGES[..., 0] / np.float32(255), rtol=1e-6)


def test_images_reach_the_network_between_0_and_1_and_channels_last(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def make(image: torch.Tensor, prompt: torch.Tensor, valid: None) -> Prediction:
        seen.append(image)
        return Prediction(image[:, :1])

    in_place_of_loading(monkeypatch, Made(make, Architecture.released("vits")))
    TorchEngine("made", CPU).depth(IMAGES, PROMPTS, TRUST)
    np.testing.assert_array_equal(seen[0].numpy(), np.moveaxis(IMAGES, 3, 1).astype(np.float32) / 255)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), OutOfMemory),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), OutOfMemory),
        (RuntimeError("MPS backend out of memory"), OutOfMemory),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), OutOfMemory),
        (InternalTorchDynamoError("g++ is not there, else"), UsageError),
        (RuntimeError("something else"), RuntimeError),
    ],
)
def test_memory_that_ran_out_and_a_compiler_that_fails_are_told_from_other_faults(
    error: Exception, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*_: object) -> Prediction:
        raise error

    in_place_of_loading(monkeypatch, Made(make, Architecture.released("vits")))
    with pytest.raises(Exception, match="memory|ALLOC|else") as caught:
        TorchEngine("made", CPU).depth(IMAGES, PROMPTS, TRUST)
    assert type(caught.value) is kind


@pytest.mark.parametrize(("device", "words"), [("cuda:99", "CUDA device"), ("mps", "no Apple GPU")])
def test_a_device_that_is_not_there_is_one_sentence(device: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(UsageError, match=words):
        torch_device(device)


def test_what_no_gpu_computes_is_float32_by_default() -> None:
    assert best_precision(CPU) == best_precision(torch.device("mps")) == "fp32"


COMPILED = """
import sys, numpy as np, torch
from recon.depth.torch_engine import TorchEngine
from recon.errors import ReconError
arrays = np.load(sys.argv[2])
try:
    engine = TorchEngine(sys.argv[1], torch.device("cpu"), compile=True)
    np.save(sys.argv[3], engine.depth(arrays["images"], arrays["prompts"], arrays["valid"]))
except ReconError as error:
    print(error)
"""


def compiled(folder: Path, **environment: str) -> str:
    """What a process says that runs a small network compiled, and leaves its depth in the folder."""
    arguments = [folder / name for name in ("net.safetensors", "input.npz", "depth.npy")]
    inherited = {name: value for name, value in os.environ.items() if name != COMPILER_CACHE}  # torch sets it too
    told = subprocess.run(
        [sys.executable, "-c", COMPILED, *map(str, arguments)],
        env={**inherited, "XDG_CACHE_HOME": str(folder / "cache"), **environment},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return told.stdout


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    torch.manual_seed(0)
    promptda.save(promptda.PromptedDepth(Architecture("lite0", 16)), folder / "net.safetensors")
    np.savez(folder / "input.npz", images=IMAGES[:1, :64, :96], prompts=PROMPTS[:1], valid=TRUST[:1])
    return folder


@pytest.mark.slow
def test_without_a_compiler_compile_is_one_sentence(small: Path) -> None:
    told = compiled(small, CXX="/nowhere/g++")
    assert told.startswith("compile: torch.compile does not work here (")
    assert "install a C++ compiler and Python's headers, or leave out --compile" in told
    assert told.count("\n") == 1


@pytest.mark.slow
def test_the_compiled_network_says_the_same_and_is_kept_in_the_cache_folder(small: Path) -> None:
    assert compiled(small) == ""
    expected = TorchEngine(str(small / "net.safetensors"), CPU).depth(IMAGES[:1, :64, :96], PROMPTS[:1], TRUST[:1])
    np.testing.assert_allclose(np.load(small / "depth.npy"), expected, atol=1e-4 * 3)
    assert any((small / "cache" / "recon" / "torch_compile").iterdir())
