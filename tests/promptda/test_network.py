"""Laws of the whole network."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from promptda.network import Architecture, PromptedDepth

Sampler = Callable[..., tuple[Tensor, Tensor]]
ROUNDING = 2e-5  # of the prompt's range: float32 sums taken in another order


@pytest.mark.parametrize(
    ("encoder", "total", "transformer", "prompt"),
    [  # counted from the released files' tensors
        ("vits", 25_083_073, 22_056_576, 297_984),
        ("vitb", 98_656_577, 86_580_480, 1_185_792),
        ("vitl", 340_046_529, 304_368_640, 4_730_880),
    ],
)
def test_parameters_are_as_many_as_released(encoder: str, total: int, transformer: int, prompt: int) -> None:
    with torch.device("meta"):
        model = PromptedDepth(Architecture.released(encoder))
    parts = (model, model.encoder.vit, model.prompting)
    assert [sum(p.numel() for p in part.parameters()) for part in parts] == [total, transformer, prompt]


def test_a_new_prompt_branch_leaves_the_foundation_unchanged(make_sample: Sampler) -> None:
    torch.manual_seed(0)
    model = PromptedDepth(Architecture.released("vits")).eval()
    image, prompt = make_sample(126, 182)
    with torch.inference_mode():
        pyramid = model.encoder((image - model.image_mean) / model.image_std)
        foundation = model.head(model.decoder(pyramid, lambda _level, features: features), 126, 182)
        low, high = prompt.min(), prompt.max()
        assert torch.equal(model(image, prompt).depth, foundation * (high - low) + low)


def test_every_parameter_that_learns_receives_a_gradient(make_sample: Sampler, vits: PromptedDepth) -> None:
    model = copy.deepcopy(vits).train()
    model(*make_sample(70, 98)).depth.sum().backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert {n.rsplit(".", 2)[0] for n, p in model.named_parameters() if not p.requires_grad} == {
        "encoder",
        "decoder.levels.3.skip_unit",
    }


@torch.inference_mode()
def test_depth_scales_and_shifts_with_the_prompt(make_sample: Sampler, vits: PromptedDepth) -> None:
    image, prompt = make_sample(126, 182)
    depth = vits(image, prompt).depth
    # 4 and 8 keep float32 exact but for the last bit of the shifted prompt.
    moved = vits(image, 4 * prompt + 8).depth
    torch.testing.assert_close(moved, 4 * depth + 8, rtol=0, atol=12 * 1e-4)


@torch.inference_mode()
def test_a_batch_gives_what_its_images_give_alone(make_sample: Sampler, vits: PromptedDepth) -> None:
    images, prompts = make_sample(126, 182, batch=3)
    prompts = prompts * torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1)
    together = vits(images, prompts).depth
    for i in range(3):
        alone = vits(images[i : i + 1], prompts[i : i + 1]).depth
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=9 * ROUNDING)


@torch.inference_mode()
def test_depth_stays_within_the_prompt(make_sample: Sampler, vits: PromptedDepth) -> None:
    image, prompt = make_sample(126, 182)
    depth = vits(image, prompt).depth
    assert depth.shape == (1, 1, 126, 182)
    assert depth.min() >= prompt.min()
    assert depth.max() <= prompt.max()


@torch.inference_mode()
def test_invalid_pixels_of_the_prompt_are_ignored(make_sample: Sampler, vits: PromptedDepth) -> None:
    image, prompt = make_sample(126, 182)
    valid = torch.ones_like(prompt, dtype=torch.bool)
    valid[..., 5:9, 5:9] = False
    depth = vits(image, prompt, valid).depth
    for junk in (0.0, 1000.0, torch.nan, torch.inf):
        assert torch.equal(vits(image, prompt.where(valid, junk), valid).depth, depth)


@torch.inference_mode()
def test_a_full_mask_changes_nothing(make_sample: Sampler, vits: PromptedDepth) -> None:
    image, prompt = make_sample(126, 182)
    everywhere = torch.ones_like(prompt, dtype=torch.bool)
    assert torch.equal(vits(image, prompt, everywhere).depth, vits(image, prompt).depth)


@torch.inference_mode()
def test_a_constant_prompt_is_the_depth_of_every_pixel(make_sample: Sampler, vits: PromptedDepth) -> None:
    image, _ = make_sample(126, 182)
    assert (vits(image, torch.full((1, 1, 24, 32), 1.75)).depth == 1.75).all()


@torch.inference_mode()
def test_an_empty_prompt_gives_unknown_depth(make_sample: Sampler, vits: PromptedDepth) -> None:
    image, prompt = make_sample(126, 182)
    assert (vits(image, prompt, torch.zeros_like(prompt, dtype=torch.bool)).depth == 0).all()
    assert (vits(image, torch.full_like(prompt, torch.nan)).depth == 0).all()


def test_sides_that_are_not_multiples_of_the_stride_are_refused(make_sample: Sampler, vits: PromptedDepth) -> None:
    assert vits.stride == 14
    with pytest.raises(ValueError, match="image is 182x120; both sides must be multiples of 14"):
        vits(*make_sample(120, 182))


@torch.inference_mode()
def test_bfloat16_keeps_metres_in_float32(make_sample: Sampler, vits: PromptedDepth) -> None:
    image, prompt = make_sample(70, 98)
    depth = copy.deepcopy(vits).bfloat16()(image.bfloat16(), prompt).depth
    assert depth.dtype == torch.float32
    assert depth.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"encoder": "vitx"}, "Architecture.encoder is 'vitx'; there are vits, "),
        ({"features": 0}, "Architecture.features is 0"),
        ({"features": 63}, "Architecture.features is 63"),
        ({"prompting": "magic"}, "no prompt design is named 'magic'"),
        ({"normalisation": "magic"}, "no normalisation is named 'magic'"),
        ({"head": "magic"}, "Architecture.head is 'magic'; there are depth, laplace"),
    ],
)
def test_impossible_architectures_are_refused(settings: dict[str, str | int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Architecture(**{"encoder": "vits", "features": 64} | settings)
