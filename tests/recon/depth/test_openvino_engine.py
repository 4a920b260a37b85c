import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from drawn_network import draw_architecture, sample

import promptda
from promptda import Architecture, PromptedDepth
from promptda.encoders import dinov2
from recon.depth import openvino_conversion as conversion
from recon.depth.engine import Engine, OutOfMemory
from recon.depth.openvino_engine import OpenVinoEngine
from recon.depth.torch_engine import TorchEngine
from recon.errors import ResourceError, UsageError, WeightsError

installed = importlib.util.find_spec("openvino") is not None
needs_extra = pytest.mark.skipif(not installed, reason="extra `openvino` not installed")

TINY = dinov2.Size(width=24, depth=5, heads=2, taps=(0, 2, 3, 4), channels=(4, 6, 8, 10))
GREATEST_ERROR = 1e-4  # of float32, of the prompt's range: the same sums in another order
GREATEST_REDUCED_ERROR = 0.02  # of bf16, rms, of the depth's standard deviation


@pytest.fixture(autouse=True, scope="module")
def _tiny_encoder() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(dinov2.SIZES, "tiny", TINY)
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, empty, within which recon has its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # While tracing, sizes are symbols, which a type checker does not take for numbers.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    return tmp_path


@pytest.fixture(scope="module")
def network(_tiny_encoder: None) -> PromptedDepth:
    return draw_architecture(Architecture("tiny", 8))


@pytest.fixture(scope="module")
def weights(network: PromptedDepth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    promptda.save(network, path)
    return path


@pytest.fixture(scope="module")
def conversions(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's cache folder with the conversion of ``weights``; not to be changed."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        patch.setattr(jaxtyping.config, "jaxtyping_disable", True)
        OpenVinoEngine(str(weights), "fp32")
    return home


@pytest.fixture
def cache(conversions: Path, home: Path) -> Path:
    """Our cache, holding the conversion of ``weights``."""
    shutil.copytree(conversions, home, dirs_exist_ok=True)
    return home / "recon" / "openvino"


def pictures(height: int, width: int, prompt_size: tuple[int, int], count: int = 2) -> tuple[np.ndarray, ...]:
    """Images, prompts filled everywhere, and where those were measured: not everywhere."""
    image, prompt = sample(height, width, count, prompt_size=prompt_size)
    valid = np.random.default_rng(0).random((count, *prompt_size)) < 0.5
    filled = np.where(valid, prompt[:, 0].numpy(), np.float32(2))
    return (image * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy(), filled, valid.astype(np.float32)


def depths(weights: Path, precision: str, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Of OpenVINO, then of PyTorch in float32."""
    batch = pictures(height, width, (24, 32))
    torch_engine = TorchEngine(str(weights), torch.device("cpu"))
    return OpenVinoEngine(str(weights), precision).depth(*batch), torch_engine.depth(*batch)


@needs_extra
@pytest.mark.parametrize(
    "architecture",
    [
        {"normalisation": "range"},
        {"prompting": "masked-fusion", "normalisation": "log", "head": "laplace"},
        pytest.param({"prompting": "adaln"}, marks=pytest.mark.slow),
        pytest.param({"encoder": "lite0"}, marks=pytest.mark.slow),
        pytest.param({"encoder": "vits", "features": 64}, marks=pytest.mark.slow),
        pytest.param({"encoder": "vits-registers", "features": 64}, marks=pytest.mark.slow),
    ],
    ids=lambda parts: "-".join(map(str, parts.values())),
)
def test_depth_is_that_of_pytorch_for_every_size_of_image_and_prompt(
    architecture: dict[str, str | int], tmp_path: Path
) -> None:
    path = tmp_path / "network.safetensors"
    promptda.save(draw_architecture(Architecture(**{"encoder": "tiny", "features": 8, **architecture})), path)
    engine, torch_engine = OpenVinoEngine(str(path), "fp32"), TorchEngine(str(path), torch.device("cpu"))
    assert isinstance(engine, Engine)
    assert engine.stride == torch_engine.stride
    for rows, columns, prompt_size in ((4, 7, (24, 32)), (7, 4, (1, 1)), (37, 3, (33, 17)), (4, 7, (24, 32))):
        batch = pictures(rows * engine.stride, columns * engine.stride, prompt_size)
        expected = torch_engine.depth(*batch)
        depth = engine.depth(*batch)
        assert depth.dtype == np.float32
        span = batch[1].max() - batch[1].min()
        # Beyond the prompt, of the depth itself: a network that may go there has an output of any size.
        assert (abs(depth - expected) <= GREATEST_ERROR * np.maximum(span, expected)).all()
    assert expected.std() > 0.05


@needs_extra
def test_bf16_keeps_the_signal_and_is_another_arithmetic(weights: Path, cache: Path) -> None:
    try:
        depth, expected = depths(weights, "bf16", 126, 182)
    except UsageError as error:
        pytest.skip(str(error))
    error = np.sqrt(np.mean((depth - expected) ** 2)) / expected.std()
    assert 1e-5 < error <= GREATEST_REDUCED_ERROR


@needs_extra
def test_weights_are_converted_once_whatever_their_file_is_called(
    weights: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "_convert", pytest.fail)
    renamed = shutil.copy(weights, tmp_path / "renamed.safetensors")
    depth, expected = depths(Path(renamed), "fp32", 56, 70)
    np.testing.assert_allclose(depth, expected, atol=3e-4)
    assert [path.is_dir() for path in cache.iterdir()] == [True]


def test_other_weights_and_other_versions_have_a_conversion_of_their_own(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: {"torch": "1"}.get(name, "0"))
    other = tmp_path / "other.safetensors"
    other.write_bytes(weights.read_bytes() + b"0")
    identities = {conversion._identity(weights), conversion._identity(other)}
    monkeypatch.setattr(importlib.metadata, "version", lambda name: {"torch": "2"}.get(name, "0"))
    assert len(identities | {conversion._identity(weights)}) == 3


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@needs_extra
@pytest.mark.parametrize("damage", [cut_short, changed, Path.unlink])
@pytest.mark.parametrize("name", [*conversion.FILES, conversion.DESCRIPTION])
def test_a_damaged_conversion_is_made_again(
    name: str, damage: Callable[[Path], None], weights: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Converted(Exception):
        pass

    def convert(*_: object) -> None:
        raise Converted

    (folder,) = cache.iterdir()
    monkeypatch.setattr(conversion, "_convert", convert)
    damage(folder / name)
    with pytest.raises(Converted):
        OpenVinoEngine(str(weights), "fp32")


@needs_extra
def test_a_new_conversion_takes_the_place_of_a_damaged_one(weights: Path, cache: Path) -> None:
    (folder,) = cache.iterdir()
    (folder / "encoder.bin").write_bytes(b"damaged")
    depth, expected = depths(weights, "fp32", 56, 70)
    np.testing.assert_allclose(depth, expected, atol=3e-4)
    assert list(cache.iterdir()) == [folder]
    assert {path.name for path in folder.iterdir()} == {*conversion.FILES, conversion.DESCRIPTION}


@needs_extra
def test_an_interrupted_conversion_leaves_nothing(weights: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    def save_half(_model: object, path: Path, **_options: object) -> None:
        path.write_text("<half")
        raise KeyboardInterrupt

    monkeypatch.setattr(openvino, "save_model", save_half)
    with pytest.raises(KeyboardInterrupt):
        OpenVinoEngine(str(weights), "fp32")
    assert not list((home / "recon" / "openvino").iterdir())


@needs_extra
def test_a_full_disk_is_noticed_before_anything_is_written(
    weights: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(ResourceError, match=r"openvino: the converted network takes \d+ MB .* XDG_CACHE_HOME"):
        OpenVinoEngine(str(weights), "fp32")
    assert not list((home / "recon" / "openvino").iterdir())


@needs_extra
def test_memory_that_does_not_suffice_is_told_from_other_failures(weights: Path, cache: Path) -> None:
    engine = OpenVinoEngine(str(weights), "fp32")

    class Failing:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def infer(self, _inputs: object) -> None:
            raise self.error

    for error, expected in (
        (MemoryError(), OutOfMemory),
        (RuntimeError("std::bad_alloc"), OutOfMemory),
        (RuntimeError("shapes differ"), RuntimeError),
    ):
        engine._decoder = Failing(error)
        with pytest.raises(expected):
            engine.depth(*pictures(56, 70, (24, 32)))


@needs_extra
def test_nothing_reports_to_openvinos_makers() -> None:
    script = (
        "import sys; from recon.depth.openvino_engine import _import_openvino; _import_openvino();"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"


@needs_extra
def test_a_network_that_cannot_be_had_is_an_error_of_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="neither a file nor the name"):
        OpenVinoEngine(str(tmp_path / "none.safetensors"), "fp32")
    (tmp_path / "damaged.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{       ")
    with pytest.raises(WeightsError, match="damaged"):
        OpenVinoEngine(str(tmp_path / "damaged.safetensors"), "fp32")


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_precisions_that_are_not_offered_are_refused(precision: str) -> None:
    with pytest.raises(UsageError, match=rf"precision is {precision}, .* fp32 or bf16"):
        OpenVinoEngine("vits", precision)


@needs_extra
def test_bf16_is_refused_where_the_processor_would_not_gain_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    monkeypatch.setattr(openvino.Core, "get_property", lambda *_: ["FP32", "INT8"])
    with pytest.raises(UsageError, match="bf16, which this processor does not compute in; use fp32"):
        OpenVinoEngine("vits", "bf16")


def test_a_missing_extra_is_one_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"not installed; pip install 'promptda-recon\[openvino\]'"):
        OpenVinoEngine("vits", "fp32")
