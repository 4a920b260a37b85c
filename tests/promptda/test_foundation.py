"""Networks started from the weights of others, above all Depth Anything V2."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from drawn_network import draw_architecture
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation
from transformers.models.dinov2.modeling_dinov2 import Dinov2Embeddings
from transformers_peer import peer_depth_without_prompt, released_position

import promptda
from promptda import WeightsError
from promptda.encoders import dinov2
from promptda.foundation import load_foundation
from promptda.network import Architecture, PromptedDepth
from promptda.prompting.designs import DESIGNS
from promptda.published_forms import OFFICIAL, TRANSFORMERS, Form

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
    with pytest.raises(WeightsError, match="takes no prompt, such as Depth Anything V2"):
        promptda.load(tmp_path / "foundation")
