"""A scene's shapes as tables of numbers, each shape in the frame where it is of unit size."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from train.synthetic.extent import extent
from train.synthetic.mesh_corners import box_mapped, corner_normals, face_normals
from train.synthetic.scene import Box, Cylinder, Object, Quad, Sphere, Torus, TriangleMesh

SMALLEST = 1e-9  # square metres; triangles below have no direction
THINNEST = 1e-4  # metres; the least size of a shape along an axis, so that it has an inside


class Kind(IntEnum):
    BOX = 0  # -1..1 along each axis
    CYLINDER = 1  # radius 1, -1..1 along y
    SPHERE = 2  # radius 1
    TORUS = 3  # around y, 1 from the axis to the middle of the tube
    QUAD = 4  # -1..1 along x and y, z = 0
    TRIANGLE = 5  # corners (0, 0), (1, 0), (0, 1) in z = 0; z counts metres


@dataclass(frozen=True, eq=False)
class Primitives:
    """One row each; all on one device."""

    kind: Int[Tensor, " p"]  # of ``Kind``
    unit_world: Float[Tensor, "p 3 4"]  # from the world into the unit frame
    low: Float[Tensor, "p 3"]  # corners of the box around it, world
    high: Float[Tensor, "p 3"]
    scale: Float[Tensor, "p 3"]  # metres of the shape's own frame per unit
    tube: Float[Tensor, " p"]  # radius of a torus's tube in its unit frame, else 0
    object: Int[Tensor, " p"]  # row of the scene's objects
    corner_normals: Float[Tensor, "p 3 3"]  # of triangles, world; else 0
    corner_uv: Float[Tensor, "p 3 2"]  # of triangles; else 0
    uv_per_metre: Float[Tensor, " p"]
    shades: Bool[Tensor, " p"]  # casts shadows: what shines does not, for the lamps stand inside

    def to(self, device: torch.device | str) -> "Primitives":
        return Primitives(**{name: getattr(self, name).to(device) for name in self.__dataclass_fields__})


def primitives(objects: Sequence[Object]) -> Primitives:
    """Everything there is to hit, meshes triangle by triangle."""
    rows = [
        _triangles(number, thing) if isinstance(thing.shape, TriangleMesh) else _solid(number, thing)
        for number, thing in enumerate(objects)
    ]
    columns = {name: np.concatenate([row[name] for row in rows]) for name in Primitives.__dataclass_fields__}
    whole = {name: torch.from_numpy(values) for name, values in columns.items()}
    return Primitives(**{name: t.float() if t.dtype == torch.float64 else t for name, t in whole.items()})


def _solid(number: int, thing: Object) -> dict[str, np.ndarray]:
    match thing.shape:
        case Box(size):
            kind, scale = Kind.BOX, np.maximum(size, THINNEST) / 2
        case Cylinder(radius, height):
            kind, scale = Kind.CYLINDER, np.maximum([radius, height / 2, radius], THINNEST / 2)
        case Sphere(radius):
            kind, scale = Kind.SPHERE, np.full(3, radius)
        case Torus(major, _):
            kind, scale = Kind.TORUS, np.full(3, major)
        case Quad(width, height):
            kind, scale = Kind.QUAD, np.array([width / 2, height / 2, 1.0])
        case _:
            raise ValueError(f"{type(thing.shape).__name__} is no solid")
    low, high = extent([thing])
    tube = thing.shape.minor / thing.shape.major if isinstance(thing.shape, Torus) else 0.0
    return {
        "kind": np.array([kind]),
        "unit_world": (np.linalg.inv(thing.T_world_shape)[:3] / scale[:, None])[None],
        "low": low[None],
        "high": high[None],
        "scale": scale[None],
        "tube": np.array([tube]),
        "object": np.array([number]),
        "corner_normals": np.zeros((1, 3, 3)),
        "corner_uv": np.zeros((1, 3, 2)),
        "uv_per_metre": np.array([1 / thing.material.tile_size]),
        "shades": np.array([thing.material.emission <= 0]),
    }


def _triangles(number: int, thing: Object) -> dict[str, np.ndarray]:
    mesh = thing.shape
    assert isinstance(mesh, TriangleMesh)
    linear, place = thing.T_world_shape[:3, :3], thing.T_world_shape[:3, 3]
    own, corners = mesh.vertices.astype(np.float64), mesh.triangles
    area = face_normals(own @ linear.T, corners)
    corners = corners[np.linalg.norm(area, axis=1) > 2 * SMALLEST]
    normals = corner_normals(own, corners) @ np.linalg.inv(linear)  # normals take the inverse transpose
    mapped = None if mesh.uv is None else mesh.uv[corners].astype(np.float64)
    uv = box_mapped(own, corners, thing.material.tile_size) if mapped is None else mapped
    abc = (own @ linear.T + place)[corners]  # (m, 3, 3)
    count = len(corners)
    return {
        "kind": np.full(count, int(Kind.TRIANGLE)),
        "unit_world": _unit_of_triangles(abc),
        "low": abc.min(axis=1),
        "high": abc.max(axis=1),
        "scale": np.ones((count, 3)),
        "tube": np.zeros(count),
        "object": np.full(count, number),
        "corner_normals": normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-12),
        "corner_uv": uv - np.floor(uv[:, :1]),  # small numbers keep float32's digits
        "uv_per_metre": _uv_per_metre(abc, uv),
        "shades": np.full(count, thing.material.emission <= 0),
    }


def _unit_of_triangles(abc: Float[np.ndarray, "m 3 3"]) -> Float[np.ndarray, "m 3 4"]:
    a, ab, ac = abc[:, 0], abc[:, 1] - abc[:, 0], abc[:, 2] - abc[:, 0]
    normal = np.cross(ab, ac)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    linear = np.linalg.inv(np.stack([ab, ac, normal], axis=2))
    return np.concatenate([linear, -linear @ a[:, :, None]], axis=2)


def _uv_per_metre(abc: Float[np.ndarray, "m 3 3"], uv: Float[np.ndarray, "m 3 2"]) -> Float[np.ndarray, " m"]:
    world = np.linalg.norm(np.cross(abc[:, 1] - abc[:, 0], abc[:, 2] - abc[:, 0]), axis=1)
    first, second = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    mapped = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    return np.sqrt(mapped / np.maximum(world, SMALLEST))
