"""The coarse depth that prompts the network."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True, eq=False)
class Prompt:
    """Depth filled everywhere, and how far each pixel may be believed."""

    depth: Float[np.ndarray, "h w"]  # float32 metres, positive and finite everywhere
    trust: Float[np.ndarray, "h w"]  # float32, how far it may be believed: 0 where nothing was measured, to 1

    @property
    def valid(self) -> Bool[np.ndarray, "h w"]:
        """True where the sensor measured it."""
        return self.trust > 0
