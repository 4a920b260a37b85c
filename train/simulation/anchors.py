"""Sparse anchor interpolation: how the paper makes LiDAR prompts from true depth.

Prompt Depth Anything (arXiv:2412.14015), section on synthetic data: depth resized to 192x256, sampled on a distorted
grid of stride 7, the rest interpolated from the k nearest samples weighted by RGB similarity. The paper prints no more;
the defaults below are ours within that. ``RELEASED_KIND`` has the settings seen in later code by the same authors.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from train.simulation.filling import OWN_SPOT_PX, distance, mean_or_around, planes
from train.simulation.resizing import resize_depth, resize_image
from train.simulation.simulated import PHONE_SIZE, SimulatedDepth
from train.simulation.smoothing import joint_bilateral
from train.simulation.spots import POOL_SIZE, SpotGrid, pattern_pool

PAPER_GRID = SpotGrid(stride=(7.0, 7.0), distortion=(0.0, 2e-5), jitter=(0.0, 0.5))


@dataclass(frozen=True)
class AnchorInterpolation:
    """A ``Simulation``; a picture stays clean, becomes noisy, or noisy and sparse, by chance.

    A pixel's weight for a spot at ``d`` pixels is ``1 / d`` times, with the guide RGB ``exp(-speed |rgb_spot - rgb|)``
    or with the guide depth ``exp(speed (g_spot - g) / 2)``, g the map scaled to 0..1, whose sign favours farther spots
    and so eats into the foreground at edges.
    """

    size: tuple[int, int] = PHONE_SIZE
    grid: SpotGrid = PAPER_GRID
    neighbours: int = 4
    guide: Literal["rgb", "depth"] = "rgb"
    speed: float = 5.0
    noise_mean: float = 0.0  # relative, per pixel before sampling
    noise_deviation: float = 0.0
    clean_share: float = 0.0  # of pictures that are only resized
    noisy_share: float = 0.0  # of pictures that are resized and made noisy
    bilateral: bool = False  # smoothed at the end, guided by the resized depth
    patterns: int = POOL_SIZE

    def __call__(
        self,
        image: Float[Tensor, "b 3 H W"],
        depth: Float[Tensor, "b 1 H W"],
        generator: torch.Generator,
        K: Float[Tensor, "b 3 3"] | None = None,
    ) -> SimulatedDepth:
        """Dense unless nothing at all is known; confident everywhere."""
        clean = resize_depth(depth, self.size)
        noise = torch.randn(clean.shape, generator=generator, device=clean.device, dtype=clean.dtype)
        noisy = clean * (1 + self.noise_mean + self.noise_deviation * noise)
        filled = self._interpolated(resize_image(image, self.size), clean, noisy, generator)
        chance = torch.rand(len(clean), 1, 1, 1, generator=generator, device=clean.device)
        only_noisy = chance < self.clean_share + self.noisy_share
        given = torch.where(chance < self.clean_share, clean, torch.where(only_noisy, noisy, filled))
        return SimulatedDepth(given, (given > 0).to(torch.uint8) * 2)

    def _interpolated(
        self,
        image: Float[Tensor, "b 3 h w"],
        clean: Float[Tensor, "b 1 h w"],
        noisy: Float[Tensor, "b 1 h w"],
        generator: torch.Generator,
    ) -> Float[Tensor, "b 1 h w"]:
        count = len(clean)
        pool = pattern_pool(self.grid, self.size, self.neighbours, clean.device, self.patterns)
        guide = planes(image if self.guide == "rgb" else _scaled(clean))
        values = noisy.flatten()
        total, weights = torch.zeros_like(values).view(count, -1), torch.zeros_like(values).view(count, -1)
        for spot in pool.draw(count, generator):
            if self.guide == "rgb":
                alike = distance(guide, spot.pixel).mul_(-self.speed)
            else:
                alike = guide[0].index_select(0, spot.pixel).sub_(guide[0]).mul_(self.speed / 2)
            depth = values.index_select(0, spot.pixel).view(count, -1)
            weight = alike.exp_().view(count, -1) / torch.hypot(spot.rows, spot.columns).clamp_(min=OWN_SPOT_PX)
            weight.masked_fill_(depth <= 0, 0.0)  # an unknown pixel is no spot
            weights += weight
            total.addcmul_(weight, depth)
        filled = mean_or_around(total, weights, self.size)
        return joint_bilateral(filled, clean) if self.bilateral else filled


def _scaled(depth: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Each map's range stretched to 0..1."""
    least, greatest = depth.amin((-2, -1), keepdim=True), depth.amax((-2, -1), keepdim=True)
    return (depth - least) / torch.where(greatest > least, greatest - least, 1.0)


PAPER = AnchorInterpolation()

# Seen in InfiniDepth's training code (same authors, 2026): stride 3, distortion 2e-5, no jitter, signed depth guide,
# a fifth of the pictures clean and half of the others only noisy.
RELEASED_KIND = AnchorInterpolation(
    grid=SpotGrid(stride=(3.0, 3.0), distortion=(2e-5, 2e-5), jitter=(0.0, 0.0)),
    guide="depth",
    noise_mean=-0.01,
    noise_deviation=0.005,
    clean_share=0.2,
    noisy_share=0.4,
    bilateral=True,
)
