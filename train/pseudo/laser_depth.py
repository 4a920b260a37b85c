"""Depth of a laser scan's mesh in the pictures of a camera that moved through it."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from recon.errors import CaptureError
from recon.geometry.camera import Camera
from recon.geometry.projection import rays

NEAR, FAR = 0.05, 20.0  # metres; outside depth is unknown, as in ScanNet++'s own toolbox


class LaserMesh:
    """A triangle mesh that is looked at from anywhere.

    Args:
        vertices: metres, in the world of the poses.
        triangles: numbers of vertices.
    """

    def __init__(self, vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "m 3"]) -> None:
        import open3d as o3d

        # In float32, which far from the world's origin would be too coarse.
        self._origin = vertices.mean(axis=0)
        self._scene = o3d.t.geometry.RaycastingScene()
        self._scene.add_triangles(
            o3d.core.Tensor(np.ascontiguousarray(vertices - self._origin, np.float32)),
            o3d.core.Tensor(np.ascontiguousarray(triangles, np.uint32)),
        )

    @classmethod
    def read(cls, path: Path) -> "LaserMesh":
        """From a file that Open3D reads, as ScanNet++'s ``scans/mesh_aligned_0.05.ply``."""
        import open3d as o3d

        with o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error):
            mesh = o3d.io.read_triangle_mesh(str(path)) if path.is_file() else o3d.geometry.TriangleMesh()
        if not mesh.has_triangles():
            raise CaptureError(f"{path}: no mesh with triangles; give the scan's mesh")
        return cls(np.asarray(mesh.vertices), np.asarray(mesh.triangles))

    def depth(self, camera: Camera, T_world_camera: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "H W"]:
        """z-depth along the rays through the pixels' centres, float32 metres; 0 where nothing is met in range.

        Both sides of a triangle are seen.
        """
        import open3d as o3d

        ahead = rays(camera).astype(np.float64)  # z is 1: the distance along a ray is the depth
        directions = ahead @ T_world_camera[:3, :3].T
        starts = np.broadcast_to(T_world_camera[:3, 3] - self._origin, directions.shape)
        lines = np.concatenate([starts, directions], axis=-1).astype(np.float32)
        depth = self._scene.cast_rays(o3d.core.Tensor(lines))["t_hit"].numpy()
        return np.where((depth >= NEAR) & (depth <= FAR), depth, 0).astype(np.float32)
