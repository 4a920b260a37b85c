"""Depth of every pixel from the spots around it, added up one spot after the other."""

import torch
from jaxtyping import Float, Int32
from torch import Tensor

from train.simulation.resizing import fill_unknown

OWN_SPOT_PX = 1e-3  # a pixel that is a spot counts as this far from it, so that it keeps its value


def planes(values: Float[Tensor, "b c h w"]) -> Float[Tensor, "c n"]:
    """The channels, each with the pixels of the whole batch in a row."""
    return values.transpose(0, 1).flatten(1)


def distance(values: Float[Tensor, "c n"], pixel: Int32[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Euclidean, between the values of each pixel and those of another."""
    square = torch.zeros_like(values[0])
    for channel in values:
        apart = channel.index_select(0, pixel).sub_(channel)
        square.addcmul_(apart, apart)
    return square.sqrt_()


def mean_or_around(
    total: Float[Tensor, "b p"], weights: Float[Tensor, "b p"], size: tuple[int, int]
) -> Float[Tensor, "b 1 h w"]:
    """``total / weights``, and means from around where no spot was known."""
    mean = total / torch.where(weights > 0, weights, 1.0)
    return fill_unknown(mean.view(-1, 1, *size))
