"""Which points some camera saw."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from recon.evaluation.mesh_metrics import CHUNK
from recon.evaluation.views import Views
from recon.fusion.mesh import Mesh
from recon.geometry.projection import project
from recon.geometry.transforms import apply, invert
from recon.stream import Progress


def seen(
    points: Float[np.ndarray, "n 3"],
    truth: Mesh,
    views: Views,
    margin: float,
    progress: Progress = lambda stage, done, total: None,
) -> Bool[np.ndarray, " n"]:
    """Whether a point is inside some picture, within reach, and at most ``margin`` metres behind the true surface.

    Args:
        points: metres, in the world of the views; near its origin, as rays are float32.
        truth: what hides what, with triangles.
    """
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(truth.vertices.astype(np.float32), truth.triangles.astype(np.uint32))
    was_seen = np.zeros(len(points), np.bool_)
    unseen = np.arange(len(points))
    for number, (T_world_camera, camera) in enumerate(zip(views.T_world_camera, views.cameras, strict=True)):
        progress("cull", number, len(views.cameras))
        eye, T_camera_world = T_world_camera[:3, 3], invert(T_world_camera)
        for start in range(0, len(unseen), CHUNK):
            rows = unseen[start : start + CHUNK]
            pixels, z = project(apply(T_camera_world, points[rows]), camera)
            inside = (z <= views.reach + margin) & (pixels > -0.5).all(axis=1)
            inside &= (pixels < [camera.width - 0.5, camera.height - 0.5]).all(axis=1)
            rows = rows[inside]
            was_seen[rows] = ~_hidden(scene, eye, points[rows], margin)
        unseen = unseen[~was_seen[unseen]]
        if not len(unseen):
            break
    progress("cull", len(views.cameras), len(views.cameras))
    return was_seen


def _hidden(
    scene: Any, eye: Float[np.ndarray, "3"], points: Float[np.ndarray, "n 3"], margin: float
) -> Bool[np.ndarray, " n"]:
    """Whether the scene cuts the line from the eye to ``margin`` before each point."""
    import open3d as o3d

    line = points - eye
    length = np.linalg.norm(line, axis=1, keepdims=True)
    line *= np.maximum(0, 1 - margin / np.maximum(length, np.finfo(float).tiny))
    rays = np.concatenate([np.broadcast_to(eye, line.shape), line], axis=1).astype(np.float32)
    return scene.test_occlusions(o3d.core.Tensor(rays), tfar=1.0).numpy()
