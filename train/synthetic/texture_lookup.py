"""Colours of many textures in one table, each at every size from its own down to a single texel (mip maps)."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor


class Textures:
    """Looked up where they are as fine as the pixels that show them, so that nothing shimmers."""

    def __init__(self, textures: Sequence[UInt8[np.ndarray, "_ _ 3"]], device: torch.device) -> None:
        pyramids = [_pyramid(texture) for texture in textures]
        levels = max(len(pyramid) for pyramid in pyramids)
        shapes = np.array([[level.shape[:2] for level in (*p, *[p[-1]] * (levels - len(p)))] for p in pyramids])
        sizes = np.array([[len(level.reshape(-1, 3)) for level in p] + [0] * (levels - len(p)) for p in pyramids])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).reshape(sizes.shape)
        for row, pyramid in enumerate(pyramids):
            starts[row, len(pyramid) :] = starts[row, len(pyramid) - 1]
        self._levels = levels
        self._table = torch.from_numpy(np.stack([starts, shapes[..., 0], shapes[..., 1]], -1).reshape(-1, 3)).to(device)
        self._longest = torch.tensor([max(t.shape[:2]) for t in textures], dtype=torch.float32, device=device)
        texels = np.concatenate([level.reshape(-1, 3) for pyramid in pyramids for level in pyramid])
        self._texels = torch.from_numpy(texels).to(device)
        self._linear = torch.from_numpy(linear_light(np.arange(256, dtype=np.float32) / 255)).to(device)

    def albedo(
        self,
        texture: Int[Tensor, " n"],
        uv: Float[Tensor, "n 2"],
        width: Float[Tensor, " n"],
    ) -> Float[Tensor, "n 3"]:
        """Linear colour, bilinear in the level where a texel is about as wide as ``width`` (in uv).

        (0, 0) is the bottom left, and textures repeat.
        """
        texels = (width * self._longest[texture]).clamp(1, 2.0 ** (self._levels - 1))
        level = texels.log2().round().long()
        start, rows, columns = self._table[texture * self._levels + level].unbind(1)
        x = (uv[:, 0] - uv[:, 0].floor()) * columns - 0.5
        y = (1 - (uv[:, 1] - uv[:, 1].floor())) * rows - 0.5
        left, top = x.floor(), y.floor()
        right_share, bottom_share = (x - left)[:, None], (y - top)[:, None]
        left, top = left.long(), top.long()
        columns_at = [column.remainder(columns) for column in (left, left + 1)]
        lines_at = [start + row.remainder(rows) * columns for row in (top, top + 1)]
        bytes_at = ((self._texels[line + column].long() for column in columns_at) for line in lines_at)
        (a, b), (c, d) = ([self._linear[texel] for texel in pair] for pair in bytes_at)
        return torch.lerp(torch.lerp(a, b, right_share), torch.lerp(c, d, right_share), bottom_share)


def linear_light(encoded: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """sRGB in 0..1 to linear light (IEC 61966-2-1)."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _pyramid(texture: UInt8[np.ndarray, "h w 3"]) -> list[np.ndarray]:
    """The texture and its halves down to one texel, averaged in linear light, as sRGB bytes."""
    levels = [texture]
    light = linear_light(texture.astype(np.float32) / 255)
    while max(light.shape[:2]) > 1:
        height, width = (max(1, side // 2) for side in light.shape[:2])
        light = cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, 3)
        encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)
        levels.append(np.rint(encoded * 255).clip(0, 255).astype(np.uint8))
    return levels
