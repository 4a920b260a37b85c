"""The encoder of Depth Pro: one transformer over windows of an image pyramid (Bochkovskii et al., arXiv:2410.02073)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from promptda.encoders.dinov2 import NORM_EPS, Block
from promptda.encoders.standardisation import restandardise

WINDOWS = 5  # along a side of the full image; a quarter of each lies over the next
HALF_WINDOWS = 3  # along a side of the image at half size; half of each lies over the next
PYRAMID = 4  # windows fit into a side of the image, so that a quarter of it is one window


@dataclass(frozen=True)
class Size:
    """What Depth Pro is made of; the defaults are the published network."""

    window_px: int = 384
    patch_px: int = 16
    width: int = 1024  # of a token
    depth: int = 24  # blocks of each of the two transformers
    heads: int = 16
    taps: tuple[int, int] = (5, 11)  # blocks whose tokens of the full image leave, counted from 0
    features: int = 256  # channels of the decoder
    channels: tuple[int, int, int, int, int] = (256, 256, 512, 1024, 1024)  # of the pyramid, finest first


SIZES = {"depth-pro": Size()}


class DepthPro(nn.Module):
    """Five levels, finest first, at strides 2, 4, 8, 16 and 32 of a square image of ``side`` pixels.

    An image of another size is resized to that. The levels are early and late tokens of the
    windows of the image, of those of its half, and of its quarter seen by both transformers.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.side = PYRAMID * size.window_px
        self.channels = size.channels
        self.restandardise = restandardise(mean=0.5, std=0.5)
        self.patch_vit = WindowTransformer(size)
        self.image_vit = WindowTransformer(size)
        early, late, full, half, quarter = size.channels
        self.enlarge = nn.ModuleList(
            [
                _enlarging(size.width, early, size.features, times=3),
                _enlarging(size.width, late, late, times=2),
                _enlarging(size.width, full, full, times=1),
                _enlarging(size.width, half, half, times=1),
                _enlarging(size.width, quarter, quarter, times=1),
            ]
        )
        self.enlarge_image = nn.ConvTranspose2d(size.width, quarter, kernel_size=2, stride=2)
        self.mix = nn.Conv2d(2 * quarter, quarter, kernel_size=1)

    def forward(self, image: Float[Tensor, "b 3 H W"]) -> list[Float[Tensor, "b _ _ _"]]:
        full = F.interpolate(self.restandardise(image), (self.side, self.side), mode="bilinear", align_corners=False)
        half = F.interpolate(full, scale_factor=1 / 2, mode="bilinear", align_corners=False)
        quarter = F.interpolate(full, scale_factor=1 / 4, mode="bilinear", align_corners=False)

        of_windows = self.patch_vit(split(full, WINDOWS, self.size.window_px))
        maps = [merge(of_each, len(image), self._overlap(full, WINDOWS)) for of_each in of_windows]
        of_half = self.patch_vit(split(half, HALF_WINDOWS, self.size.window_px))[-1]
        maps.append(merge(of_half, len(image), self._overlap(half, HALF_WINDOWS)))
        maps.append(self.patch_vit(quarter)[-1])

        pyramid = [enlarge(tokens) for enlarge, tokens in zip(self.enlarge, maps, strict=True)]
        of_image = self.enlarge_image(self.image_vit(quarter)[-1])
        pyramid[-1] = self.mix(torch.cat([pyramid[-1], of_image], dim=1))
        return pyramid

    def _overlap(self, image: Tensor, windows: int) -> int:
        """Patches that a window shares with the next."""
        return (self.size.window_px - _step(image.shape[-1], windows, self.size.window_px)) // self.size.patch_px


class WindowTransformer(nn.Module):
    """DINOv2 of one fixed image size: maps of the tapped tokens as they are, then of the last ones normalised."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.taps = size.taps
        self.patch_embed = nn.Conv2d(3, size.width, kernel_size=size.patch_px, stride=size.patch_px)
        self.cls_token = nn.Parameter(torch.empty(1, 1, size.width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + (size.window_px // size.patch_px) ** 2, size.width))
        self.blocks = nn.ModuleList(Block(size.width, size.heads) for _ in range(size.depth))
        self.norm = nn.LayerNorm(size.width, eps=NORM_EPS)
        nn.init.normal_(self.cls_token, std=1e-6)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def forward(self, windows: Float[Tensor, "n 3 window window"]) -> list[Float[Tensor, "n d h w"]]:
        patches = self.patch_embed(windows)
        grid = patches.shape[-2:]
        tokens = torch.cat([self.cls_token.expand(len(windows), -1, -1), patches.flatten(2).mT], dim=1)
        tokens = tokens + self.pos_embed
        leaving = []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index in self.taps:
                leaving.append(tokens)
        leaving.append(self.norm(tokens))
        return [each[:, 1:].mT.unflatten(2, grid) for each in leaving]


def split(image: Float[Tensor, "b 3 side side"], windows: int, window_px: int) -> Float[Tensor, "n 3 window window"]:
    """``windows`` times ``windows`` overlapping squares of each image, row by row."""
    step = _step(image.shape[-1], windows, window_px)
    squares = image.unfold(2, window_px, step).unfold(3, window_px, step)  # (b, 3, rows, columns, window, window)
    return squares.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)


def merge(maps: Float[Tensor, "n d h w"], batch: int, overlap: int) -> Float[Tensor, "b d h2 w2"]:
    """Maps of overlapping windows side by side; of what two of them share each gives its own half."""
    windows = round((len(maps) / batch) ** 0.5)
    squares = maps.reshape(batch, windows, windows, *maps.shape[1:])  # (b, rows, columns, d, h, w)
    side, trim = maps.shape[-1], overlap // 2
    kept = [slice(trim if i else 0, side - trim if i < windows - 1 else side) for i in range(windows)]
    rows = [torch.cat([squares[:, j, i, :, kept[j], kept[i]] for i in range(windows)], dim=-1) for j in range(windows)]
    return torch.cat(rows, dim=-2)


def _step(side: int, windows: int, window_px: int) -> int:
    """Pixels from one window to the next."""
    return (side - window_px) // (windows - 1)


def _enlarging(entering: int, inside: int, leaving: int, times: int) -> nn.Sequential:
    """A projection, then twice the size ``times`` times; without biases."""
    layers: list[nn.Module] = [nn.Conv2d(entering, inside, kernel_size=1, bias=False)]
    for _ in range(times):
        layers.append(nn.ConvTranspose2d(inside, leaving, kernel_size=2, stride=2, bias=False))
        inside = leaving
    return nn.Sequential(*layers)
