"""Sparse depth completed from the nearest known pixels, for whole batches at once."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from train.simulation.resizing import fill_unknown

NEIGHBOURS = 4  # the paper's for vehicles
WIDEST_PX = 24  # to look for neighbours; what has fewer within is filled from larger and larger squares


def complete_from_nearest(depth: Float[Tensor, "b 1 h w"], neighbours: int = NEIGHBOURS) -> Float[Tensor, "b 1 h w"]:
    """Unknown pixels (0) become means of their nearest known ones, weighted by 1 / pixel distance.

    All known pixels give their depth to the pixel one offset away, one offset after the other in order of length. Of
    pixels equally far the first by row, then column, counts. A map without any known pixel stays 0.
    """
    height, width = depth.shape[-2:]
    around = F.pad(depth, (WIDEST_PX,) * 4)
    total, weights, found = (torch.zeros_like(depth) for _ in range(3))
    for down, right in _OFFSETS:
        there = around[..., WIDEST_PX + down :, WIDEST_PX + right :][..., :height, :width]
        wanted = ((there > 0) & (found < neighbours)).to(depth.dtype)
        weight = wanted / math.hypot(down, right)
        total, weights, found = total + weight * there, weights + weight, found + wanted
        if right == 0 and down > 0 and bool(((found >= neighbours) | (depth > 0)).all()):  # asked once a ring
            break
    filled = torch.where(found == neighbours, total / weights.clamp(min=1e-9), depth)
    return fill_unknown(torch.where(depth > 0, depth, filled))


def _offsets() -> list[tuple[int, int]]:
    """Rows and columns of all pixels within a disc but its middle, the nearest first."""
    span = range(-WIDEST_PX, WIDEST_PX + 1)
    disc = [(y, x) for y in span for x in span if 0 < y * y + x * x <= WIDEST_PX**2]
    return sorted(disc, key=lambda offset: offset[0] ** 2 + offset[1] ** 2)


_OFFSETS = _offsets()
