"""Another sensor for each picture, so that a network trusts a good prompt and corrects a bad one."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from train.simulation.anchors import PAPER, AnchorInterpolation
from train.simulation.naive import NaiveResize
from train.simulation.phone import Phone
from train.simulation.simulated import PHONE_SIZE, SimulatedDepth

KINDS: tuple[Phone | AnchorInterpolation | NaiveResize, ...] = (Phone(), PAPER, NaiveResize())
SHARES = (0.5, 0.35, 0.15)  # of the pictures


@dataclass(frozen=True)
class Mixed:
    """A ``Simulation``: phones with their faults, the paper's anchors and, seldom, the plain truth."""

    size: tuple[int, int] = PHONE_SIZE

    def __call__(
        self,
        image: Float[Tensor, "b 3 H W"],
        depth: Float[Tensor, "b 1 H W"],
        generator: torch.Generator,
        K: Float[Tensor, "b 3 3"] | None = None,
    ) -> SimulatedDepth:
        shares = torch.tensor(SHARES, device=depth.device)
        chosen = torch.multinomial(shares, len(depth), replacement=True, generator=generator)
        given = depth.new_zeros(len(depth), 1, *self.size)
        confidence = torch.zeros_like(given, dtype=torch.uint8)
        for index, kind in enumerate(KINDS):
            mine = (chosen == index).nonzero().flatten()
            if len(mine):
                seen = replace(kind, size=self.size)(image[mine], depth[mine], generator)
                given[mine], confidence[mine] = seen.depth, seen.confidence
        return SimulatedDepth(given, confidence)
