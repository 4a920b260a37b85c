"""Blurs of depth maps and smooth random fields."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

BILATERAL_WINDOW = 5  # pixels across
BILATERAL_DEPTH = 0.01  # of the guide scaled to 0..1
_KNOTS_DEVIATION = 0.855  # of cubic interpolation between unit normal values, over all places


def gaussian_blur(values: Float[Tensor, "b c h w"], deviation_px: float) -> Float[Tensor, "b c h w"]:
    """Separable, the border repeated."""
    reach = math.ceil(3 * deviation_px)
    offset = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    kernel = torch.exp(-0.5 * (offset / deviation_px) ** 2)
    kernel = kernel / kernel.sum()
    count, channels, height, width = values.shape
    flat = values.reshape(count * channels, 1, height, width)
    flat = F.conv2d(F.pad(flat, (0, 0, reach, reach), mode="replicate"), kernel.view(1, 1, -1, 1))
    flat = F.conv2d(F.pad(flat, (reach, reach, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    return flat.view(values.shape)


def slopes(values: Float[Tensor, "b 1 h w"]) -> tuple[Float[Tensor, "b 1 h w"], Float[Tensor, "b 1 h w"]]:
    """Change per pixel downwards and to the right, of the two sides the gentler one: a step is none."""
    found = []
    for axis in (-2, -1):
        steps = values.diff(dim=axis)
        before = torch.cat([steps.narrow(axis, 0, 1), steps], dim=axis)
        after = torch.cat([steps, steps.narrow(axis, -1, 1)], dim=axis)
        found.append(torch.where(before.abs() < after.abs(), before, after))
    return found[0], found[1]


def joint_bilateral(depth: Float[Tensor, "b 1 h w"], guide: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Means over a window of what is alike in ``guide``, whose range counts as 0..1; unknown (0) takes no part."""
    reach = BILATERAL_WINDOW // 2
    height, width = depth.shape[-2:]
    span = (guide.amax((-2, -1), keepdim=True) - guide.amin((-2, -1), keepdim=True)).clamp(min=1e-6)
    around, guide_around = (F.pad(values, (reach,) * 4, mode="replicate") for values in (depth, guide))
    total, weights = torch.zeros_like(depth), torch.zeros_like(depth)
    for row in range(BILATERAL_WINDOW):
        for column in range(BILATERAL_WINDOW):
            window = (..., slice(row, row + height), slice(column, column + width))
            apart = (guide_around[window] - guide) / span / BILATERAL_DEPTH
            weight = torch.exp(-0.5 * apart**2) * (around[window] > 0)
            total += weight * around[window]
            weights += weight
    return torch.where(weights > 0, total / weights.clamp(min=1e-12), depth)


def smooth_noise(
    count: int, size: tuple[int, int], spacing_px: float, generator: torch.Generator
) -> Float[Tensor, "count 1 h w"]:
    """Random fields of mean 0 and deviation 1: normal values ``spacing_px`` apart, cubic in between.

    Correlation has fallen to a half at about 0.6 of the spacing.
    """
    height, width = size
    device = generator.device
    knots = (math.ceil(height / spacing_px) + 4, math.ceil(width / spacing_px) + 4)
    coarse = torch.randn(count, 1, *knots, generator=generator, device=device)
    # Each field is shifted by its own part of a spacing, so that the knots have no fixed place.
    shift = torch.rand(count, 2, generator=generator, device=device)
    row = (torch.arange(height, device=device) / spacing_px)[None] + 1.5 + shift[:, :1]
    column = (torch.arange(width, device=device) / spacing_px)[None] + 1.5 + shift[:, 1:]
    y, x = 2 * row / knots[0] - 1, 2 * column / knots[1] - 1
    grid = torch.stack([x[:, None].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], dim=-1)
    return F.grid_sample(coarse, grid, mode="bicubic", align_corners=False) / _KNOTS_DEVIATION


def laplace(shape: tuple[int, ...], generator: torch.Generator) -> Float[Tensor, "..."]:
    """Independent Laplace values of scale 1."""
    uniform = torch.rand(shape, generator=generator, device=generator.device) - 0.5
    return -uniform.sign() * torch.log1p(-2 * uniform.abs().clamp(max=0.5 - 1e-7))
