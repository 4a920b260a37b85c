"""What a simulated depth sensor gives for a batch of pictures whose true depth is known."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

PHONE_SIZE = (192, 256)  # rows and columns of an iPhone's depth map


@dataclass(frozen=True, eq=False)
class SimulatedDepth:
    """What the sensor would have given; gradients do not flow through it."""

    depth: Float[Tensor, "b 1 h w"]  # metres along the optical axis, 0 = no return
    confidence: UInt8[Tensor, "b 1 h w"]  # 0 low to 2 high; 0 where there is no return


@runtime_checkable
class Simulation(Protocol):
    """A sensor looking at what the picture shows."""

    def __call__(
        self,
        image: Float[Tensor, "b 3 H W"],
        depth: Float[Tensor, "b 1 H W"],
        generator: torch.Generator,
        K: Float[Tensor, "b 3 3"] | None = None,
    ) -> SimulatedDepth:
        """All randomness comes from ``generator``, which lives on the tensors' device.

        Args:
            image: RGB in 0..1.
            depth: true z-depth, metres, 0 = unknown; unknown pixels are never measured.
            generator: the same state gives the same map.
            K: intrinsics of the pictures, for sensors whose beams have directions of their own.
        """
