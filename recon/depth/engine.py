"""What a predictor asks of whatever runs a network."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8


class OutOfMemory(Exception):
    """The memory does not suffice for so many pictures of this size at once; fewer may do."""


@runtime_checkable
class Engine(Protocol):
    """A network, ready to run on one device in one precision."""

    stride: int  # sides of the images are multiples of it, pixels
    fixed_size: int | None  # both sides of the only images that it takes; None: any
    knows_trust: bool  # whether it weighs what the sensor itself doubts, rather than wanting it left out

    def depth(
        self,
        images: UInt8[np.ndarray, "b H W 3"],
        prompts: Float[np.ndarray, "b h w"],
        trust: Float[np.ndarray, "b h w"],
    ) -> Float[np.ndarray, "b H W"]:
        """Depth in metres as the network gives it, float32, for RGB images and their prompts.

        Prompts are in metres, filled everywhere; ``trust`` is 0 where nothing was measured, to 1. Raises
        ``OutOfMemory``.
        """
        ...
