"""The compact prompted network that ships with the package.

All of its trunk works at a quarter of the image's resolution, where a phone's depth lies (192x256 for
768x1024); a convex upsampling carries depth to the pixels. The image enters twice: halved, through the
first stages of EfficientNet-Lite0, and in full through one convolution that sees every pixel. The prompt
enters at every level. What is predicted is the correction of the prompt's log depth, so that an untrained
network gives the prompt, upsampled bilinearly.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from promptda.convex_upsampling import ConvexUpsampling
from promptda.decoder import ResidualUnit
from promptda.encoders.efficientnet import SIZES, EfficientNetLite
from promptda.encoders.standardisation import standardise
from promptda.heads import INITIAL_UNCERTAINTY, MIN_UNCERTAINTY
from promptda.network import Prediction
from promptda.normalisation import normalise_centred
from promptda.precision import full_precision
from promptda.prompting.zero import zeroed

CELL = 4  # pixels along each side that share one place of the trunk
TAPPED_STAGES = (0, 1, 2, 4)  # of the encoder: strides 2, 4, 8, 16 of the halved image
WIDTHS = (3, 4, 5, 6)  # channels of the levels, in thirds of the finest one's
DETAIL = 32  # channels of the convolution over the full image
PROMPT_CHANNELS = 3  # see ``prompt_channels``
RELIEF_WINDOW = 9  # pixels of the prompt's grid around which its relief is taken
RELIEF_GAIN = 10.0  # brings centimetres on a wall to about the size of the other inputs


@dataclass(frozen=True)
class LiteArchitecture:
    """What a compact network is made of; files that we write carry it."""

    encoder: str = "lite0"  # a name of encoders.efficientnet.SIZES
    width: int = 48  # channels of the finest level; coarser ones have 4/3, 5/3 and twice as many
    knows_mask: ClassVar[bool] = True  # as of Architecture
    knows_trust: ClassVar[bool] = True  # its mask may say how far each pixel may be believed

    def __post_init__(self) -> None:
        if self.encoder not in SIZES:
            raise ValueError(f"LiteArchitecture.encoder is {self.encoder!r}; there are {', '.join(SIZES)}")
        if not isinstance(self.width, int) or self.width < 3 or self.width % 3:
            raise ValueError(f"LiteArchitecture.width is {self.width}; give a positive multiple of 3")


class LiteDepth(nn.Module):
    """Metric depth with its uncertainty from an image and a coarse depth map; see the module."""

    stride = 32  # sides of the image are multiples of it, pixels
    fixed_size: int | None = None

    def __init__(self, architecture: LiteArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        widths = tuple(architecture.width * thirds // 3 for thirds in WIDTHS)
        self.standardise = standardise()
        self.encoder = EfficientNetLite(SIZES[architecture.encoder], TAPPED_STAGES)
        self.detail = nn.Conv2d(3, DETAIL, kernel_size=2 * CELL, stride=CELL, padding=CELL // 2)
        self.prompting = PromptPyramid(widths)
        entering = [taps + width for taps, width in zip(self.encoder.channels, widths, strict=True)]
        entering[0] += DETAIL
        self.levels = nn.ModuleList(
            Level(entering[i], widths[i], widths[i + 1] if i + 1 < len(widths) else None) for i in range(len(widths))
        )
        self.head = Head(widths[0] + DETAIL, 2 * widths[0])

    def forward(
        self,
        image: Float[Tensor, "b 3 H W"],
        prompt: Float[Tensor, "b 1 h w"],
        valid: Bool[Tensor, "b 1 h w"] | Float[Tensor, "b 1 h w"] | None = None,
    ) -> Prediction:
        """Depth at the image's resolution, as ``PromptedDepth.forward``; it may leave the prompt's range.

        ``valid`` may also say how far each pixel may be believed, from 0 (ignored) to 1. Pixels of the
        prompt that are not positive are unknown too. Depth is 0 (unknown) for a prompt without a known pixel.
        """
        height, width = image.shape[-2:]
        if height % self.stride or width % self.stride:
            raise ValueError(f"image is {width}x{height}; both sides must be multiples of {self.stride}")
        with full_precision(image.device):
            unit, known, scale = normalise_centred(prompt, None if valid is None else valid > 0)
            trust = known.to(unit.dtype) if valid is None else valid.to(unit.dtype) * known
            inputs = prompt_channels(unit, trust, (height // CELL, width // CELL))
        image = self.standardise(image)
        detail = F.relu(self.detail(image))
        pyramid = self.encoder(F.avg_pool2d(image, 2))
        pyramid[0] = torch.cat([pyramid[0], detail], dim=1)
        prompts = self.prompting(inputs.to(image.dtype))
        features: Tensor | None = None
        for level, taps, embedding in reversed(list(zip(self.levels, pyramid, prompts, strict=True))):
            features = level(torch.cat([taps, embedding], dim=1), features)
        assert features is not None
        with full_precision(image.device):
            whole = self.head.hidden.weight.dtype
            outputs = self.head(torch.cat([features, detail], dim=1).to(whole), inputs[:, :1].to(whole)).to(unit.dtype)
            unit_depth, uncertainty = outputs[:, :1], outputs[:, 1:]
            return Prediction(scale.to_metres(unit_depth), uncertainty)


def prompt_channels(
    unit: Float[Tensor, "b 1 h w"], trust: Float[Tensor, "b 1 h w"], size: tuple[int, int]
) -> Float[Tensor, "b 3 H W"]:
    """What the trunk sees of the prompt, on its own grid: unit depth, its relief, and how far to trust it.

    The relief is the difference from the mean around, enlarged: the size of what is to be corrected.
    """
    channels = torch.cat([unit, trust], dim=1)
    resized = F.interpolate(channels, size, mode="bilinear", align_corners=False)
    unit, trust = resized[:, :1], resized[:, 1:]
    mean = F.avg_pool2d(unit, RELIEF_WINDOW, stride=1, padding=RELIEF_WINDOW // 2, count_include_pad=False)
    return torch.cat([unit, RELIEF_GAIN * (unit - mean), trust], dim=1)


class PromptPyramid(nn.Module):
    """Embeds the prompt at every level, each from the finer one's."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        entering = (PROMPT_CHANNELS, *widths[:-1])
        self.embed = nn.ModuleList(
            nn.Conv2d(before, after, kernel_size=3, stride=2 if level else 1, padding=1)
            for level, (before, after) in enumerate(zip(entering, widths, strict=True))
        )

    def forward(self, prompt: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        pyramid = []
        for embed in self.embed:
            prompt = F.relu(embed(prompt))
            pyramid.append(prompt)
        return pyramid


class Level(nn.Module):
    """One scale of the trunk: what enters it, joined with the coarser scale, through two residual units."""

    def __init__(self, entering: int, width: int, coarser: int | None) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(entering, width, kernel_size=3, padding=1)
        self.project = None if coarser is None else nn.Conv2d(coarser, width, kernel_size=1)
        self.units = nn.Sequential(ResidualUnit(width), ResidualUnit(width))
        for unit in self.units:
            zeroed(cast(ResidualUnit, unit).conv2)  # so that a deep trunk begins as a shallow one

    def forward(
        self, entering: Float[Tensor, "b c h w"], coarser: Float[Tensor, "b c2 h2 w2"] | None
    ) -> Float[Tensor, "b c3 h w"]:
        x = self.narrow(entering)
        if self.project is not None and coarser is not None:
            # A 1x1 convolution commutes with interpolation, and costs a quarter on the smaller map.
            x = x + F.interpolate(self.project(coarser), x.shape[-2:], mode="bilinear", align_corners=False)
        return cast(Tensor, self.units(x))


class Head(nn.Module):
    """Unit depth and the Laplace scale of log depth for every pixel, from features of its cell."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(features, hidden, kernel_size=3, padding=1)
        self.cell = zeroed(nn.Conv2d(hidden, 2, kernel_size=1))
        self.enlarge = ConvexUpsampling(hidden, CELL)
        assert self.cell.bias is not None
        # The inverse of the softplus below.
        nn.init.constant_(self.cell.bias[1], math.log(math.expm1(INITIAL_UNCERTAINTY - MIN_UNCERTAINTY)))

    def forward(self, features: Float[Tensor, "b c h w"], unit: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 2 H W"]:
        """``unit`` is the prompt's depth, which the first output corrects."""
        hidden = F.relu(self.hidden(features))
        correction, spread = self.cell(hidden).split(1, dim=1)
        cells = torch.cat([unit + correction, MIN_UNCERTAINTY + F.softplus(spread)], dim=1)
        return cast(Tensor, self.enlarge(cells, hidden))
