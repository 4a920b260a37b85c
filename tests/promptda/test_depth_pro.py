"""Depth Pro as a foundation, against the independent implementation in ``transformers`` on a small configuration."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import DepthProConfig, DepthProForDepthEstimation

import promptda
from promptda import DepthProArchitecture, PromptedDepthPro, WeightsError, load_foundation
from promptda.depth_pro_files import APPLE, TRANSFORMERS
from promptda.encoders import depth_pro
from promptda.encoders.depth_pro import Size, merge, split
from promptda.network import Architecture

SMALL = Size(
    window_px=32, patch_px=4, width=24, depth=4, heads=2, taps=(0, 2), features=16, channels=(16, 16, 20, 24, 24)
)
SIDE = 128
TRIM = 1  # patches of overlap that a window of the full image gives up: of 24 published ones 3, of 8 here 1


@pytest.fixture(scope="module")
def peer() -> nn.Module:
    """A small DepthPro whose random weights let its output vary."""
    transformer = {
        "model_type": "dinov2",
        "image_size": 32,
        "patch_size": 4,
        "hidden_size": 24,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
    }
    peer = DepthProForDepthEstimation(
        DepthProConfig(
            patch_size=32,
            fusion_hidden_size=16,
            intermediate_hook_ids=[2, 0],
            intermediate_feature_dims=[16, 16],
            scaled_images_feature_dims=[24, 24, 20],
            merge_padding_value=TRIM,
            image_model_config=dict(transformer),
            patch_model_config=dict(transformer),
            fov_model_config=dict(transformer),
            use_fov_model=True,
        )
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in peer.named_parameters():
            if parameter.ndim == 4:
                parameter.normal_(std=(1.5 / parameter[0].numel()) ** 0.5, generator=generator)
            elif "token" in name or "position" in name or name.endswith("bias"):
                parameter.normal_(std=0.3, generator=generator)
        peer.head.layers[4].bias.fill_(1.0)
    return peer.eval()


@pytest.fixture(scope="module")
def peer_file(peer: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("depth_pro")
    peer.save_pretrained(folder)
    return folder / "model.safetensors"


@pytest.fixture(scope="module")
def small() -> Iterator[DepthProArchitecture]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(depth_pro.SIZES, "small-depth-pro", SMALL)
        yield DepthProArchitecture("small-depth-pro")


@pytest.fixture
def model(peer_file: Path, small: DepthProArchitecture) -> Iterator[PromptedDepthPro]:
    torch.manual_seed(0)
    with torch.inference_mode():
        yield load_foundation(peer_file, small).eval()


def draw_image(height: int = SIDE, width: int = SIDE, batch: int = 1) -> Tensor:
    coarse = torch.rand(batch, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    return F.interpolate(coarse, (height, width), mode="bilinear")


def draw_prompt(batch: int = 1) -> Tensor:
    return 1 + 3 * torch.rand(batch, 1, 12, 16, generator=torch.Generator().manual_seed(2))


def unprompted(_level: int, features: Tensor) -> Tensor:
    return features


@pytest.mark.parametrize("batch", [1, 2])
def test_without_a_prompt_it_is_transformers_depth_pro(model: PromptedDepthPro, peer: nn.Module, batch: int) -> None:
    image = draw_image(batch=batch)
    expected = peer(pixel_values=(image - 0.5) / 0.5).predicted_depth[:, None]
    assert expected.std() > 0.1, "the output hardly varies: agreement would prove nothing"
    # Float32 sums in another order.
    assert (model.unit_inverse(image, unprompted) - expected).abs().max() <= 1e-4 * expected.std()


def test_a_new_prompt_branch_leaves_the_foundation_unchanged(model: PromptedDepthPro) -> None:
    image, prompt = draw_image(), draw_prompt()
    near, far = 1 / prompt.min(), 1 / prompt.max()
    unit = F.interpolate(model.unit_inverse(image, unprompted), (SIDE, SIDE), mode="bilinear")
    torch.testing.assert_close(model(image, prompt).depth, 1 / (unit * (near - far) + far), rtol=1e-5, atol=0)


def test_the_prompt_enters_all_five_levels(model: PromptedDepthPro) -> None:
    image, prompt = draw_image(), draw_prompt()
    before = model(image, prompt).depth
    for level in range(5):
        project = model.prompting[level].project
        project.bias += 1
        assert (model(image, prompt).depth - before).abs().max() > 1e-3, f"level {level}"
        project.bias -= 1


def test_the_size_of_the_image_is_free(model: PromptedDepthPro) -> None:
    assert model(draw_image(100, 150), draw_prompt()).depth.shape == (1, 1, 100, 150)


def test_depth_scales_with_the_prompt_and_ends_where_it_ends(model: PromptedDepthPro) -> None:
    image, prompt = draw_image(), draw_prompt()
    depth = model(image, prompt).depth
    torch.testing.assert_close(model(image, 4 * prompt).depth, 4 * depth)
    assert depth.max() <= prompt.max() * (1 + 1e-6)


def test_unknown_pixels_of_the_prompt_are_ignored(model: PromptedDepthPro) -> None:
    image, prompt = draw_image(), draw_prompt()
    valid = torch.ones_like(prompt, dtype=torch.bool)
    valid[..., 3:6, 3:6] = False
    depth = model(image, prompt, valid).depth
    for junk in (0.0, -1.0, 1000.0, torch.nan):
        assert torch.equal(model(image, prompt.where(valid, junk), valid).depth, depth)
    assert (model(image, torch.zeros_like(prompt)).depth == 0).all()


@pytest.mark.parametrize("window", [5, 3])
def test_windows_put_together_are_the_image(window: int) -> None:
    side, pixels = (SIDE, 32) if window == 5 else (SIDE // 2, 32)
    image = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(3))
    overlap = pixels - (side - pixels) // (window - 1)
    assert torch.equal(merge(split(image, window, pixels), 2, overlap), image)


def test_apples_names_and_those_of_transformers_name_the_same_tensors(
    peer_file: Path, model: PromptedDepthPro, small: DepthProArchitecture, tmp_path: Path
) -> None:
    state = model.state_dict()
    foundation = {key: t.clone() for key, t in state.items() if not key.startswith("prompting.")}
    apple = APPLE.from_ours(foundation)
    for key in (
        "encoder.patch_encoder.patch_embed.proj.weight",
        "encoder.image_encoder.blocks.3.attn.qkv.bias",
        "encoder.patch_encoder.blocks.0.ls2.gamma",
        "encoder.upsample_latent0.3.weight",
        "encoder.upsample_latent1.0.weight",
        "encoder.upsample2.1.weight",
        "encoder.upsample_lowres.bias",
        "encoder.fuse_lowres.weight",
        "decoder.convs.4.weight",
        "decoder.fusions.4.resnet1.residual.3.bias",
        "decoder.fusions.1.deconv.weight",
        "decoder.fusions.0.out_conv.bias",
        "head.4.weight",
    ):
        assert key in apple
    assert not [key for key in apple if key.startswith(("decoder.convs.0.", "decoder.fusions.0.deconv."))]
    torch.save(apple | {"fov.encoder.0.cls_token": torch.zeros(1)}, tmp_path / "depth_pro.pt")
    for path in (tmp_path / "depth_pro.pt", peer_file):
        loaded = load_foundation(path, small).state_dict()
        assert all(torch.equal(loaded[key], tensor) for key, tensor in foundation.items())


def test_the_published_network_has_as_many_parameters_as_published() -> None:
    with torch.device("meta"):
        model = PromptedDepthPro(DepthProArchitecture())
        peer = DepthProForDepthEstimation(DepthProConfig(**published()))
    mask_tokens = 2 * 1024  # which ours does without
    prompt = sum(p.numel() for p in model.prompting.parameters())
    assert (
        sum(p.numel() for p in model.parameters()) - prompt == sum(p.numel() for p in peer.parameters()) - mask_tokens
    )
    assert model.fixed_size == 1536
    keys = TRANSFORMERS.from_ours({k: t for k, t in model.state_dict().items() if not k.startswith("prompting.")})
    assert "depth_pro.encoder.patch_encoder.model.encoder.layer.23.attention.attention.value.weight" in keys


def published() -> dict[str, object]:
    transformer = {
        "model_type": "dinov2",
        "image_size": 384,
        "patch_size": 16,
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
    }
    return {f"{part}_model_config": dict(transformer) for part in ("image", "patch", "fov")}


def test_tensors_that_do_not_fit_are_named(peer_file: Path, small: DepthProArchitecture, tmp_path: Path) -> None:
    tensors = load_file(peer_file)
    del tensors["head.layers.4.bias"]
    save_file(tensors, tmp_path / "short.safetensors")
    with pytest.raises(WeightsError, match="does not fit a small-depth-pro network; 1 missing: head.layers.4.bias$"):
        load_foundation(tmp_path / "short.safetensors", small)
    with pytest.raises(WeightsError, match="does not fit a depth-pro network; .* of another shape"):
        load_foundation(peer_file, DepthProArchitecture())
    with pytest.raises(WeightsError, match="does not fit a vits network"):
        load_foundation(peer_file, Architecture.released("vits"))
    with pytest.raises(WeightsError, match="missing.pt: neither a file"):
        load_foundation(tmp_path / "missing.pt", small)
    with pytest.raises(WeightsError, match="a foundation, which takes no prompt"):
        promptda.load(peer_file)


def test_a_trained_one_is_saved_and_loaded_whole(model: PromptedDepthPro, tmp_path: Path) -> None:
    for parameter in model.prompting.parameters():
        parameter += 0.01
    promptda.save(model, tmp_path / "ours.safetensors")
    loaded = promptda.load(tmp_path / "ours.safetensors")
    assert isinstance(loaded, PromptedDepthPro)
    assert loaded.architecture == model.architecture
    assert loaded.fixed_size == SIDE
    assert not loaded.training
    assert torch.equal(loaded(draw_image(), draw_prompt()).depth, model(draw_image(), draw_prompt()).depth)
    continued = load_foundation(tmp_path / "ours.safetensors", model.architecture)
    assert continued.training
    assert all(torch.equal(tensor, model.state_dict()[key]) for key, tensor in continued.state_dict().items())


def test_an_unknown_size_in_a_file_is_one_sentence(model: PromptedDepthPro, tmp_path: Path) -> None:
    tensors = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    save_file(tensors, tmp_path / "odd.safetensors", {"architecture": '{"encoder": "depth-pro-9000"}'})
    with pytest.raises(WeightsError, match="odd.safetensors: unknown architecture .*depth-pro-9000"):
        promptda.load(tmp_path / "odd.safetensors")
    with pytest.raises(ValueError, match="DepthProArchitecture.encoder is 'vits'"):
        DepthProArchitecture("vits")
