"""Exact depth of a plane and of a sphere, from formulas."""

import numpy as np

from recon.depth.depth_map import DepthMap
from recon.geometry.camera import Camera
from recon.geometry.projection import rays
from recon.geometry.transforms import rigid

CAMERA = Camera.from_focal(128, 96, 110.0, 112.0, 61.3, 49.1)  # nothing symmetric, so that a mix-up shows


def plane_depth(normal, offset, camera=CAMERA) -> DepthMap:
    """z-depth of the plane ``normal @ p = offset`` in the camera's frame."""
    depth = offset / (rays(camera).astype(np.float64) @ np.asarray(normal, np.float64))
    return DepthMap(np.where(depth > 0, depth, 0).astype(np.float32), camera)


def sphere_depth(centre, radius, T_world_camera, camera=CAMERA) -> DepthMap:
    """z-depth of a sphere in the world; 0 beside it."""
    d = rays(camera).astype(np.float64)
    c = T_world_camera[:3, :3].T @ (np.asarray(centre) - T_world_camera[:3, 3])
    # |t d - c| = radius: t^2 d.d - 2 t d.c + c.c - radius^2 = 0, the nearer root; t is z-depth since d has z = 1.
    a, b, e = (d * d).sum(-1), d @ c, c @ c - radius**2
    inside = b * b - a * e
    depth = (b - np.sqrt(np.maximum(inside, 0))) / a
    return DepthMap(np.where(inside > 0, depth, 0).astype(np.float32), camera)


def look_at(eye, target) -> np.ndarray:
    """T_world_camera of an upright camera in a y-up world."""
    ahead = np.subtract(target, eye) / np.linalg.norm(np.subtract(target, eye))
    right = np.cross(ahead, [0.0, 1, 0])
    right /= np.linalg.norm(right)
    return rigid(np.stack([right, np.cross(ahead, right), ahead], axis=1), np.asarray(eye, np.float64))


def around(centre, distance, count=10) -> list[np.ndarray]:
    """Cameras on a circle, alternately above and below."""
    return [
        look_at(np.add(centre, [distance * np.cos(a), 0.4 * (-1) ** i, distance * np.sin(a)]), centre)
        for i, a in enumerate(np.linspace(0, 2 * np.pi, count, endpoint=False))
    ]
