"""Maps of a plain transformer's tokens turned into a pyramid (DPT, Ranftl et al., arXiv:2103.13413, sec. 3)."""

from jaxtyping import Float
from torch import Tensor, nn


class Reassemble(nn.Module):
    """Four maps of one size become four levels of 4, 2, 1 and 1/2 times that size."""

    def __init__(self, width: int, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Conv2d(width, c, kernel_size=1) for c in channels)
        self.resize = nn.ModuleList(
            [
                nn.ConvTranspose2d(channels[0], channels[0], kernel_size=4, stride=4),
                nn.ConvTranspose2d(channels[1], channels[1], kernel_size=2, stride=2),
                nn.Identity(),
                nn.Conv2d(channels[3], channels[3], kernel_size=3, stride=2, padding=1),
            ]
        )

    def forward(self, maps: list[Float[Tensor, "b d h w"]]) -> list[Float[Tensor, "b _ _ _"]]:
        return [
            resize(project(tokens)) for tokens, project, resize in zip(maps, self.project, self.resize, strict=True)
        ]
