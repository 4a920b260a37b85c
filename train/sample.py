"""What a training dataset returns, and what a training step is given."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture with what is known of it."""

    name: str  # tells it from every other sample of its dataset; used in messages and file names
    image: UInt8[np.ndarray, "H W 3"]  # RGB
    depth: Float[np.ndarray, "H W"]  # true z-depth, float32 metres, 0 = unknown
    prompt: Float[np.ndarray, "h w"] | None = None  # a real sensor's depth, metres, 0 = unknown; None: to be simulated
    confidence: UInt8[np.ndarray, "h w"] | None = None  # of ``prompt``, 0 low to 2 high
    pseudo: Float[np.ndarray, "H W"] | None = None  # depth whose gradients are right, metres, 0 = unknown
    K: Float[np.ndarray, "3 3"] | None = None  # of the image, where a simulation needs the geometry


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures of one size with their prompts and truths."""

    image: Float[Tensor, "b 3 H W"]  # RGB in 0..1
    prompt: Float[Tensor, "b 1 h w"]  # metres, filled everywhere unless the recipe trains with holes
    trust: Float[Tensor, "b 1 h w"]  # how far the prompt may be believed, 0 (not measured) to 1
    target: Float[Tensor, "b 1 H W"]  # true z-depth, metres, 0 = unknown
    pseudo: Float[Tensor, "b 1 H W"]  # what gradients are held against, metres, 0 = unknown; often ``target`` itself
    has_gradient: Bool[Tensor, " b"]  # whether the gradient term counts for this sample (ARKitScenes: L1 only)

    @property
    def valid(self) -> Bool[Tensor, "b 1 h w"]:
        """Where the prompt was measured."""
        return self.trust > 0

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        moved = {name: getattr(self, name).to(device, non_blocking=True) for name in self.__dataclass_fields__}
        return Batch(**moved)
