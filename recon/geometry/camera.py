"""A pinhole camera of one named resolution."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class Camera:
    """Size in pixels and the matrix of intrinsics; the centre of the top-left pixel is (0, 0)."""

    width: int
    height: int
    K: Float[np.ndarray, "3 3"]

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"Camera of {self.width}x{self.height} pixels; both must be positive")
        if not (np.isfinite(self.K).all() and self.fx > 0 and self.fy > 0):
            raise ValueError(f"Camera.K is {self.K.tolist()}; it must be finite with positive focal lengths")
        if self.K[0, 1] or self.K[1, 0] or (self.K[2] != [0, 0, 1]).any():
            raise ValueError(f"Camera.K is {self.K.tolist()}; a pinhole without skew has zeros beside fx, fy, cx, cy")

    @classmethod
    def from_focal(cls, width: int, height: int, fx: float, fy: float, cx: float, cy: float) -> "Camera":
        """The camera with these focal lengths and this principal point, all in pixels."""
        return cls(width, height, np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]))

    @property
    def fx(self) -> float:
        return float(self.K[0, 0])

    @property
    def fy(self) -> float:
        return float(self.K[1, 1])

    @property
    def cx(self) -> float:
        return float(self.K[0, 2])

    @property
    def cy(self) -> float:
        return float(self.K[1, 2])

    def resized(self, width: int, height: int) -> "Camera":
        """The same view on another pixel grid: ``c' = (c + 0.5) s - 0.5``, each axis by its own scale."""
        sx, sy = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return Camera.from_focal(width, height, self.fx * sx, self.fy * sy, cx, cy)

    def cropped(self, left: int, top: int, width: int, height: int) -> "Camera":
        """The camera of the rectangle whose top-left pixel is (left, top)."""
        return Camera.from_focal(width, height, self.fx, self.fy, self.cx - left, self.cy - top)
