"""The paper's design that also sees which pixels of the prompt were measured.

For sparse or holed prompts: filled depth looks like measured depth otherwise.
"""

from typing import cast

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from promptda.prompting.design import PromptDesign
from promptda.prompting.fusion import LEVELS, PromptFusion
from promptda.prompting.zero import zeroed


class MaskedFusion(PromptDesign, nn.ModuleList):
    """One ``MaskedPromptFusion`` for each level of the decoder, finest first."""

    name = "masked-fusion"
    knows_mask = True

    def __init__(self, _encoder: nn.Module, features: int) -> None:
        super().__init__(MaskedPromptFusion(features) for _ in range(LEVELS))

    def fuse(
        self, level: int, features: Float[Tensor, "b c h w"], prompt: Float[Tensor, "b 2 h_prompt w_prompt"]
    ) -> Float[Tensor, "b c h w"]:
        return cast(Tensor, self[level](features, prompt))


class MaskedPromptFusion(PromptFusion):
    """``PromptFusion`` with the mask as a second input.

    Its weights for the mask start at zero and stand apart from those for the depth, so that a
    network trained with ``PromptFusion`` is a starting point, of the same output.
    """

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.embed_valid = zeroed(nn.Conv2d(1, features, kernel_size=3, padding=1, bias=False))

    def forward(
        self, features: Float[Tensor, "b c h w"], prompt: Float[Tensor, "b 2 h_prompt w_prompt"]
    ) -> Float[Tensor, "b c h w"]:
        """``prompt`` is normalised depth and where it was measured, at any resolution."""
        # One sampling for both: each value of depth comes with how much of it was measured.
        prompt = F.interpolate(prompt, size=features.shape[-2:], mode="bilinear", align_corners=False)
        embedding = F.relu(self.embed(prompt[:, :1]) + self.embed_valid(prompt[:, 1:]))
        fused: Tensor = features + self.project(F.relu(self.refine(embedding)))
        return fused
