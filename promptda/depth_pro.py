"""Depth Pro as the foundation of prompted depth (arXiv:2412.14015, table 5; Bochkovskii et al., arXiv:2410.02073)."""

from dataclasses import dataclass
from typing import ClassVar, cast

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from promptda.decoder import AddPrompt, ResidualUnit
from promptda.encoders.depth_pro import SIZES, DepthPro, Size
from promptda.encoders.standardisation import standardise
from promptda.network import Prediction
from promptda.normalisation import normalise, positive_pixels
from promptda.prompting.fusion import PromptFusion

HIDDEN = 32  # channels of the head at its full size
LEAST_INVERSE = 1e-4  # 1/m: ten kilometres, where Depth Pro ends as well


@dataclass(frozen=True)
class DepthProArchitecture:
    """What a prompted Depth Pro is made of; files that we write carry it."""

    encoder: str = "depth-pro"  # a name of encoders.depth_pro.SIZES
    knows_mask: ClassVar[bool] = True  # as of Architecture
    knows_trust: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.encoder not in SIZES:
            raise ValueError(f"DepthProArchitecture.encoder is {self.encoder!r}; there are {', '.join(SIZES)}")


class PromptedDepthPro(nn.Module):
    """Metric depth from an image and a coarse depth map, computed by Depth Pro with the prompt in its decoder.

    The prompt enters each level after its second residual unit, before it is enlarged, as in the
    network on Depth Anything. Prompt and output are inverse depth on a scale where the inverse of
    the prompt's greatest depth is 0 and that of its least is 1: Depth Pro predicts inverse depth too,
    but for the unknown scale. (The paper does not say what its own network did.) A new network gives
    Depth Pro's output for that unit, whatever the prompt.

    Depth Pro's network for the field of view is left out: the scale comes from the prompt.
    """

    stride = 1  # an image of any size is resized

    def __init__(self, architecture: DepthProArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        size = SIZES[architecture.encoder]
        self.standardise = standardise()
        self.encoder = DepthPro(size)
        self.decoder = Decoder(size.channels, size.features)
        self.prompting = new_prompting(size)
        self.head = Head(size.features)

    @property
    def fixed_size(self) -> int:
        """Side of the square on which it works, pixels; an image given at this size is not resized again."""
        return self.encoder.side

    def forward(
        self,
        image: Float[Tensor, "b 3 H W"],
        prompt: Float[Tensor, "b 1 h w"],
        valid: Bool[Tensor, "b 1 h w"] | None = None,
    ) -> Prediction:
        """Depth at the image's resolution, as ``PromptedDepth.forward``; never beyond the prompt's greatest depth.

        Pixels of the prompt that are not positive are unknown too. Depth is 0 (unknown) for a prompt
        without a known pixel.
        """
        known = positive_pixels(prompt, valid)
        unit_prompt, scale = normalise(prompt.reciprocal(), known)
        unit_prompt = unit_prompt.to(image.dtype)

        def add_prompt(level: int, features: Tensor) -> Tensor:
            return cast(Tensor, self.prompting[level](features, unit_prompt))

        unit = self.unit_inverse(image, add_prompt)
        unit = F.interpolate(unit, image.shape[-2:], mode="bilinear", align_corners=False)
        inverse = scale.to_metres(unit.to(prompt.dtype)).clamp(min=LEAST_INVERSE)
        return Prediction(inverse.reciprocal() * known.any(dim=(1, 2, 3), keepdim=True))

    def unit_inverse(self, image: Float[Tensor, "b 3 H W"], add_prompt: AddPrompt) -> Float[Tensor, "b 1 side side"]:
        """Inverse depth, at least 0, on the square on which Depth Pro works.

        Without a prompt: focal length over width of the image, both in pixels, over depth in metres.
        """
        return cast(Tensor, self.head(self.decoder(self.encoder(self.standardise(image)), add_prompt)))


def new_prompting(size: Size) -> nn.ModuleList:
    """A prompt branch without effect for each level, finest first."""
    return nn.ModuleList(PromptFusion(size.features) for _ in size.channels)


class Decoder(nn.Module):
    """Fuses the pyramid coarse to fine into one map of its finest level's size."""

    def __init__(self, channels: tuple[int, ...], features: int) -> None:
        super().__init__()
        # The finest level comes with as many channels as the decoder has.
        self.narrow = nn.ModuleList([nn.Identity()])
        self.narrow.extend(nn.Conv2d(c, features, kernel_size=3, padding=1, bias=False) for c in channels[1:])
        self.levels = nn.ModuleList(Level(features, enlarges=level > 0) for level in range(len(channels)))
        # Nothing is coarser than the last level, so nothing is skipped into it: published files
        # hold these weights, nothing here reads them.
        self.levels[-1].skip_unit.requires_grad_(False)

    def forward(
        self, pyramid: list[Float[Tensor, "b _ _ _"]], add_prompt: AddPrompt
    ) -> Float[Tensor, "b features h w"]:
        """``add_prompt`` sees each level's features before they are enlarged; level 0 is the finest."""
        fused: Tensor | None = None
        for index in reversed(range(len(pyramid))):
            level = cast(Level, self.levels[index])
            skip = self.narrow[index](pyramid[index])
            fused = skip if fused is None else fused + level.skip_unit(skip)
            fused = level.project(level.enlarge(add_prompt(index, level.unit(fused))))
        assert fused is not None
        return fused


class Level(nn.Module):
    """The convolutions of one level."""

    def __init__(self, features: int, enlarges: bool) -> None:
        super().__init__()
        self.skip_unit = ResidualUnit(features)
        self.unit = ResidualUnit(features)
        twice = nn.ConvTranspose2d(features, features, kernel_size=2, stride=2, bias=False)
        self.enlarge = twice if enlarges else nn.Identity()
        self.project = nn.Conv2d(features, features, kernel_size=1)


class Head(nn.Module):
    """Inverse depth at twice the size of the decoder's map."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features // 2, kernel_size=3, padding=1)
        self.enlarge = nn.ConvTranspose2d(features // 2, features // 2, kernel_size=2, stride=2)
        self.conv2 = nn.Conv2d(features // 2, HIDDEN, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(HIDDEN, 1, kernel_size=1)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h2 w2"]:
        return F.relu(self.conv3(F.relu(self.conv2(self.enlarge(self.conv1(features))))))
