"""The Laplace likelihood of log depth."""

import math

import pytest
import torch
from torch import Tensor

from promptda.likelihood import laplace_negative_log_likelihood as loss


def image(*values: float) -> Tensor:
    return torch.tensor(values).view(1, 1, 1, -1)


def everywhere(depth: Tensor) -> Tensor:
    return torch.ones_like(depth, dtype=torch.bool)


def test_numbers_on_paper() -> None:
    # Log errors of 1 and 0 at a scale of 1/2: (2 + log 1 + 0 + log 1) / 2.
    depth, target = image(math.e, 3.0), image(1.0, 3.0)
    torch.testing.assert_close(loss(depth, image(0.5, 0.5), target, everywhere(depth)), torch.tensor([1.0]))


@pytest.fixture(scope="module")
def measured() -> tuple[Tensor, Tensor]:
    """A depth of 2 m and targets around it, of a Laplace scale of log depth of 0.05."""
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(1, 1, 200, 250, generator=generator, dtype=torch.float64) - 0.5
    noise = -0.05 * uniform.sign() * torch.log1p(-2 * uniform.abs())
    return torch.full_like(noise, 2.0), 2.0 * noise.exp()


def test_the_true_scale_is_best(measured: tuple[Tensor, Tensor]) -> None:
    depth, target = measured
    scales = 0.05 * torch.linspace(0.5, 2, 61)
    losses = [loss(depth, torch.full_like(depth, scale.item()), target, everywhere(depth)).item() for scale in scales]
    assert scales[torch.tensor(losses).argmin()] == pytest.approx(0.05, rel=0.026)  # one step of the search


def test_the_true_depth_is_best(measured: tuple[Tensor, Tensor]) -> None:
    depth, target = measured
    factors = torch.linspace(0.9, 1.1, 41)
    uncertainty = torch.full_like(depth, 0.05)
    losses = [loss(factor * depth, uncertainty, target, everywhere(depth)).item() for factor in factors]
    assert factors[torch.tensor(losses).argmin()] == pytest.approx(1, abs=0.0051)  # one step of the search


def test_pixels_outside_do_not_matter_and_leave_gradients_finite() -> None:
    valid = torch.tensor([True, False]).view(1, 1, 1, 2)
    for junk in (0.0, torch.nan, -1.0):
        depth = image(2.0, 0.0).requires_grad_()
        uncertainty = image(0.1, 0.1).requires_grad_()
        value = loss(depth, uncertainty, image(2.5, junk), valid)
        torch.testing.assert_close(value, loss(image(2.0), image(0.1), image(2.5), everywhere(image(1.0))))
        value.sum().backward()
        for gradient in (depth.grad, uncertainty.grad):
            assert gradient is not None
            assert gradient.isfinite().all()
            assert gradient[..., 1] == 0


def test_an_image_without_valid_pixels_has_no_likelihood() -> None:
    depth = image(1.0, 2.0)
    assert loss(depth, depth, depth, ~everywhere(depth)).isnan().all()
