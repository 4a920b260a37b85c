"""Plain resizing of true depth, the baseline that the paper argues against: it teaches enlarging, not correcting."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from train.simulation.resizing import resize_depth
from train.simulation.simulated import PHONE_SIZE, SimulatedDepth


@dataclass(frozen=True)
class NaiveResize:
    """A ``Simulation`` without a sensor: the truth at fewer pixels."""

    size: tuple[int, int] = PHONE_SIZE

    def __call__(
        self,
        image: Float[Tensor, "b 3 H W"],
        depth: Float[Tensor, "b 1 H W"],
        generator: torch.Generator,
        K: Float[Tensor, "b 3 3"] | None = None,
    ) -> SimulatedDepth:
        """Unknown where the truth is; confident elsewhere."""
        given = resize_depth(depth, self.size)
        return SimulatedDepth(given, (given > 0).to(torch.uint8) * 2)
