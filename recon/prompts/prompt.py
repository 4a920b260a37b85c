"""The coarse depth that prompts the network."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True, eq=False)
class Prompt:
    """Depth filled everywhere, and where it was measured."""

    depth: Float[np.ndarray, "h w"]  # float32 metres, positive and finite everywhere
    valid: Bool[np.ndarray, "h w"]  # True where the sensor measured it
