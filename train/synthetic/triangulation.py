"""Shapes and whole scenes as triangles that wind counter-clockwise seen from outside."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from recon.geometry.transforms import apply
from train.synthetic.scene import Box, Cylinder, Quad, Scene, Shape, Sphere, Torus, TriangleMesh

SAGITTA = 2e-4  # metres that a flat side may cut from a round one
FEWEST_SIDES, MOST_SIDES = 12, 96  # of a whole turn

# The corners of a unit square in the order that winds around its normal.
_SQUARE = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
_SQUARE_TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])


def triangulate(shape: Shape) -> TriangleMesh:
    """The shape's surface in its own frame; meshes come back as they are."""
    match shape:
        case TriangleMesh():
            return shape
        case Box():
            return _box(shape.size)
        case Quad():
            corners = _SQUARE * [shape.width, shape.height]
            return TriangleMesh(np.pad(corners, ((0, 0), (0, 1))), _SQUARE_TRIANGLES)
        case Cylinder():
            return _cylinder(shape.radius, shape.height)
        case Sphere():
            return _sphere(shape.radius)
        case Torus():
            return _torus(shape.major, shape.minor)


def triangulate_scene(scene: Scene) -> TriangleMesh:
    """All objects in the world, one after another."""
    parts = []
    for thing in scene.objects:
        mesh = triangulate(thing.shape)
        mirrored = np.linalg.det(thing.T_world_shape[:3, :3]) < 0
        triangles = mesh.triangles[:, ::-1] if mirrored else mesh.triangles
        parts.append((apply(thing.T_world_shape, mesh.vertices.astype(np.float64)), triangles))
    return _joined(parts)


def sides(radius: float) -> int:
    """How many flat sides stand for a whole turn of this radius, metres."""
    bend = np.arccos(np.clip(1 - SAGITTA / max(radius, SAGITTA), -1, 1))
    return int(np.clip(np.ceil(np.pi / bend), FEWEST_SIDES, MOST_SIDES))


def _joined(parts: Sequence[tuple[Float[np.ndarray, "_ 3"], Int[np.ndarray, "_ 3"]]]) -> TriangleMesh:
    firsts = np.cumsum([0, *(len(vertices) for vertices, _ in parts)])
    return TriangleMesh(
        vertices=np.concatenate([np.zeros((0, 3)), *(vertices for vertices, _ in parts)]),
        triangles=np.concatenate(
            [np.zeros((0, 3), np.int64), *(tri + first for (_, tri), first in zip(parts, firsts, strict=False))]
        ),
    )


def _box(size: Float[np.ndarray, " 3"]) -> TriangleMesh:
    """Six faces with corners of their own."""
    faces = []
    for axis in range(3):
        for side in (-0.5, 0.5):
            corners = np.empty((4, 3))
            corners[:, axis] = side
            corners[:, [(axis + 1) % 3, (axis + 2) % 3]] = _SQUARE if side > 0 else _SQUARE[::-1]
            faces.append((corners * size, _SQUARE_TRIANGLES))
    return _joined(faces)


def _ring(count: int) -> Float[np.ndarray, "count 2"]:
    angle = np.arange(count) * (2 * np.pi / count)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _cylinder(radius: float, height: float) -> TriangleMesh:
    """Side and caps with corners of their own."""
    count = sides(radius)
    here = np.arange(count)
    after = (here + 1) % count
    x, z = radius * _ring(count).T
    rims = [np.stack([x, np.full(count, y), z], axis=1) for y in (-height / 2, height / 2)]
    wall = [np.stack([here, after + count, after], 1), np.stack([here, here + count, after + count], 1)]
    centre = np.full(count, count)
    caps = [
        (np.vstack([rims[0], [[0.0, -height / 2, 0.0]]]), np.stack([centre, here, after], 1)),
        (np.vstack([rims[1], [[0.0, height / 2, 0.0]]]), np.stack([centre, after, here], 1)),
    ]
    return _joined([(np.vstack(rims), np.concatenate(wall)), *caps])


def _sphere(radius: float) -> TriangleMesh:
    """Rings of latitude between two poles."""
    around = sides(radius)
    rings = around // 2 - 1
    polar = np.pi * (np.arange(rings) + 1) / (rings + 1)
    x, z = _ring(around).T
    grid = np.stack(
        [
            np.sin(polar)[:, None] * x,
            np.broadcast_to(np.cos(polar)[:, None], (rings, around)),
            np.sin(polar)[:, None] * z,
        ],
        axis=-1,
    ).reshape(-1, 3)
    top, bottom = rings * around, rings * around + 1
    here = np.arange(around)
    after = (here + 1) % around
    last = (rings - 1) * around
    triangles = [
        np.stack([np.full(around, top), after, here], 1),
        _strips(rings, around, closed=False),
        np.stack([np.full(around, bottom), here + last, after + last], 1),
    ]
    vertices = np.vstack([grid, [[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]]) * radius
    return TriangleMesh(vertices, np.concatenate(triangles))


def _torus(major: float, minor: float) -> TriangleMesh:
    tube, around = sides(minor), sides(major + minor)
    across = _ring(tube)
    x, z = _ring(around).T
    radius = (major + minor * across[:, 0])[:, None]
    height = np.broadcast_to(-minor * across[:, 1, None], (tube, around))
    vertices = np.stack([radius * x, height, radius * z], axis=-1).reshape(-1, 3)
    return TriangleMesh(vertices, _strips(tube, around, closed=True))


def _strips(rings: int, around: int, closed: bool) -> Int[np.ndarray, "m 3"]:
    """Triangles between neighbouring rings, each below the one before; closed: also from the last to the first."""
    row, column = np.mgrid[: rings if closed else rings - 1, :around].reshape(2, -1)
    below, after = (row + 1) % rings, (column + 1) % around
    a, b = row * around + column, row * around + after
    c, d = below * around + column, below * around + after
    return np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)])
