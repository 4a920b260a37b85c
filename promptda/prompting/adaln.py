"""AdaLN prompting: the prompt as a whole modulates every block (Table 3 d of arXiv:2412.14015).

After adaLN-Zero of DiT (Peebles and Xie, arXiv:2212.09748, sec. 3.2), but around the identity: the blocks
are pretrained. The paper names no widths; these are ours.
"""

from collections.abc import Iterable
from functools import partial
from typing import cast

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from promptda.encoders.dinov2 import Block, DinoV2, Grid, Step, VisionTransformer
from promptda.prompting.design import TransformerDesign
from promptda.prompting.stem import PromptStem
from promptda.prompting.zero import zeroed

PARTS = 6  # scale, shift and gate of each half of a block


class AdaptiveNorm(TransformerDesign):
    """Scales, shifts and gates of every block, computed from the pooled features of the prompt."""

    name = "adaln"

    def __init__(self, encoder: DinoV2, _features: int) -> None:
        super().__init__()
        width = encoder.size.width
        self.stem = PromptStem(width)
        self.modulate = nn.ModuleList(zeroed(nn.Linear(width, PARTS * width)) for _ in range(encoder.size.depth))

    def steps(
        self, vit: VisionTransformer, tokens: Float[Tensor, "b n d"], grid: Grid, prompt: Float[Tensor, "b 2 h w"]
    ) -> Iterable[Step]:
        pooled = F.silu(self.stem(prompt, grid).mean((2, 3)))[:, None]  # (b, 1, d)
        for block, modulate in zip(vit.blocks, self.modulate, strict=True):
            yield partial(_modulated, cast(Block, block), modulate(pooled).chunk(PARTS, dim=-1))


def _modulated(
    block: Block, parts: tuple[Float[Tensor, "b 1 d"], ...], tokens: Float[Tensor, "b n d"]
) -> Float[Tensor, "b n d"]:
    """The block with adapted norms and gated branches; itself where all parts are zero."""
    scale1, shift1, gate1, scale2, shift2, gate2 = parts
    branch = block.attn(block.norm1(tokens) * (1 + scale1) + shift1)
    tokens = block.ls1(tokens, branch * (1 + gate1))
    branch = block.mlp(block.norm2(tokens) * (1 + scale2) + shift2)
    return cast(Tensor, block.ls2(tokens, branch * (1 + gate2)))
