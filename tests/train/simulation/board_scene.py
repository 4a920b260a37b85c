"""A picture whose truth is known: a dark board at 1 m before a bright wall that recedes from 2 m."""

import torch
from torch import Tensor

HEIGHT, WIDTH = 96, 128


def board_and_wall(count: int = 1) -> tuple[Tensor, Tensor]:
    """The picture in 0..1 and z-depth, metres; the wall's inverse depth is affine in the pixel."""
    column = torch.arange(WIDTH, dtype=torch.float32)
    depth = (1 / (0.5 - 0.001 * column)).expand(count, 1, HEIGHT, WIDTH).clone()
    depth[..., 24:72, 40:88] = 1.0
    image = torch.where(depth == 1, 0.3, 0.8).expand(count, 3, HEIGHT, WIDTH).contiguous()
    return image, depth


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
