"""Axis-parallel boxes around objects."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from train.synthetic.scene import Box, Cylinder, Object, Quad, Shape, Sphere, Torus, TriangleMesh


def extent(objects: Sequence[Object]) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    """Lowest and highest corner around all of them, exact for every shape."""
    corners = [_extent(thing) for thing in objects]
    return np.min([low for low, _ in corners], axis=0), np.max([high for _, high in corners], axis=0)


def _extent(thing: Object) -> tuple[np.ndarray, np.ndarray]:
    linear, centre = thing.T_world_shape[:3, :3], thing.T_world_shape[:3, 3]
    if isinstance(thing.shape, TriangleMesh):
        vertices = thing.shape.vertices @ linear.T + centre
        return vertices.min(axis=0), vertices.max(axis=0)
    reach = np.array([_support(thing.shape, row) for row in linear])
    return centre - reach, centre + reach


def _support(shape: Shape, d: np.ndarray) -> float:
    """How far a shape centred on its origin reaches along ``d``, times the length of ``d``."""
    match shape:
        case Box(size):
            return float(np.abs(d) @ size / 2)
        case Cylinder(radius, height):
            return float(radius * np.hypot(d[0], d[2]) + height / 2 * abs(d[1]))
        case Sphere(radius):
            return float(radius * np.linalg.norm(d))
        case Torus(major, minor):
            return float(major * np.hypot(d[0], d[2]) + minor * np.linalg.norm(d))
        case Quad(width, height):
            return float(width / 2 * abs(d[0]) + height / 2 * abs(d[1]))
    raise ValueError(f"{type(shape).__name__} is no shape of a scene")
