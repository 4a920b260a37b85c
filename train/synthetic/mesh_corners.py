"""Smooth normals and texture coordinates of triangle corners, for shapes that come without them."""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

CREASE = np.cos(np.radians(38.0))  # neighbours that bend less look round: 16-sided cylinders do, boxes do not
WELD = 1e-5  # metres; corners nearer than this are one point of the surface
BOX_AXES = np.array([[2, 1], [0, 2], [0, 1]])  # the plane (u, v) that a normal along x, y, z sees


def face_normals(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "m 3"]) -> Float[np.ndarray, "m 3"]:
    """Normals as long as twice the triangle's area."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def corner_normals(vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "m 3"]) -> Float[np.ndarray, "m 3 3"]:
    """Unit normals, averaged by area over the faces that meet at a corner without a crease between them.

    Faces joined by an edge that bends less than ``CREASE`` belong to one smooth patch. The winding of a
    neighbour may be the other way round, as it is in many models made for two-sided display.
    """
    points = _welded(vertices)[triangles]  # (m, 3)
    areas = face_normals(vertices, triangles)
    length = np.linalg.norm(areas, axis=1, keepdims=True)
    units = areas / np.where(length > 0, length, 1.0)
    patch = _smooth_patches(points, units)
    _, key = np.unique(points.astype(np.int64) * (patch.max(initial=0) + 1) + patch[:, None], return_inverse=True)
    key = key.reshape(-1)
    weighted = np.repeat(areas, 3, axis=0)
    sums = np.stack([np.bincount(key, weights=weighted[:, axis]) for axis in range(3)], axis=1)
    normals = sums[key].reshape(-1, 3, 3)
    norm = np.linalg.norm(normals, axis=2, keepdims=True)
    agrees = (normals * units[:, None]).sum(2, keepdims=True) > 0.3 * norm  # else windings disagree: stay flat
    return np.where(agrees & (norm > 0), normals / np.where(norm > 0, norm, 1.0), units[:, None])


def box_mapped(
    vertices: Float[np.ndarray, "n 3"], triangles: Int[np.ndarray, "m 3"], tile_size: float
) -> Float[np.ndarray, "m 3 2"]:
    """Texture coordinates by the axis that each face looks along most (see ``scene.Object``)."""
    axis = np.abs(face_normals(vertices, triangles)).argmax(axis=1)
    corners = vertices[triangles]
    return np.take_along_axis(corners, BOX_AXES[axis][:, None, :].repeat(3, axis=1), axis=2) / tile_size


def _welded(vertices: np.ndarray) -> np.ndarray:
    """The number of each vertex's place; vertices doubled for their uv share one."""
    grid = np.round(vertices / WELD).astype(np.int64)
    grid -= grid.min(axis=0, initial=0)
    span = grid.max(axis=0, initial=0) + 1
    flat = (grid[:, 0] * span[1] + grid[:, 1]) * span[2] + grid[:, 2]
    return np.unique(flat, return_inverse=True)[1]


def _smooth_patches(points: np.ndarray, units: np.ndarray) -> np.ndarray:
    """The number of the smooth patch that each face belongs to."""
    faces = len(points)
    edges = np.sort(points[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    key = edges[:, 0].astype(np.int64) * (points.max(initial=0) + 1) + edges[:, 1]
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    first, second = order[:-1][same] // 3, order[1:][same] // 3
    smooth = (units[first] * units[second]).sum(axis=1) > CREASE
    graph = coo_matrix((np.ones(smooth.sum()), (first[smooth], second[smooth])), shape=(faces, faces))
    return connected_components(graph, directed=False)[1]
