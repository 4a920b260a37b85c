"""What of a shape can be measured."""

import numpy as np
from jaxtyping import Float

from recon.fusion.mesh import Mesh

FARTHEST = 1e8  # metres; the Earth is 1.3e7 m thick, so no world has a coordinate beyond
COARSE_SAMPLE = 20_000  # triangles looked at to tell whether a mesh is coarse


def usable(shape: Mesh, name: str) -> tuple[Mesh, tuple[str, ...]]:
    """The shape without vertices that are nowhere and their triangles, in float64, and a note on what was left out."""
    good = (np.abs(shape.vertices) <= FARTHEST).all(axis=1)  # false for NaN
    if good.all():
        return Mesh(shape.vertices.astype(np.float64), shape.triangles, shape.normals, shape.colors), ()
    new_row = np.cumsum(good, dtype=np.int32) - 1
    kept = shape.triangles[good[shape.triangles].all(axis=1)]
    if len(shape.triangles) and not len(kept):  # not a cloud of what is left of it
        good = np.zeros_like(good)
    note = (
        f"{name}: {int((~good).sum()):,} of {len(good):,} vertices left out, which are not finite or beyond the Earth"
    )
    return Mesh(
        shape.vertices[good].astype(np.float64),
        new_row[kept],
        None if shape.normals is None else shape.normals[good],
        None if shape.colors is None else shape.colors[good],
    ), (note,)


def centred(shape: Mesh) -> Float[np.ndarray, "3"]:
    """The middle of the shape's box, near which float32 is exact enough for Open3D."""
    return (shape.vertices.min(axis=0) + shape.vertices.max(axis=0)) / 2


def coarse(mesh: Mesh, length: float) -> bool:
    """Whether half of the surface, by area, has triangles with an edge longer than this (m)."""
    step = max(1, len(mesh.triangles) // COARSE_SAMPLE)
    corners = mesh.vertices[mesh.triangles[::step]]
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return bool(area[edges > length].sum() > 0.5 * area.sum())
