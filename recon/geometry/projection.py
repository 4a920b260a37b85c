"""Between pixels with depth and points in the camera's frame."""

import numpy as np
from jaxtyping import Float

from recon.geometry.camera import Camera


def rays(camera: Camera) -> Float[np.ndarray, "h w 3"]:
    """Direction through each pixel's centre with z = 1, so that ``depth * ray`` is the point."""
    u = (np.arange(camera.width) - camera.cx) / camera.fx
    v = (np.arange(camera.height) - camera.cy) / camera.fy
    directions = np.ones((camera.height, camera.width, 3), np.float32)
    directions[..., 0] = u[None, :]
    directions[..., 1] = v[:, None]
    return directions


def backproject(depth: Float[np.ndarray, "h w"], camera: Camera) -> Float[np.ndarray, "h w 3"]:
    """Points in the camera's frame, metres; unknown depth (0) lands on the origin."""
    return rays(camera) * depth[..., None]


def project(
    points_camera: Float[np.ndarray, "*shape 3"], camera: Camera
) -> tuple[Float[np.ndarray, "*shape 2"], Float[np.ndarray, "*shape"]]:
    """Pixel coordinates (u, v) and z-depth of points; NaN pixels for points not in front of the camera."""
    z = points_camera[..., 2]
    safe = np.where(z > 0, z, np.nan)
    u = points_camera[..., 0] / safe * camera.fx + camera.cx
    v = points_camera[..., 1] / safe * camera.fy + camera.cy
    return np.stack([u, v], axis=-1), z
