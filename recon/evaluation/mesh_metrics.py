"""Distances between a mesh and the truth."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from recon.fusion.mesh import Mesh

CHUNK = 500_000  # triangles or points handled at a time, some tens of megabytes


@dataclass(frozen=True)
class SurfaceDistance:
    """How far one surface is from another, over points spread evenly on the first; metres."""

    mean: float
    median: float
    percentile_95: float


@dataclass(frozen=True)
class MeshEvaluation:
    """Both directions: what the mesh got wrong, and what it lacks."""

    accuracy: SurfaceDistance
    completeness: SurfaceDistance


def evaluate_mesh(mesh: Mesh, truth: Mesh, seed: int = 0) -> MeshEvaluation:
    """How far a mesh is from the truth and the truth from it; the seed draws the points that are compared."""
    rng = np.random.default_rng(seed)
    return MeshEvaluation(accuracy(mesh, truth, rng), completeness(mesh, truth, rng))


def sample_surface(mesh: Mesh, count: int, rng: np.random.Generator) -> Float[np.ndarray, "n 3"]:
    """Points spread uniformly over the mesh's area, in its world."""
    return draw_on_surface(mesh, count, rng)[0]


def draw_on_surface(
    mesh: Mesh, count: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "n 3"], Int[np.ndarray, " n"]]:
    """Points spread uniformly over the mesh's area, and the triangle that each lies on.

    Memory beside the mesh is one number a triangle and what the points take.
    """
    reach = np.cumsum(triangle_areas(mesh))
    if not (len(reach) and reach[-1] > 0):
        raise ValueError(f"a mesh of {len(mesh.triangles)} triangles has no area to sample")
    triangle = np.searchsorted(reach, rng.random(count) * reach[-1], side="right")
    triangle = np.minimum(triangle, np.searchsorted(reach, reach[-1]))  # a product may round up to the whole area
    corners = mesh.vertices[mesh.triangles[triangle]]
    # Uniform in a parallelogram, folded onto the triangle.
    u, v = rng.random((2, count, 1))
    folded = u + v > 1
    u, v = np.where(folded, 1 - u, u), np.where(folded, 1 - v, v)
    return corners[:, 0] + u * (corners[:, 1] - corners[:, 0]) + v * (corners[:, 2] - corners[:, 0]), triangle


def triangle_areas(mesh: Mesh) -> Float[np.ndarray, " m"]:
    """Square metres of each triangle."""
    areas = np.empty(len(mesh.triangles))
    for start in range(0, len(areas), CHUNK):
        corners = mesh.vertices[mesh.triangles[start : start + CHUNK]]
        areas[start : start + CHUNK] = np.linalg.norm(area_normals(corners), axis=1) / 2
    return areas


def area_normals(corners: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, "n 3"]:
    """Outward normals of triangles, as long as twice their areas."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def distances_to_surface(points: Float[np.ndarray, "n 3"], mesh: Mesh) -> Float[np.ndarray, " n"]:
    """Distance of each point to the nearest point of the mesh's triangles, metres."""
    return nearest_on_surface(points, mesh)[0]


def nearest_on_surface(
    points: Float[np.ndarray, "n 3"], mesh: Mesh
) -> tuple[Float[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Distance (m) of each point to the mesh's triangles, and the triangle that is nearest."""
    import open3d as o3d

    origin = mesh.vertices.mean(axis=0)  # the scene computes in float32
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles((mesh.vertices - origin).astype(np.float32), mesh.triangles.astype(np.uint32))
    distance, triangle = np.empty(len(points)), np.empty(len(points), np.int64)
    for start in range(0, len(points), CHUNK):
        part = slice(start, start + CHUNK)
        local = (points[part] - origin).astype(np.float32)
        found = scene.compute_closest_points(local)
        distance[part] = np.linalg.norm(found["points"].numpy().astype(np.float64) - local, axis=1)
        triangle[part] = found["primitive_ids"].numpy()
    return distance, triangle


def accuracy(mesh: Mesh, truth: Mesh, rng: np.random.Generator, count: int = 100_000) -> SurfaceDistance:
    """How far the mesh is from the truth; says nothing of what the mesh lacks."""
    return _summary(distances_to_surface(sample_surface(mesh, count, rng), truth))


def completeness(mesh: Mesh, truth: Mesh, rng: np.random.Generator, count: int = 100_000) -> SurfaceDistance:
    """How far the truth is from the mesh; says nothing of what the mesh has in excess."""
    return _summary(distances_to_surface(sample_surface(truth, count, rng), mesh))


def _summary(distance: Float[np.ndarray, " n"]) -> SurfaceDistance:
    return SurfaceDistance(float(distance.mean()), float(np.median(distance)), float(np.percentile(distance, 95)))
