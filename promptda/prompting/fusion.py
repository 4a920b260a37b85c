"""The paper's prompt design: the prompt is added to every level of the decoder (arXiv:2412.14015, sec. 3.2)."""

from typing import cast

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from promptda.prompting.design import PromptDesign
from promptda.prompting.zero import zeroed

LEVELS = 4


class Fusion(PromptDesign, nn.ModuleList):
    """One ``PromptFusion`` for each level of the decoder, finest first."""

    name = "fusion"

    def __init__(self, _encoder: nn.Module, features: int) -> None:
        super().__init__(PromptFusion(features) for _ in range(LEVELS))

    def fuse(
        self, level: int, features: Float[Tensor, "b c h w"], prompt: Float[Tensor, "b 2 h_prompt w_prompt"]
    ) -> Float[Tensor, "b c h w"]:
        return cast(Tensor, self[level](features, prompt[:, :1]))


class PromptFusion(nn.Module):
    """Adds an embedding of the prompt to one level of decoder features.

    ``project`` starts at zero, so a new block changes nothing and training departs from the
    pretrained decoder. It is 3x3 as in the released code; the paper's supplement says 1x1.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, features, kernel_size=3, padding=1)
        self.refine = nn.Conv2d(features, features, kernel_size=3, padding=1)
        self.project = zeroed(nn.Conv2d(features, features, kernel_size=3, padding=1))

    def forward(
        self, features: Float[Tensor, "b c h w"], prompt: Float[Tensor, "b 1 h_prompt w_prompt"]
    ) -> Float[Tensor, "b c h w"]:
        """``prompt`` is normalised depth, at any resolution."""
        prompt = F.interpolate(prompt, size=features.shape[-2:], mode="bilinear", align_corners=False)
        embedding = F.relu(self.refine(F.relu(self.embed(prompt))))
        fused: Tensor = features + self.project(embedding)
        return fused
