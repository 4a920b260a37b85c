"""A triangle mesh in the capture's world."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# An island below this many triangles is dropped. Marching cubes makes about two triangles per voxel face of
# surface, so a cup (200 cm2) has some 400 at voxels of 1 cm, while specks of flying pixels and of surface seen
# once at a rim have a few dozen; at other voxel sizes the same number drops smaller or larger things, as it should.
MIN_ISLAND_TRIANGLES = 200
NORMALS_AT_ONCE = 1_000_000  # triangles, which bounds the memory for their corners


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles wind counter-clockwise seen from outside, the side that the camera saw."""

    vertices: Float[np.ndarray, "n 3"]  # float64 metres, in the capture's world
    triangles: Int[np.ndarray, "m 3"]  # int32, rows of ``vertices``
    normals: Float[np.ndarray, "n 3"] | None = None  # float32, unit length, pointing outside
    colors: UInt8[np.ndarray, "n 3"] | None = None  # RGB


def clean(mesh: Mesh, min_triangles: int = MIN_ISLAND_TRIANGLES) -> Mesh:
    """The mesh without islands of fewer triangles, unless all are that small; then the largest one stays."""
    if not len(mesh.triangles):
        return mesh
    a, b, c = mesh.triangles.T
    edges = coo_array(
        (np.ones(2 * len(a), np.bool_), (np.concatenate([a, b]), np.concatenate([b, c]))),
        shape=(len(mesh.vertices), len(mesh.vertices)),
    )
    _, island = connected_components(edges, directed=False)
    size = np.bincount(island[a])
    return select_triangles(mesh, size[island[a]] >= min(min_triangles, size.max()))


def select_triangles(mesh: Mesh, keep: Bool[np.ndarray, " m"]) -> Mesh:
    """The mesh of these triangles, without the vertices that no triangle uses any more."""
    triangles = mesh.triangles[keep]
    used = np.zeros(len(mesh.vertices), np.bool_)
    used[triangles] = True
    new_index = np.cumsum(used, dtype=np.int32) - 1
    return Mesh(
        vertices=mesh.vertices[used],
        triangles=new_index[triangles],
        normals=None if mesh.normals is None else mesh.normals[used],
        colors=None if mesh.colors is None else mesh.colors[used],
    )


def simplify(mesh: Mesh, triangles: int) -> Mesh:
    """The mesh reduced to about this many triangles by quadric decimation (Garland and Heckbert 1997).

    A mesh that has no more is returned as it is. Normals are computed anew.
    """
    if triangles < 1:
        raise ValueError(f"simplify to {triangles} triangles; at least one must remain")
    if len(mesh.triangles) <= triangles:
        return mesh
    import open3d as o3d

    centre = mesh.vertices.mean(axis=0)  # quadrics square coordinates: UTM-sized ones would drown the shape
    reduced = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices - centre), o3d.utility.Vector3iVector(mesh.triangles)
    )
    if mesh.colors is not None:
        reduced.vertex_colors = o3d.utility.Vector3dVector(mesh.colors / 255.0)
    reduced = reduced.simplify_quadric_decimation(triangles)
    colors = None if mesh.colors is None else np.rint(np.asarray(reduced.vertex_colors) * 255).astype(np.uint8)
    result = Mesh(np.asarray(reduced.vertices) + centre, np.asarray(reduced.triangles, dtype=np.int32), None, colors)
    return result if mesh.normals is None else replace(result, normals=vertex_normals(result))


def vertex_normals(mesh: Mesh) -> Float[np.ndarray, "n 3"]:
    """Unit normals, each the mean of the vertex's triangles weighted by area; 0 where there is none."""
    normals = np.zeros((len(mesh.vertices), 3))
    for start in range(0, len(mesh.triangles), NORMALS_AT_ONCE):
        triangles = mesh.triangles[start : start + NORMALS_AT_ONCE]
        corners = mesh.vertices[triangles]
        area_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        for axis in range(3):
            weights = np.repeat(area_normals[:, axis], 3)
            normals[:, axis] += np.bincount(triangles.ravel(), weights, len(mesh.vertices))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0).astype(np.float32)
