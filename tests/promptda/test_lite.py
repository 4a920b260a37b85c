"""The compact network: what a new one gives, its laws, and its files."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import promptda
from promptda.heads import INITIAL_UNCERTAINTY
from promptda.lite import LiteArchitecture, LiteDepth

TINY = LiteArchitecture(width=12)


def trained(seed: int = 0) -> LiteDepth:
    """A small network in which nothing is zero."""
    torch.manual_seed(seed)
    network = LiteDepth(TINY).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.data += 0.02 * torch.randn(parameter.shape, generator=generator)
    return network


def inputs(batch: int = 1, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(batch, 3, 64, 96, generator=generator)
    coarse = 1 + 2 * torch.rand(batch, 1, 3, 4, generator=generator)
    return image, F.interpolate(coarse, (16, 24), mode="bilinear")


def test_it_fits_its_place_in_the_package() -> None:
    parameters = sum(parameter.numel() for parameter in LiteDepth(LiteArchitecture()).parameters())
    assert parameters <= 4_000_000


def test_a_new_network_gives_the_prompt_upsampled() -> None:
    image, prompt = inputs()
    with torch.no_grad():
        prediction = LiteDepth(TINY).eval()(image, prompt)
    bilinear = F.interpolate(prompt.log(), (64, 96), mode="bilinear").exp()
    assert prediction.uncertainty is not None
    assert (prediction.depth / bilinear - 1).abs().mean() < 0.01
    torch.testing.assert_close(prediction.uncertainty, torch.full_like(bilinear, INITIAL_UNCERTAINTY))


def test_depth_scales_with_the_prompt_and_uncertainty_does_not() -> None:
    network, (image, prompt) = trained(), inputs()
    with torch.no_grad():
        near, far = network(image, prompt), network(image, 3 * prompt)
    torch.testing.assert_close(far.depth, 3 * near.depth, rtol=1e-4, atol=0)
    torch.testing.assert_close(far.uncertainty, near.uncertainty, rtol=1e-4, atol=1e-6)


def test_depth_may_leave_the_range_of_the_prompt() -> None:
    network, (image, prompt) = trained(), inputs()
    assert network.head.cell.bias is not None
    network.head.cell.bias.data[0] = 0.5
    with torch.no_grad():
        assert network(image, prompt).depth.max() > prompt.max()


def test_what_an_unknown_pixel_holds_changes_nothing_and_the_mask_does() -> None:
    network, (image, prompt) = trained(), inputs()
    valid = torch.rand(prompt.shape, generator=torch.Generator().manual_seed(3)) > 0.3
    with torch.no_grad():
        masked = network(image, prompt, valid).depth
        assert torch.equal(masked, network(image, prompt.masked_fill(~valid, torch.nan), valid).depth)
        assert not torch.equal(masked, network(image, prompt).depth)


def test_no_known_pixel_is_unknown_depth() -> None:
    network, (image, prompt) = trained(), inputs()
    with torch.no_grad():
        assert (network(image, prompt * 0).depth == 0).all()


def test_a_batch_is_each_of_its_pictures() -> None:
    network, (image, prompt) = trained(), inputs(batch=2)
    with torch.no_grad():
        both = network(image, prompt).depth
        for i in range(2):
            torch.testing.assert_close(both[i : i + 1], network(image[i : i + 1], prompt[i : i + 1]).depth)


def test_every_parameter_is_trained() -> None:
    network, (image, prompt) = trained().train(), inputs()
    prediction = network(image, prompt)
    (prediction.depth.log().abs() / prediction.uncertainty).mean().backward()
    idle = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert not idle


def test_sides_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="image is 96x60; both sides must be multiples of 32"):
        trained()(torch.rand(1, 3, 60, 96), inputs()[1])


def test_its_file_returns_and_half_of_it_suffices(tmp_path: Path) -> None:
    network, (image, prompt) = trained(), inputs()
    promptda.save(network, tmp_path / "full.safetensors")
    promptda.save(network, tmp_path / "half.safetensors", torch.float16)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * (tmp_path / "full.safetensors").stat().st_size
    with torch.no_grad():
        full, half = (promptda.load(tmp_path / f"{name}.safetensors")(image, prompt) for name in ("full", "half"))
        torch.testing.assert_close(full.depth, network(image, prompt).depth)
    assert (half.depth / full.depth - 1).abs().max() < 0.01


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"encoder": "vits"}, "LiteArchitecture.encoder is 'vits'"),
        ({"width": 10}, "LiteArchitecture.width is 10; give a positive multiple of 3"),
    ],
)
def test_an_impossible_architecture_is_refused(fields: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LiteArchitecture(**fields)
