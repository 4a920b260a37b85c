"""ONNX files: every size, the same depth as PyTorch, errors in one sentence."""

import copy
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import jaxtyping
import pytest
import torch
from drawn_network import draw_architecture
from torch import Tensor

import promptda
from promptda import Architecture, PromptedDepth, export
from promptda.encoders import dinov2
from promptda.errors import ExportError

MISSING = [name for name in export.EXTRA if importlib.util.find_spec(name) is None]
needs_extra = pytest.mark.skipif(bool(MISSING), reason=f"extra `export` not installed: {', '.join(MISSING)}")

Sampler = Callable[..., tuple[Tensor, Tensor]]


@pytest.fixture(scope="module")
def drawn(tiny: str) -> Iterator[PromptedDepth]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "GREATEST_PROMPT", 64)  # fewer scales to trace
        yield draw_architecture(Architecture(tiny, 8))


@pytest.fixture(scope="module")
def exported(drawn: PromptedDepth, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, export.Agreement]:
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    return path, to_onnx(drawn, path)


def to_onnx(model: PromptedDepth, path: Path, half: bool = False) -> export.Agreement:
    """Unchecked by jaxtyping: while tracing, sizes are symbols, which a type checker does not take for numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jaxtyping.config, "jaxtyping_disable", True)
        return export.to_onnx(model, path, half)


def run(path: Path, image: Tensor, prompt: Tensor) -> Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["depth"], {"image": image.numpy(), "prompt": prompt.numpy()})[0])


@needs_extra
def test_one_file_is_written_and_nothing_beside_it(exported: tuple[Path, export.Agreement]) -> None:
    path, _ = exported
    assert [p.name for p in path.parent.iterdir()] == ["tiny.onnx"]


@needs_extra
def test_the_check_of_the_file_means_something(exported: tuple[Path, export.Agreement]) -> None:
    _, agreement = exported
    assert agreement.spread > 0.05
    assert agreement.greatest_error < export.GREATEST_ERROR


@needs_extra
@pytest.mark.parametrize(("height", "width"), [(42, 70), (28, 140), (518, 518), (518, 504), (70, 42)])
@pytest.mark.parametrize("prompt_size", [(24, 32), (1, 1), (7, 5), (48, 40)])
def test_depth_is_that_of_pytorch_at_every_size(
    height: int,
    width: int,
    prompt_size: tuple[int, int],
    exported: tuple[Path, export.Agreement],
    drawn: PromptedDepth,
    make_sample: Sampler,
) -> None:
    image, _ = make_sample(height, width)
    prompt = 1 + 3 * torch.rand(1, 1, *prompt_size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = drawn(image, prompt).depth
    error = (run(exported[0], image, prompt) - expected).abs().max()
    assert error <= export.GREATEST_ERROR * 3


@needs_extra
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_each_of_several_pictures_has_the_depth_that_it_has_alone(
    batch: int, exported: tuple[Path, export.Agreement], drawn: PromptedDepth, make_sample: Sampler
) -> None:
    image, prompt = make_sample(42, 70, batch)
    prompt[-1] *= 3
    with torch.inference_mode():
        expected = torch.cat([drawn(*one).depth for one in zip(image.split(1), prompt.split(1), strict=True)])
    torch.testing.assert_close(run(exported[0], image, prompt), expected, rtol=0, atol=1e-3)


@needs_extra
def test_zero_and_what_is_not_finite_are_unknown_prompt(
    exported: tuple[Path, export.Agreement], drawn: PromptedDepth, make_sample: Sampler
) -> None:
    image, prompt = make_sample(42, 56)
    valid = torch.ones_like(prompt, dtype=torch.bool)
    valid[..., :12, 3:20] = False
    with torch.inference_mode():
        expected = drawn(image, prompt, valid).depth
    for unknown in (0.0, -1.0, torch.nan, torch.inf):
        depth = run(exported[0], image, prompt.where(valid, unknown))
        torch.testing.assert_close(depth, expected, rtol=0, atol=3e-4)


@needs_extra
def test_half_precision_keeps_the_signal(drawn: PromptedDepth, tmp_path: Path, make_sample: Sampler) -> None:
    before = drawn.encoder.vit.pos_embed.clone()
    agreement = to_onnx(drawn, tmp_path / "half.onnx", half=True)
    assert agreement.rms_error <= export.GREATEST_HALF_ERROR * agreement.spread
    image, prompt = make_sample(70, 42)
    depth = run(tmp_path / "half.onnx", image, prompt)
    assert depth.dtype == torch.float32
    with torch.inference_mode():
        expected = drawn(image, prompt).depth
    assert (depth - expected).square().mean().sqrt() <= export.GREATEST_HALF_ERROR * expected.std()
    assert torch.equal(drawn.encoder.vit.pos_embed, before), "the network itself was changed"


@needs_extra
def test_a_file_that_disagrees_is_not_written(
    exported: tuple[Path, export.Agreement], drawn: PromptedDepth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = copy.deepcopy(drawn)
    other.head.conv3.bias.data += 0.5
    content = exported[0].read_bytes()
    monkeypatch.setattr(export, "_write", lambda _model, path, _half: path.write_bytes(content))
    (tmp_path / "old.onnx").write_text("before")
    with pytest.raises(ExportError, match=r"old.onnx: not written, it would differ from PyTorch by \d"):
        to_onnx(other, tmp_path / "old.onnx")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("old.onnx", "before")]


def test_a_missing_extra_is_one_sentence_with_the_command(
    drawn: PromptedDepth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(ExportError, match=r"out.onnx: needs onnxscript; pip install 'promptda-recon\[export\]'"):
        to_onnx(drawn, tmp_path / "out.onnx")
    assert not list(tmp_path.iterdir())


def test_a_network_in_training_is_refused(tiny: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="call its eval"):
        export.to_onnx(PromptedDepth(Architecture(tiny, 8)), tmp_path / "out.onnx")


@needs_extra
def test_what_no_single_file_can_hold_is_refused_at_once(
    drawn: PromptedDepth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "GREATEST_BYTES", 1000)
    with pytest.raises(ExportError, match="one ONNX file holds"):
        to_onnx(drawn, tmp_path / "out.onnx")


@pytest.mark.parametrize("registers", [0, 4])
@pytest.mark.parametrize(("height", "width"), [(37, 37), (37, 40), (9, 13), (54, 72), (3, 80)])
def test_positions_by_operations_are_the_interpolated_ones(registers: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    size = dinov2.Size(12, 1, 2, (0, 0, 0, 0), (4, 4, 4, 4), registers=registers)
    vit = dinov2.VisionTransformer(size)
    torch.nn.init.normal_(vit.pos_embed)
    torch.testing.assert_close(export.position(vit, height, width), vit.position(height, width), rtol=0, atol=1e-4)


@needs_extra
@pytest.mark.slow
@pytest.mark.parametrize("half", [False, True])
def test_a_whole_transformer_exports(half: bool, vits: PromptedDepth, tmp_path: Path, make_sample: Sampler) -> None:
    path = tmp_path / "vits.onnx"
    agreement = to_onnx(vits, path, half)
    assert agreement.spread > 0.05
    image, prompt = make_sample(378, 504)
    with torch.inference_mode():
        expected = vits(image, prompt).depth
    error = run(path, image, prompt) - expected
    weights = sum(p.numel() for p in vits.parameters())
    assert path.stat().st_size < weights * (2 if half else 4) * 1.1
    if half:
        assert error.square().mean().sqrt() <= export.GREATEST_HALF_ERROR * expected.std()
    else:
        assert error.abs().max() <= export.GREATEST_ERROR * (prompt.max() - prompt.min())


@needs_extra
@pytest.mark.slow
@pytest.mark.parametrize(
    "parts",
    [
        {"prompting": "masked-fusion"},
        {"prompting": "adaln"},
        {"prompting": "cross-attention"},
        {"prompting": "controlnet"},
        {"normalisation": "log"},
        {"head": "laplace"},
        {"encoder": "lite0"},
    ],
    ids=lambda parts: "-".join(parts.values()),
)
def test_every_variant_of_the_network_exports(parts: dict[str, str], tiny: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = PromptedDepth(Architecture(**{"encoder": tiny, "features": 8, **parts})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:  # those that start at zero too
                parameter.normal_(std=(1.5 / parameter[0].numel()) ** 0.5)
    agreement = to_onnx(model, tmp_path / "variant.onnx")
    assert agreement.spread > 50 * export.GREATEST_ERROR


@needs_extra
@pytest.mark.slow
@pytest.mark.parametrize("half", [False, True])
def test_the_compact_network_exports(half: bool, tmp_path: Path) -> None:
    agreement = to_onnx(promptda.load("lite"), tmp_path / "lite.onnx", half)
    assert agreement.spread > 50 * export.GREATEST_ERROR
