"""ControlNet prompting: a copy of the encoder's blocks carries the prompt (Table 3 f of arXiv:2412.14015).

After Zhang et al., arXiv:2302.05543, sec. 3. The paper names no widths; these are ours.
"""

import copy
from collections.abc import Iterable
from functools import partial
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from promptda.encoders.dinov2 import DinoV2, Grid, Step, VisionTransformer
from promptda.prompting.design import TransformerDesign
from promptda.prompting.stem import PromptStem
from promptda.prompting.zero import zeroed


class ControlNet(TransformerDesign):
    """Tokens of a copy, which sees the prompt, are added to the encoder's after each tapped block.

    The copy ends with the last tapped block. Nothing but zero layers leads into it and out of it.
    """

    name = "controlnet"

    def __init__(self, encoder: DinoV2, _features: int) -> None:
        super().__init__()
        width = encoder.size.width
        self.stem = PromptStem(width)
        self.enter = zeroed(nn.Linear(width, width))
        self.blocks = copy.deepcopy(encoder.vit.blocks[: max(encoder.size.taps) + 1])
        self.leave = nn.ModuleDict({str(tap): zeroed(nn.Linear(width, width)) for tap in encoder.size.taps})

    def start_from(self, encoder: nn.Module) -> None:
        theirs = cast(DinoV2, encoder).vit.blocks[: len(self.blocks)]
        self.blocks.load_state_dict(theirs.state_dict())

    def steps(
        self, vit: VisionTransformer, tokens: Float[Tensor, "b n d"], grid: Grid, prompt: Float[Tensor, "b 2 h w"]
    ) -> Iterable[Step]:
        entering = self.enter(self.stem(prompt, grid).flatten(2).mT)  # (b, h w, d)
        extra = tokens.shape[1] - entering.shape[1]  # of class and registers
        copied = torch.cat([tokens[:, :extra], tokens[:, extra:] + entering], dim=1)
        for index, block in enumerate(vit.blocks):
            if index < len(self.blocks):
                copied = self.blocks[index](copied)
            if str(index) in self.leave:
                yield partial(_controlled, block, self.leave[str(index)](copied))
            else:
                yield cast(Step, block)


def _controlled(
    block: nn.Module, control: Float[Tensor, "b n d"], tokens: Float[Tensor, "b n d"]
) -> Float[Tensor, "b n d"]:
    return cast(Tensor, block(tokens) + control)
