"""Shapes whose distances are known on paper."""

import numpy as np

from recon.fusion.mesh import Mesh

NO_TRIANGLES = np.zeros((0, 3), np.int32)


def cloud(*points: tuple[float, float, float]) -> Mesh:
    return Mesh(np.array(points, np.float64).reshape(-1, 3), NO_TRIANGLES)


def sheet(width: float, height: float, z: float = 0.0, step: float | None = None) -> Mesh:
    """A rectangle from the origin along x and y, facing +z, of squares of this edge; of one square if None."""
    columns, rows = (1, 1) if step is None else (round(width / step), round(height / step))
    x, y = np.meshgrid(np.linspace(0, width, columns + 1), np.linspace(0, height, rows + 1), indexing="ij")
    vertices = np.stack([x.ravel(), y.ravel(), np.full(x.size, z)], axis=1)
    first = (np.arange(columns)[:, None] * (rows + 1) + np.arange(rows)).ravel()
    right, up, across = first + rows + 1, first + 1, first + rows + 2
    triangles = np.concatenate([np.stack([first, right, across], 1), np.stack([first, across, up], 1)])
    return Mesh(vertices, triangles.astype(np.int32))


def joined(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])[:-1]
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.triangles + np.int32(start) for mesh, start in zip(meshes, starts, strict=True)]),
    )


def moved(mesh: Mesh, offset) -> Mesh:
    return Mesh(mesh.vertices + np.asarray(offset, np.float64), mesh.triangles)


def sphere(radius: float, rings: int = 80) -> Mesh:
    import open3d as o3d

    ball = o3d.geometry.TriangleMesh.create_sphere(radius, rings)
    return Mesh(np.asarray(ball.vertices).copy(), np.asarray(ball.triangles, np.int32))


def room(size, step: float) -> Mesh:
    """The walls of a box with one corner at the origin, facing inwards as a room's do."""
    import open3d as o3d

    solid = o3d.geometry.TriangleMesh.create_box(*size)
    while _edges(solid).max() > step:
        solid = solid.subdivide_midpoint(1)
    triangles = np.asarray(solid.triangles, np.int32)
    return Mesh(np.asarray(solid.vertices).copy(), triangles[:, ::-1].copy())


def _edges(solid) -> np.ndarray:
    corners = np.asarray(solid.vertices)[np.asarray(solid.triangles)]
    return np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
