"""Distances between a mesh and the truth."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from recon.fusion.mesh import Mesh


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
    corners = mesh.vertices[mesh.triangles]
    edge_ab, edge_ac = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.linalg.norm(np.cross(edge_ab, edge_ac), axis=1)
    if not area.sum() > 0:
        raise ValueError(f"a mesh of {len(mesh.triangles)} triangles has no area to sample")
    triangle = rng.choice(len(area), size=count, p=area / area.sum())
    # Uniform in a parallelogram, folded onto the triangle.
    u, v = rng.random((2, count, 1))
    folded = u + v > 1
    u, v = np.where(folded, 1 - u, u), np.where(folded, 1 - v, v)
    return corners[triangle, 0] + u * edge_ab[triangle] + v * edge_ac[triangle]


def distances_to_surface(points: Float[np.ndarray, "n 3"], mesh: Mesh) -> Float[np.ndarray, " n"]:
    """Distance of each point to the nearest point of the mesh's triangles, metres."""
    import open3d as o3d

    origin = mesh.vertices.mean(axis=0)  # the scene computes in float32
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles((mesh.vertices - origin).astype(np.float32), mesh.triangles.astype(np.uint32))
    return scene.compute_distance((points - origin).astype(np.float32)).numpy().astype(np.float64)


def accuracy(mesh: Mesh, truth: Mesh, rng: np.random.Generator, count: int = 100_000) -> SurfaceDistance:
    """How far the mesh is from the truth; says nothing of what the mesh lacks."""
    return _summary(distances_to_surface(sample_surface(mesh, count, rng), truth))


def completeness(mesh: Mesh, truth: Mesh, rng: np.random.Generator, count: int = 100_000) -> SurfaceDistance:
    """How far the truth is from the mesh; says nothing of what the mesh has in excess."""
    return _summary(distances_to_surface(sample_surface(truth, count, rng), mesh))


def _summary(distance: Float[np.ndarray, " n"]) -> SurfaceDistance:
    return SurfaceDistance(float(distance.mean()), float(np.median(distance)), float(np.percentile(distance, 95)))
