"""Laws of depth that leaves the prompt's range and of its uncertainty."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from drawn_network import draw_architecture
from torch import Tensor

import promptda
from promptda.likelihood import laplace_negative_log_likelihood
from promptda.network import Architecture, PromptedDepth

Sampler = Callable[..., tuple[Tensor, Tensor]]


@pytest.fixture(scope="module")
def free(tiny: str) -> PromptedDepth:
    """A masked network whose depth may leave the prompt's range, with uncertainty."""
    return draw_architecture(Architecture(tiny, 8, "masked-fusion", "log", "laplace"))


def shifted(model: PromptedDepth, by: float) -> PromptedDepth:
    """The same network with its normalised depth moved."""
    moved = copy.deepcopy(model)
    with torch.no_grad():
        moved.head.conv3.bias += by
    return moved


@torch.inference_mode()
def test_free_depth_goes_beyond_the_prompt_on_both_sides(free: PromptedDepth, make_sample: Sampler) -> None:
    image, prompt = make_sample(70, 98)
    assert (shifted(free, 5)(image, prompt).depth > prompt.max()).any()
    near = shifted(free, -5)(image, prompt).depth
    assert (near < prompt.min()).any()
    assert (near > 0).all()


@torch.inference_mode()
def test_free_depth_scales_with_the_prompt(free: PromptedDepth, make_sample: Sampler) -> None:
    image, prompt = make_sample(70, 98)
    before, after = free(image, prompt), free(image, 2.5 * prompt)
    torch.testing.assert_close(after.depth, 2.5 * before.depth, rtol=1e-4, atol=0)  # float32 logarithms
    torch.testing.assert_close(after.uncertainty, before.uncertainty, rtol=1e-4, atol=0)


@torch.inference_mode()
def test_a_few_wrong_pixels_hardly_move_free_depth(free: PromptedDepth, make_sample: Sampler) -> None:
    """Moved by one pixel of 768 at a thousand metres: by how much more do released networks move?"""
    image, prompt = make_sample(70, 98)
    wrong = prompt.clone()
    wrong[..., 12, 16] = 1000

    def change(model: PromptedDepth) -> Tensor:
        return (model(image, wrong).depth.log() - model(image, prompt).depth.log()).abs().median()

    bounded = draw_architecture(Architecture(free.architecture.encoder, 8))
    assert change(free) < 0.1
    assert change(bounded) > 10 * change(free)


@torch.inference_mode()
def test_zeros_are_unknown_to_free_depth(free: PromptedDepth, make_sample: Sampler) -> None:
    image, prompt = make_sample(70, 98)
    holed = prompt.where(prompt > 2, 0)
    assert torch.equal(free(image, holed).depth, free(image, prompt, prompt > 2).depth)


@torch.inference_mode()
def test_an_empty_prompt_gives_unknown_free_depth(free: PromptedDepth, make_sample: Sampler) -> None:
    image, prompt = make_sample(70, 98)
    assert (free(image, torch.zeros_like(prompt)).depth == 0).all()


@torch.inference_mode()
def test_free_depth_before_a_bare_wall_may_still_vary(free: PromptedDepth, make_sample: Sampler) -> None:
    image, prompt = make_sample(70, 98)
    depth = free(image, torch.full_like(prompt, 2.0)).depth
    assert depth.isfinite().all()
    assert depth.std() > 0.01


@torch.inference_mode()
def test_uncertainty_is_positive_and_depth_the_same_without_it(tiny: str, make_sample: Sampler) -> None:
    with_it = draw_architecture(Architecture(tiny, 8, head="laplace"))
    without = PromptedDepth(Architecture(tiny, 8)).eval()
    without.load_state_dict({k: t for k, t in with_it.state_dict().items() if "uncertainty" not in k})
    image, prompt = make_sample(70, 98)
    prediction, expected = with_it(image, prompt), without(image, prompt)
    assert torch.equal(prediction.depth, expected.depth)
    assert expected.uncertainty is None
    assert prediction.uncertainty is not None
    assert prediction.uncertainty.shape == prediction.depth.shape
    assert (prediction.uncertainty > 0).all()
    assert prediction.uncertainty.std() > 0.01


def test_the_likelihood_teaches_every_parameter(free: PromptedDepth, make_sample: Sampler) -> None:
    model = copy.deepcopy(free).train()
    image, prompt = make_sample(70, 98)
    prediction = model(image, prompt, prompt > 2)
    assert prediction.uncertainty is not None
    target = torch.full_like(prediction.depth, 2.0)
    laplace_negative_log_likelihood(prediction.depth, prediction.uncertainty, target, target > 0).sum().backward()
    still = [n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert still == []
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("normalisation", ["range", "log"])
@pytest.mark.parametrize("head", ["depth", "laplace"])
def test_saved_options_return(normalisation: str, head: str, tiny: str, make_sample: Sampler, tmp_path: Path) -> None:
    model = draw_architecture(Architecture(tiny, 8, normalisation=normalisation, head=head))
    promptda.save(model, tmp_path / "weights")
    loaded = promptda.load(tmp_path / "weights")
    assert loaded.architecture == model.architecture
    with torch.inference_mode():
        image, prompt = make_sample(70, 98)
        assert torch.equal(loaded(image, prompt).depth, model(image, prompt).depth)
