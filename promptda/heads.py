"""From decoder features to normalised depth at the image's resolution."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

HIDDEN = 32  # channels at the image's resolution


class SigmoidHead(nn.Module):
    """Depth within the prompt's range, as 0 for its minimum and 1 for its maximum."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features // 2, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(features // 2, HIDDEN, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(HIDDEN, 1, kernel_size=1)

    def forward(self, features: Float[Tensor, "b c h w"], height: int, width: int) -> Float[Tensor, "b 1 H W"]:
        x = F.interpolate(self.conv1(features), (height, width), mode="bilinear", align_corners=True)
        unit: Tensor = self.conv3(F.relu(self.conv2(x))).sigmoid()
        return unit
