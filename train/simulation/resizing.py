"""Truth on the sensor's own grid: no depth is ever blended with another."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

SAME_SURFACE = 0.03  # by which neighbouring depths of one surface may differ, relative


def resize_depth(depth: Float[Tensor, "b 1 H W"], size: tuple[int, int]) -> Float[Tensor, "b 1 h w"]:
    """Bilinear where the four pixels around lie on one surface, else the nearest; unknown (0) stays unknown."""
    if depth.shape[-2:] == size:
        return depth
    (top, bottom, down), (left, right, across) = (
        _around(n, m, depth.device) for n, m in zip(depth.shape[-2:], size, strict=True)
    )
    upper, lower = depth[..., top, :], depth[..., bottom, :]
    corners = upper[..., left], upper[..., right], lower[..., left], lower[..., right]
    least, greatest = corners[0], corners[0]
    for corner in corners[1:]:
        least, greatest = torch.minimum(least, corner), torch.maximum(greatest, corner)
    down = down[:, None]
    mean = torch.lerp(torch.lerp(corners[0], corners[1], across), torch.lerp(corners[2], corners[3], across), down)
    nearest = F.interpolate(depth, size=size, mode="nearest-exact")
    return torch.where((least > 0) & (greatest - least < SAME_SURFACE * least), mean, nearest)


def _around(
    count: int, wanted: int, device: torch.device
) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"], Float[Tensor, " n"]]:
    """Of each wanted pixel's centre among ``count`` pixels: the two beside it, and how far towards the second."""
    place = ((torch.arange(wanted, device=device) + 0.5) * (count / wanted) - 0.5).clamp(0, count - 1)
    first = place.floor()
    return first.long(), (first.long() + 1).clamp(max=count - 1), place - first


def resize_image(image: Float[Tensor, "b c H W"], size: tuple[int, int]) -> Float[Tensor, "b c h w"]:
    """Means of areas when shrinking, bilinear when enlarging."""
    if size[0] <= image.shape[-2] and size[1] <= image.shape[-1]:
        return F.interpolate(image, size=size, mode="area")
    return F.interpolate(image, size=size, mode="bilinear", align_corners=False)


def fill_unknown(depth: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Unknown pixels become the mean of the known ones in the smallest surrounding square that has any.

    The squares are those of a pyramid of halvings. A map without any known pixel stays 0.
    """
    height, width = depth.shape[-2:]
    known = (depth > 0).to(depth.dtype)
    if (height == 1 and width == 1) or bool((depth > 0).all()):
        return depth
    total, count = (F.avg_pool2d(v, 2, ceil_mode=True, divisor_override=1) for v in (depth * known, known))
    coarse = fill_unknown(total / count.clamp(min=1))
    around = coarse.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]
    return torch.where(known > 0, depth, around)
