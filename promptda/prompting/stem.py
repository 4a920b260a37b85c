"""Features of the prompt on the transformer's grid of patches."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from promptda.encoders.dinov2 import Grid

HIDDEN = 64  # channels between the stem's convolutions


class PromptStem(nn.Module):
    """Two convolutions on the prompt's depth, resized to the grid."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, HIDDEN, kernel_size=3, padding=1)
        self.refine = nn.Conv2d(HIDDEN, width, kernel_size=3, padding=1)

    def forward(self, prompt: Float[Tensor, "b 2 h_prompt w_prompt"], grid: Grid) -> Float[Tensor, "b d h w"]:
        depth = F.interpolate(prompt[:, :1], size=grid, mode="bilinear", align_corners=False)
        features: Tensor = self.refine(F.relu(self.embed(depth)))
        return features
