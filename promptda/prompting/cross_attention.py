"""Cross-attention prompting: image tokens query the prompt in every block (Table 3 e of arXiv:2412.14015).

The paper names no widths; these are ours. So is the position embedding on the prompt's tokens, without
which no image token could find those of its own place.
"""

from collections.abc import Iterable
from functools import partial
from typing import cast

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from promptda.encoders.dinov2 import NORM_EPS, Block, DinoV2, Grid, Step, VisionTransformer
from promptda.prompting.design import TransformerDesign
from promptda.prompting.stem import PromptStem
from promptda.prompting.zero import zeroed


class CrossAttention(TransformerDesign):
    """A cross-attention to the prompt's tokens between the two halves of every block."""

    name = "cross-attention"

    def __init__(self, encoder: DinoV2, _features: int) -> None:
        super().__init__()
        width, heads = encoder.size.width, encoder.size.heads
        self.stem = PromptStem(width)
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)  # of the prompt's tokens
        self.attend = nn.ModuleList(PromptAttention(width, heads) for _ in range(encoder.size.depth))

    def steps(
        self, vit: VisionTransformer, tokens: Float[Tensor, "b n d"], grid: Grid, prompt: Float[Tensor, "b 2 h w"]
    ) -> Iterable[Step]:
        features = self.stem(prompt, grid).flatten(2).mT  # (b, h w, d)
        prompt_tokens = self.norm(features + vit.position(grid[0], grid[1])[:, 1:])
        for block, attend in zip(vit.blocks, self.attend, strict=True):
            yield partial(_attending, cast(Block, block), cast(PromptAttention, attend), prompt_tokens)


def _attending(
    block: Block,
    attend: "PromptAttention",
    prompt_tokens: Float[Tensor, "b m d"],
    tokens: Float[Tensor, "b n d"],
) -> Float[Tensor, "b n d"]:
    return block.transform(attend(block.attend(tokens), prompt_tokens))


class PromptAttention(nn.Module):
    """Multi-head attention from tokens to the prompt's, added to the tokens; ``proj`` starts at zero."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = zeroed(nn.Linear(width, width))

    def forward(self, tokens: Float[Tensor, "b n d"], prompt_tokens: Float[Tensor, "b m d"]) -> Float[Tensor, "b n d"]:
        query = self.q(self.norm(tokens)).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (b, heads, n, d / heads)
        key_value = self.kv(prompt_tokens).unflatten(-1, (2, self.heads, -1))  # (b, m, 2, heads, d / heads)
        key, value = key_value.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return cast(Tensor, tokens + self.proj(mixed.transpose(1, 2).flatten(2)))
