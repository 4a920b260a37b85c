"""Networks started from the weights of others, above all Depth Anything V2."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_network import draw_architecture
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
)
from transformers.models.dinov2.modeling_dinov2 import Dinov2Embeddings
from transformers_peer import peer_depth_without_prompt, released_position

import promptda
from promptda import WeightsError
from promptda.encoders import dinov2
from promptda.foundation import load_foundation
from promptda.network import Architecture, PromptedDepth
from promptda.prompting.designs import DESIGNS
from promptda.published_forms import DINOV2, OFFICIAL, TRANSFORMERS, Form

Sampler = Callable[..., tuple[Tensor, Tensor]]
DESIGN_NAMES = [design.name for design in DESIGNS]
MAX_DEPTH_M = 20  # of the metric model for rooms


@pytest.fixture(scope="module")
def drawn(tiny: str) -> PromptedDepth:
    return draw_architecture(Architecture(tiny, 8))


def foundation_tensors(model: PromptedDepth, form: Form) -> dict[str, Tensor]:
    """What Depth Anything V2 consists of: everything but the prompt's branches."""
    return form.from_ours({key: t for key, t in model.state_dict().items() if not key.startswith("prompting.")})


def depth_anything(model: PromptedDepth, kind: str) -> nn.Module:
    """Depth Anything V2 in ``transformers`` with the weights of ours."""
    size = dinov2.SIZES[model.architecture.encoder]
    config = DepthAnythingConfig(
        backbone_config={
            "model_type": "dinov2",
            "image_size": 518,
            "patch_size": 14,
            "hidden_size": size.width,
            "num_hidden_layers": size.depth,
            "num_attention_heads": size.heads,
            "out_indices": [tap + 1 for tap in size.taps],
            "apply_layernorm": True,
            "reshape_hidden_states": False,
        },
        reassemble_hidden_size=size.width,
        neck_hidden_sizes=list(size.channels),
        fusion_hidden_size=model.architecture.features,
        depth_estimation_type=kind,
        max_depth=MAX_DEPTH_M if kind == "metric" else 1,
    )
    weights = foundation_tensors(model, TRANSFORMERS)
    peer, report = DepthAnythingForDepthEstimation.from_pretrained(
        None, config=config, state_dict=weights, output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    return peer.eval()


def write_official(model: PromptedDepth, path: Path) -> None:
    torch.save(foundation_tensors(model, OFFICIAL), path)


def write_transformers(model: PromptedDepth, path: Path) -> None:
    save_file(foundation_tensors(model, TRANSFORMERS), path)


@pytest.mark.parametrize("write", [write_official, write_transformers])
@pytest.mark.parametrize("prompting", DESIGN_NAMES)
def test_a_metric_foundation_is_reproduced_by_every_design(
    write: Callable[[PromptedDepth, Path], None],
    prompting: str,
    drawn: PromptedDepth,
    make_sample: Sampler,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Dinov2Embeddings, "interpolate_pos_encoding", released_position)
    write(drawn, tmp_path / "foundation")
    architecture = Architecture(drawn.architecture.encoder, 8, prompting=prompting)
    model = load_foundation(tmp_path / "foundation", architecture).eval()
    image, prompt = make_sample(70, 98)
    prompt[..., 0, 0], prompt[..., 0, 1] = 0, MAX_DEPTH_M  # the range in which the foundation predicts
    expected = peer_depth_without_prompt(depth_anything(drawn, "metric"), image)
    assert expected.std() > 0.05 * MAX_DEPTH_M
    with torch.inference_mode():
        torch.testing.assert_close(model(image, prompt).depth, expected, rtol=0, atol=1e-4 * MAX_DEPTH_M)


def test_a_relative_foundation_arrives_whole(
    drawn: PromptedDepth, make_sample: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dinov2Embeddings, "interpolate_pos_encoding", released_position)
    write_official(drawn, tmp_path / "foundation")
    architecture = Architecture(drawn.architecture.encoder, 8, normalisation="log")
    model = load_foundation(tmp_path / "foundation", architecture).eval()
    image, _ = make_sample(70, 98)
    expected = peer_depth_without_prompt(depth_anything(drawn, "relative"), image)
    assert expected.std() > 0.05
    with torch.inference_mode():
        pyramid = model.encoder((image - model.image_mean) / model.image_std)
        inverse = model.head(model.decoder(pyramid, lambda _level, x: x), 70, 98).relu()
    torch.testing.assert_close(inverse, expected, rtol=0, atol=1e-4)


@torch.inference_mode()
def test_a_prompted_network_gains_mask_and_uncertainty_without_changing(
    drawn: PromptedDepth, make_sample: Sampler, tmp_path: Path
) -> None:
    promptda.save(drawn, tmp_path / "weights")
    architecture = Architecture(drawn.architecture.encoder, 8, prompting="masked-fusion", head="laplace")
    model = load_foundation(tmp_path / "weights", architecture).eval()
    image, prompt = make_sample(70, 98)
    prediction = model(image, prompt, prompt > 2)
    assert torch.equal(prediction.depth, drawn(image, prompt, prompt > 2).depth)
    torch.testing.assert_close(prediction.uncertainty, torch.full_like(prediction.depth, 0.02))


@pytest.mark.parametrize("prompting", DESIGN_NAMES)
def test_the_same_design_is_taken_over(prompting: str, tiny: str, tmp_path: Path) -> None:
    drawn = draw_architecture(Architecture(tiny, 8, prompting=prompting, head="laplace"))
    promptda.save(drawn, tmp_path / "weights")
    state = load_foundation(tmp_path / "weights", drawn.architecture).state_dict()
    assert all(torch.equal(state[key], tensor) for key, tensor in drawn.state_dict().items())
    plain = load_foundation(tmp_path / "weights", Architecture(tiny, 8, prompting=prompting))
    assert not any("uncertainty" in key for key in plain.state_dict())


def test_another_design_starts_anew(drawn: PromptedDepth, make_sample: Sampler, tmp_path: Path) -> None:
    promptda.save(drawn, tmp_path / "prompted")
    write_official(drawn, tmp_path / "bare")
    architecture = Architecture(drawn.architecture.encoder, 8, prompting="controlnet")
    sample = make_sample(70, 98)
    with torch.inference_mode():
        depths = [load_foundation(tmp_path / name, architecture).eval()(*sample).depth for name in ("prompted", "bare")]
    assert torch.equal(*depths)


def test_controlnet_copies_the_blocks_that_were_loaded(drawn: PromptedDepth, tmp_path: Path) -> None:
    write_official(drawn, tmp_path / "foundation")
    architecture = Architecture(drawn.architecture.encoder, 8, prompting="controlnet")
    copied = load_foundation(tmp_path / "foundation", architecture).prompting.blocks.state_dict()
    assert all(torch.equal(tensor, drawn.encoder.vit.blocks.state_dict()[key]) for key, tensor in copied.items())


def test_a_foundation_that_does_not_fit_is_named(drawn: PromptedDepth, tmp_path: Path) -> None:
    write_official(drawn, tmp_path / "foundation")
    with pytest.raises(WeightsError, match="does not fit a vits network; .* of another shape: pretrained.cls_token"):
        load_foundation(tmp_path / "foundation", Architecture.released("vits"))
    tensors = foundation_tensors(drawn, OFFICIAL)
    del tensors["pretrained.norm.weight"]
    tensors["depth_head.extra"] = torch.zeros(1)
    torch.save(tensors, tmp_path / "foundation")
    with pytest.raises(WeightsError, match="1 missing: pretrained.norm.weight; 1 unexpected: depth_head.extra$"):
        load_foundation(tmp_path / "foundation", drawn.architecture)


@pytest.mark.parametrize("write", [write_official, write_transformers])
def test_loading_a_foundation_for_prediction_is_refused(
    write: Callable[[PromptedDepth, Path], None], drawn: PromptedDepth, tmp_path: Path
) -> None:
    write(drawn, tmp_path / "foundation")
    with pytest.raises(WeightsError, match="a foundation, which takes no prompt"):
        promptda.load(tmp_path / "foundation")


def bare_dinov2(encoder: str) -> nn.Module:
    """DINOv2 in ``transformers`` with weights of its own and the size of ours."""
    size = dinov2.SIZES[encoder]
    shape = {
        "image_size": 518,
        "patch_size": 14,
        "hidden_size": size.width,
        "num_hidden_layers": size.depth,
        "num_attention_heads": size.heads,
        "use_swiglu_ffn": size.gated,
    }
    torch.manual_seed(0)
    if size.registers:
        return Dinov2WithRegistersModel(Dinov2WithRegistersConfig(num_register_tokens=size.registers, **shape)).eval()
    return Dinov2Model(Dinov2Config(**shape)).eval()


@pytest.fixture(params=["plain", "registers", "gated"])
def bare_encoder(request: pytest.FixtureRequest, tiny: str, monkeypatch: pytest.MonkeyPatch) -> str:
    size = dinov2.SIZES[tiny]
    sizes = {
        "plain": size,
        "registers": replace(size, registers=dinov2.REGISTERS),
        "gated": replace(size, gated=True),
    }
    monkeypatch.setitem(dinov2.SIZES, "bare", sizes[request.param])
    return "bare"


@torch.inference_mode()
def test_a_bare_dinov2_of_transformers_gives_the_encoder(bare_encoder: str, tmp_path: Path) -> None:
    peer = bare_dinov2(bare_encoder)
    peer.save_pretrained(tmp_path)
    model = load_foundation(tmp_path, Architecture(bare_encoder, 8)).eval()
    image = torch.rand(1, 3, 518, 518, generator=torch.Generator().manual_seed(0))  # no interpolated positions
    extra = 1 + dinov2.SIZES[bare_encoder].registers
    expected = peer(pixel_values=image).last_hidden_state[:, extra:].mT.unflatten(2, (37, 37))
    assert expected.std() > 0.5
    torch.testing.assert_close(model.encoder.vit(image)[-1], expected, rtol=0, atol=1e-4)


def test_a_bare_dinov2_as_released_gives_the_encoder_and_nothing_else(bare_encoder: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = PromptedDepth(Architecture(bare_encoder, 8)).encoder.vit.state_dict()
    raw = DINOV2.from_ours({f"encoder.vit.{key}": tensor for key, tensor in weights.items()})
    assert {"cls_token", "pos_embed", "mask_token", "patch_embed.proj.weight", "blocks.0.ls1.gamma"} <= raw.keys()
    torch.save(raw, tmp_path / "dinov2.pth")
    model = load_foundation(tmp_path / "dinov2.pth", Architecture(bare_encoder, 8, prompting="controlnet"))
    assert all(torch.equal(model.encoder.vit.state_dict()[key], tensor) for key, tensor in weights.items())
    copied = model.prompting.blocks.state_dict()
    assert all(torch.equal(tensor, weights[f"blocks.{key}"]) for key, tensor in copied.items())
    with pytest.raises(WeightsError, match="a foundation, which takes no prompt"):
        promptda.load(tmp_path / "dinov2.pth")
    del raw["blocks.1.norm1.weight"]
    torch.save(raw, tmp_path / "short.pth")
    with pytest.raises(WeightsError, match="does not fit a bare network; 1 missing: blocks.1.norm1.weight$"):
        load_foundation(tmp_path / "short.pth", Architecture(bare_encoder, 8))
