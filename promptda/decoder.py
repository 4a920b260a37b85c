"""The coarse-to-fine decoder of DPT (Ranftl et al., arXiv:2103.13413, sec. 3)."""

from collections.abc import Callable
from typing import cast

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

AddPrompt = Callable[[int, Tensor], Tensor]  # (level, features) -> features


class Decoder(nn.Module):
    """Fuses a pyramid of four levels, finest first, into one map of the finest level's size."""

    def __init__(self, channels: tuple[int, int, int, int], features: int) -> None:
        super().__init__()
        self.narrow = nn.ModuleList(nn.Conv2d(c, features, kernel_size=3, padding=1, bias=False) for c in channels)
        self.levels = nn.ModuleList(Level(features) for _ in channels)
        # Nothing is coarser than the last level, so nothing is skipped into it: published files
        # hold these weights, nothing here reads them.
        self.levels[-1].skip_unit.requires_grad_(False)

    def forward(
        self, pyramid: list[Float[Tensor, "b _ _ _"]], add_prompt: AddPrompt
    ) -> Float[Tensor, "b features h w"]:
        """``add_prompt`` sees each level's features before they are enlarged."""
        fused: Tensor | None = None
        for level in reversed(range(len(pyramid))):
            block = cast(Level, self.levels[level])
            skip = self.narrow[level](pyramid[level])
            fused = skip if fused is None else fused + block.skip_unit(skip)
            fused = add_prompt(level, block.unit(fused))
            # The released code enlarges first. A 1x1 convolution commutes with interpolation, whose
            # weights sum to one, and costs a quarter on the smaller map.
            fused = block.project(fused)
            if level:  # the head enlarges the finest
                fused = F.interpolate(fused, pyramid[level - 1].shape[-2:], mode="bilinear", align_corners=True)
        assert fused is not None
        return fused


class Level(nn.Module):
    """The convolutions of one level."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.skip_unit = ResidualUnit(features)
        self.unit = ResidualUnit(features)
        self.project = nn.Conv2d(features, features, kernel_size=1)


class ResidualUnit(nn.Module):
    """``x + conv(relu(conv(relu(x))))``."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(features, features, kernel_size=3, padding=1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return cast(Tensor, self.conv2(F.relu(self.conv1(F.relu(x)), inplace=True)).add_(x))
