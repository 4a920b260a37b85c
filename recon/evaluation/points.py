"""Shapes as sets of points."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from recon.evaluation.mesh_metrics import area_normals, draw_on_surface, triangle_areas
from recon.fusion.mesh import Mesh, vertex_normals


@dataclass(frozen=True, eq=False)
class PointSet:
    """Points of a surface, with unit normals where it has any."""

    points: Float[np.ndarray, "n 3"]  # float64 metres
    normals: Float[np.ndarray, "n 3"] | None = None

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, keep: Bool[np.ndarray, " n"]) -> "PointSet":
        return PointSet(self.points[keep], None if self.normals is None else self.normals[keep])


def vertices_of(shape: Mesh) -> PointSet:
    """All vertices of a mesh, whether a triangle uses them or not, or all points of a cloud."""
    return PointSet(shape.vertices, vertex_normals(shape) if len(shape.triangles) else shape.normals)


def samples_of(shape: Mesh, count: int, rng: np.random.Generator) -> PointSet:
    """So many points spread uniformly over a mesh, none if it has no area; the points of a cloud as they are."""
    if not len(shape.triangles):
        return vertices_of(shape)
    if not triangle_areas(shape).any():
        return PointSet(np.zeros((0, 3)), np.zeros((0, 3)))
    points, triangle = draw_on_surface(shape, count, rng)
    return PointSet(points, unit_normals(shape, triangle))


def unit_normals(mesh: Mesh, triangle: np.ndarray) -> Float[np.ndarray, "n 3"]:
    """The normal of each of these triangles; 0 for one without area."""
    normals = area_normals(mesh.vertices[mesh.triangles[triangle]])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)


def downsampled(points: PointSet, voxel_size: float) -> PointSet:
    """Means of points and normals in each voxel of Open3D's grid, which begins half a voxel below the least point."""
    import open3d as o3d

    if not len(points):
        return points
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.points))
    if points.normals is not None:
        cloud.normals = o3d.utility.Vector3dVector(points.normals)
    cloud = cloud.voxel_down_sample(voxel_size)
    return PointSet(np.array(cloud.points), None if points.normals is None else np.array(cloud.normals))
