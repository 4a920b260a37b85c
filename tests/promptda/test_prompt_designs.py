"""Laws of every prompt design."""

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from drawn_network import draw_architecture
from torch import Tensor

import promptda
from promptda.network import Architecture, PromptedDepth
from promptda.normalisation import fill, normalise
from promptda.prompting.designs import DESIGNS, design_named

Sampler = Callable[..., tuple[Tensor, Tensor]]
DESIGN_NAMES = [design.name for design in DESIGNS]


@pytest.fixture(scope="module", params=DESIGN_NAMES)
def drawn(request: pytest.FixtureRequest, tiny: str) -> PromptedDepth:
    """A network of each design in which every weight matters; copy it before changing it."""
    return draw_architecture(Architecture(tiny, 8, prompting=request.param))


@pytest.fixture
def untrained(drawn: PromptedDepth) -> PromptedDepth:
    """The same foundation with the design as it is before training."""
    model = copy.deepcopy(drawn)
    model.prompting = design_named(model.architecture.prompting)(model.encoder, model.architecture.features)
    return model.eval()


def foundation_depth(model: PromptedDepth, image: Tensor, prompt: Tensor) -> Tensor:
    """Encoder, decoder and head without any prompt design, in metres of the prompt's range."""
    pyramid = model.encoder((image - model.image_mean) / model.image_std)
    unit = model.head(model.decoder(pyramid, lambda _level, features: features), *image.shape[-2:])
    return normalise(prompt, None)[1].to_metres(unit)


@torch.inference_mode()
def test_an_untrained_design_leaves_its_foundation_exactly_as_it_is(
    untrained: PromptedDepth, make_sample: Sampler
) -> None:
    image, prompt = make_sample(70, 98, batch=2)
    expected = foundation_depth(untrained, image, prompt)
    assert expected.std() > 0.1, "the foundation hardly varies: equality would prove little"
    assert torch.equal(untrained(image, prompt).depth, expected)


@torch.inference_mode()
def test_a_trained_design_listens_to_the_prompt(drawn: PromptedDepth, make_sample: Sampler) -> None:
    image, prompt = make_sample(70, 98)
    depth = drawn(image, prompt).depth
    assert (depth - foundation_depth(drawn, image, prompt)).abs().max() > 0.01
    other = prompt.flatten()[torch.randperm(prompt.numel(), generator=torch.Generator().manual_seed(1))]
    # Pooled by AdaLN, the same values in other places differ little, but they differ.
    assert (drawn(image, other.view_as(prompt)).depth - depth).abs().max() > 1e-4


def test_every_parameter_of_a_trained_design_receives_a_gradient(drawn: PromptedDepth, make_sample: Sampler) -> None:
    model = copy.deepcopy(drawn).train()
    image, prompt = make_sample(70, 98)
    valid = torch.rand(prompt.shape, generator=torch.Generator().manual_seed(0)) > 0.5
    model(image, prompt, valid).depth.square().sum().backward()
    still = [n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert still == []


def test_training_moves_an_untrained_design(untrained: PromptedDepth, make_sample: Sampler) -> None:
    optimiser = torch.optim.SGD(untrained.prompting.parameters(), lr=0.1)
    image, prompt = make_sample(70, 98)
    for _ in range(3):  # through the zero layers, then those behind them
        optimiser.zero_grad()
        untrained(image, prompt, prompt > 2).depth.mean().backward()
        optimiser.step()
    moved = [p.grad is not None and bool(p.grad.any()) for p in untrained.prompting.parameters()]
    assert all(moved)


def test_a_saved_design_returns(drawn: PromptedDepth, make_sample: Sampler, tmp_path: Path) -> None:
    promptda.save(drawn, tmp_path / "weights.safetensors")
    loaded = promptda.load(tmp_path / "weights.safetensors")
    assert loaded.architecture == drawn.architecture
    assert loaded.state_dict().keys() == drawn.state_dict().keys()
    sample = make_sample(70, 98)
    with torch.inference_mode():
        assert torch.equal(loaded(*sample).depth, drawn(*sample).depth)


@torch.inference_mode()
def test_what_invalid_pixels_hold_changes_nothing(drawn: PromptedDepth, make_sample: Sampler) -> None:
    image, prompt = make_sample(70, 98)
    valid = torch.rand(prompt.shape, generator=torch.Generator().manual_seed(0)) > 0.7
    depth = drawn(image, prompt, valid).depth
    for junk in (0.0, 1000.0, torch.nan):
        assert torch.equal(drawn(image, prompt.where(valid, junk), valid).depth, depth)


@torch.inference_mode()
def test_a_batch_gives_what_its_images_give_alone(drawn: PromptedDepth, make_sample: Sampler) -> None:
    images, prompts = make_sample(70, 98, batch=2)
    together = drawn(images, prompts).depth
    for i in range(2):
        alone = drawn(images[i : i + 1], prompts[i : i + 1]).depth
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-4)  # of a range of 3 m


@torch.inference_mode()
def test_half_precision_stays_finite(drawn: PromptedDepth, make_sample: Sampler) -> None:
    image, prompt = make_sample(70, 98)
    depth = copy.deepcopy(drawn).bfloat16()(image.bfloat16(), prompt).depth
    assert depth.dtype == torch.float32
    assert depth.isfinite().all()


@torch.inference_mode()
def test_only_masked_fusion_tells_filled_depth_from_measured(drawn: PromptedDepth, make_sample: Sampler) -> None:
    image, prompt = make_sample(70, 98)
    valid = torch.rand(prompt.shape, generator=torch.Generator().manual_seed(0)) > 0.7
    filled = fill(prompt.where(valid, 0), valid)
    difference = (drawn(image, prompt, valid).depth - drawn(image, filled).depth).abs().max()
    assert (difference > 0.01) == (drawn.architecture.prompting == "masked-fusion")


def test_names_are_unique_and_unknown_ones_refused() -> None:
    assert len(set(DESIGN_NAMES)) == len(DESIGNS)
    with pytest.raises(ValueError, match="no prompt design is named 'magic'; there are fusion, "):
        design_named("magic")


@pytest.mark.parametrize("prompting", [design.name for design in DESIGNS if design.needs_transformer])
def test_designs_inside_a_transformer_refuse_other_encoders(prompting: str) -> None:
    with pytest.raises(ValueError, match="needs a transformer"):
        Architecture("lite0", 64, prompting=prompting)


@torch.inference_mode()
def test_a_design_that_reads_the_mask_says_so(drawn: PromptedDepth, make_sample: Sampler) -> None:
    image, prompt = make_sample(70, 98)
    unit, _ = normalise(prompt, None)
    features = []
    for mask in (torch.zeros_like(unit), torch.ones_like(unit)):
        both = torch.cat([unit, mask], dim=1)
        pyramid = drawn.prompting.encode(drawn.encoder, image, both)
        features.append(drawn.decoder(pyramid, partial(drawn.prompting.fuse, prompt=both)))
    assert torch.equal(*features) == (not drawn.prompting.knows_mask)
