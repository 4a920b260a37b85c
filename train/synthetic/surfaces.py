"""Meshes of curved things: tubes, turned bodies, wavy sheets, leaves, prisms."""

import numpy as np
from jaxtyping import Float

from train.synthetic.scene import TriangleMesh


def tube(points: Float[np.ndarray, "n 3"], radius: float, sides: int = 6) -> TriangleMesh:
    """A hose along a line of points: cables, bent metal."""
    along = np.gradient(points, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    helper = np.eye(3)[np.argmin(np.abs(along).max(axis=0))]  # the axis that the line follows least
    side = np.cross(along, helper)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    other = np.cross(along, side)
    angle = 2 * np.pi * np.arange(sides) / sides
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * other[:, None]
    vertices = (points[:, None] + radius * ring).reshape(-1, 3)
    return TriangleMesh(vertices, _grid_triangles(len(points), sides, closed=True))


def turned_body(profile: Float[np.ndarray, "n 2"], sides: int = 16) -> TriangleMesh:
    """The surface that (radius, height) pairs sweep around y: vases, bottles, lampshades."""
    angle = 2 * np.pi * np.arange(sides) / sides
    radius, height = profile[:, :1], profile[:, 1:]
    x, z = radius * np.sin(angle), radius * np.cos(angle)
    vertices = np.stack([x, np.broadcast_to(height, x.shape), z], axis=-1).reshape(-1, 3)
    return TriangleMesh(vertices, _grid_triangles(len(profile), sides, closed=True))


def cushion(size: Float[np.ndarray, " 3"], roundness: float = 0.35, steps: int = 8) -> TriangleMesh:
    """A box with swollen sides and soft edges (a superellipsoid), centred on the origin."""
    v = np.linspace(-np.pi / 2, np.pi / 2, steps)[:, None]
    out = np.where(np.abs(v) < np.pi / 2, np.cos(v), 0.0)  # nothing is left of it at the poles, whatever the power
    u = np.linspace(-np.pi, np.pi, 2 * steps, endpoint=False)[None]
    x = _power(out, roundness) * _power(np.sin(u), roundness)
    z = _power(out, roundness) * _power(np.cos(u), roundness)
    y = np.broadcast_to(_power(np.sin(v), roundness), x.shape)
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3) * size / 2
    return TriangleMesh(vertices, _grid_triangles(steps, 2 * steps, closed=True))


def curtain(width: float, height: float, depth: float, folds: float, steps: int) -> TriangleMesh:
    """A sheet in the plane z = 0, centred, waving along x by ``depth`` to either side."""
    x = np.linspace(-width / 2, width / 2, steps)
    z = depth * np.sin(2 * np.pi * folds * x / width)
    rows = [np.stack([x, np.full_like(x, y), z * swing], axis=1) for y, swing in ((-height / 2, 1), (height / 2, 0.7))]
    return TriangleMesh(np.concatenate(rows), _grid_triangles(2, steps, closed=False))


def leaves(
    rng: np.random.Generator,
    stems: Float[np.ndarray, "n 3"],
    away: Float[np.ndarray, "n 3"],
    length: float,
    width: float,
) -> TriangleMesh:
    """One pointed, drooping leaf of four triangles from each stem, growing along ``away`` (unit vectors)."""
    count = len(stems)
    side = np.cross(away, rng.normal(size=(count, 3)))
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    size = length * rng.uniform(0.6, 1.3, (count, 1))
    middle = stems + 0.5 * size * away + np.array([0.0, 0.06 * length, 0.0])
    tip = stems + size * away - np.array([0.0, 0.25 * length, 0.0])
    breadth = 0.5 * width * rng.uniform(0.7, 1.2, (count, 1))
    corners = np.stack([stems, middle - breadth * side, middle, middle + breadth * side, tip], axis=1)
    faces = np.array([[0, 1, 2], [0, 2, 3], [1, 4, 2], [2, 4, 3]])
    triangles = faces[None] + 5 * np.arange(count)[:, None, None]
    return TriangleMesh(corners.reshape(-1, 3), triangles.reshape(-1, 3))


def prism(outline: Float[np.ndarray, "n 2"], depth: float) -> TriangleMesh:
    """A convex outline in x, y, counter-clockwise, drawn out along z and centred: gables, car bodies, roofs."""
    count = len(outline)
    front = np.column_stack([outline, np.full(count, depth / 2)])
    vertices = np.concatenate([front * [1, 1, -1], front])
    fan = np.array([[0, i, i + 1] for i in range(1, count - 1)])
    return TriangleMesh(vertices, np.concatenate([fan[:, ::-1], fan + count, _grid_triangles(2, count, closed=True)]))


def _grid_triangles(rows: int, columns: int, closed: bool) -> np.ndarray:
    """Two triangles for each cell of a grid of vertices; ``closed`` joins the last column to the first."""
    cells = columns if closed else columns - 1
    row, column = np.divmod(np.arange((rows - 1) * cells), cells)
    a, b = row * columns + column, row * columns + (column + 1) % columns
    return np.concatenate([np.stack([a, b, a + columns], 1), np.stack([b, b + columns, a + columns], 1)])


def _power(values: np.ndarray, exponent: float) -> np.ndarray:
    return np.sign(values) * np.abs(values) ** exponent


def blocks(lows: Float[np.ndarray, "n 3"], highs: Float[np.ndarray, "n 3"]) -> TriangleMesh:
    """Many boxes as one mesh: the windows of a house, the bars of its balconies."""
    unit = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    vertices = lows[:, None] + unit * (highs - lows)[:, None]
    sides = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    faces = np.concatenate([sides[:, [0, 1, 2]], sides[:, [0, 2, 3]]])
    triangles = faces[None] + 8 * np.arange(len(lows))[:, None, None]
    return TriangleMesh(vertices.reshape(-1, 3), triangles.reshape(-1, 3))
