"""What a prompt design is: where the prompt may enter, and what happens where it does not."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from promptda.encoders.dinov2 import Grid, Step, VisionTransformer


class PromptDesign(nn.Module):
    """A way in for the prompt: inside the encoder, at the levels of the decoder, or both.

    A new design changes nothing: its last layers start at zero, so that the untrained prompted network
    is its foundation. ``prompt`` has two channels at any resolution: normalised depth, filled
    everywhere, then 1 where it was measured with 0 where it was filled.

    Constructed from the encoder with the number of channels of the decoder.
    """

    name: ClassVar[str]
    needs_transformer: ClassVar[bool] = False  # works on the tokens of ``DinoV2``
    knows_mask: ClassVar[bool] = False  # reads the second channel of the prompt

    def encode(
        self, encoder: nn.Module, image: Float[Tensor, "b 3 H W"], prompt: Float[Tensor, "b 2 h w"]
    ) -> list[Float[Tensor, "b _ _ _"]]:
        """The encoder's pyramid for the standardised image."""
        pyramid: list[Tensor] = encoder(image)
        return pyramid

    def fuse(
        self, level: int, features: Float[Tensor, "b c h w"], prompt: Float[Tensor, "b 2 h_prompt w_prompt"]
    ) -> Float[Tensor, "b c h w"]:
        """Features of one level of the decoder, before they are enlarged; level 0 is the finest."""
        return features

    def start_from(self, encoder: nn.Module) -> None:
        """Take over what the design copies from a foundation, whose weights ``encoder`` has just received."""


class TransformerDesign(PromptDesign, ABC):
    """A design that works between or inside the blocks of a vision transformer."""

    needs_transformer = True

    def encode(
        self, encoder: nn.Module, image: Float[Tensor, "b 3 H W"], prompt: Float[Tensor, "b 2 h w"]
    ) -> list[Float[Tensor, "b _ _ _"]]:
        pyramid: list[Tensor] = encoder(image, partial(self.steps, prompt=prompt))
        return pyramid

    @abstractmethod
    def steps(
        self, vit: VisionTransformer, tokens: Float[Tensor, "b n d"], grid: Grid, prompt: Float[Tensor, "b 2 h w"]
    ) -> Iterable[Step]:
        """What runs instead of each block; ``tokens`` enter the first."""
