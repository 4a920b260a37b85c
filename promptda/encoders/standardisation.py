"""How the values of an image are scaled before an encoder sees them."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

# Of ImageNet, per channel of RGB in 0..1: what every encoder of this package receives.
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


class PerChannel(nn.Module):
    """``scale * image + shift`` with constants for red, green and blue."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Sequence[float], shift: Sequence[float]) -> None:
        super().__init__()
        # The device is named so that they hold values even in a network built on "meta".
        for name, values in (("scale", scale), ("shift", shift)):
            constant = torch.tensor(values, device="cpu").view(1, 3, 1, 1)
            self.register_buffer(name, constant, persistent=False)

    def forward(self, image: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b 3 H W"]:
        return image * self.scale + self.shift


def standardise() -> PerChannel:
    """From RGB in 0..1 to ImageNet's mean and deviation."""
    return PerChannel(
        scale=[1 / std for std in IMAGE_STD],
        shift=[-mean / std for mean, std in zip(IMAGE_MEAN, IMAGE_STD, strict=True)],
    )


def restandardise(mean: float, std: float) -> PerChannel:
    """From ImageNet's mean and deviation to another one, the same for all channels of RGB in 0..1."""
    return PerChannel(
        scale=[theirs / std for theirs in IMAGE_STD], shift=[(theirs - mean) / std for theirs in IMAGE_MEAN]
    )
