"""A depth map ready to be fused, with the camera that it belongs to."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from recon.geometry.camera import Camera


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Predicted or measured depth on the pixel grid of ``camera``."""

    depth: Float[np.ndarray, "h w"]  # z-depth, float32 metres, 0 = unknown
    camera: Camera
    uncertainty: Float[np.ndarray, "h w"] | None = None  # Laplace scale of log depth
