"""Upsampling by weights that the network chooses for every pixel (RAFT, arXiv:2003.12039, sec. 3.3)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

NEIGHBOURS = 9  # of the 3x3 cells around a pixel's own, row by row
LEAST_WEIGHT = 0.01  # of a neighbour before training: a logarithm is taken of it


def upsampled(
    values: Float[Tensor, "b c h w"], logits: Float[Tensor, "b weights h w"], factor: int
) -> Float[Tensor, "b c H W"]:
    """Each pixel of ``factor`` times the size as a mean of the 3x3 cells around its own.

    The weights are the softmax of ``logits``, whose channels are neighbours (9) times the ``factor**2``
    pixels of a cell, row by row. Beyond the border the cells at it are repeated. What comes out lies
    within the range of the nine cells.
    """
    batch, _, height, width = values.shape
    weights = logits.view(batch, NEIGHBOURS, factor**2, height, width).softmax(dim=1)
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate")
    total = values.new_zeros(())
    for neighbour in range(NEIGHBOURS):
        row, column = divmod(neighbour, 3)
        cell = padded[:, :, row : row + height, column : column + width]  # (b, c, h, w)
        total = total + cell[:, :, None] * weights[:, None, neighbour]  # (b, c, factor^2, h, w)
    return F.pixel_shuffle(total.flatten(1, 2), factor)


def bilinear_logits(factor: int) -> Float[Tensor, " weights"]:
    """Logits by which ``upsampled`` is bilinear interpolation, but for ``LEAST_WEIGHT``."""
    # Where the centre of each of a cell's pixels lies, in cells from the centre of its own.
    offset = (torch.arange(factor) + 0.5) / factor - 0.5
    distance = (torch.arange(-1, 2)[:, None] - offset).abs()  # (3, factor)
    axis = (1 - distance).clamp(min=0)
    weights = axis[:, None, :, None] * axis[None, :, None, :]  # (row, column, pixel row, pixel column)
    return weights.clamp(min=LEAST_WEIGHT).log().flatten()


class ConvexUpsampling(nn.Module):
    """Chooses the weights from features; bilinear until trained."""

    def __init__(self, features: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.weights = nn.Conv2d(features, NEIGHBOURS * factor**2, kernel_size=1)
        nn.init.zeros_(self.weights.weight)
        assert self.weights.bias is not None
        with torch.no_grad():
            self.weights.bias.copy_(bilinear_logits(factor))

    def forward(self, values: Float[Tensor, "b c h w"], features: Float[Tensor, "b f h w"]) -> Float[Tensor, "b c H W"]:
        return upsampled(values, self.weights(features), self.factor)
