"""From decoder features to normalised depth at the image's resolution."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from promptda.prompting.zero import zeroed
from promptda.strips import LazyMap, convolved, enlarged, known, strips

HIDDEN = 32  # channels at the image's resolution
MIN_UNCERTAINTY = 1e-3  # Laplace scale of log depth: a millimetre at a metre, which no sensor here reaches
INITIAL_UNCERTAINTY = 0.02  # about the error of a phone's LiDAR


class DepthHead(nn.Module):
    """One channel: depth in the space whose ``activation`` ends it.

    Its maps are the greatest of the network, at twice the size of the features, then at the image's.
    It works in strips of them when it can.
    """

    def __init__(self, features: int, activation: nn.Module) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features // 2, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(features // 2, HIDDEN, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(HIDDEN, 1, kernel_size=1)
        self.activation = activation

    def forward(self, features: Float[Tensor, "b c h w"], height: int, width: int) -> Float[Tensor, "b outputs H W"]:
        hidden = self.hidden(features, height, width)
        row_values = width * max(self.conv2.in_channels, HIDDEN)
        outputs = [
            self.outputs(F.relu(hidden.rows(first, last), inplace=True))
            for first, last in strips(height, features, row_values)
        ]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=2)

    def hidden(self, features: Float[Tensor, "b c h w"], height: int, width: int) -> LazyMap:
        """The map of ``HIDDEN`` channels before its ReLU."""
        twice = enlarged(known(features), 2 * features.shape[2], 2 * features.shape[3])
        return convolved(enlarged(convolved(twice, self.conv1), height, width), self.conv2)

    def outputs(self, hidden: Float[Tensor, "b hidden h w"]) -> Float[Tensor, "b outputs h w"]:
        """What the head says of each pixel, from that pixel's hidden channels."""
        depth: Tensor = self.activation(self.conv3(hidden))
        return depth


class LaplaceHead(DepthHead):
    """Two channels: depth, then the Laplace scale of its logarithm.

    The scale starts as a constant, and the depth as that of a ``DepthHead`` of the same weights.
    """

    def __init__(self, features: int, activation: nn.Module) -> None:
        super().__init__(features, activation)
        self.uncertainty = zeroed(nn.Conv2d(HIDDEN, 1, kernel_size=1))
        assert self.uncertainty.bias is not None
        # The inverse of the softplus below.
        nn.init.constant_(self.uncertainty.bias, math.log(math.expm1(INITIAL_UNCERTAINTY - MIN_UNCERTAINTY)))

    def outputs(self, hidden: Float[Tensor, "b hidden h w"]) -> Float[Tensor, "b outputs h w"]:
        uncertainty = MIN_UNCERTAINTY + F.softplus(self.uncertainty(hidden))
        return torch.cat([super().outputs(hidden), uncertainty], dim=1)


HEADS: dict[str, type[DepthHead]] = {"depth": DepthHead, "laplace": LaplaceHead}
