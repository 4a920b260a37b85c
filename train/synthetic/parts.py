"""Primitives put in their places: what pieces of furniture, rooms and streets are built from."""

import numpy as np
from jaxtyping import Float

from recon.geometry.transforms import rigid
from train.synthetic.scene import Box, Cylinder, Material, Object, Quad, Shape, Sphere, Torus, TriangleMesh

UP = np.array([0.0, 1.0, 0.0])


def yawed(angle: float) -> Float[np.ndarray, "3 3"]:
    """The turn about y that takes +z towards +x."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def pitched(angle: float) -> Float[np.ndarray, "3 3"]:
    """The turn about x that takes +y towards +z."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def standing(direction: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """A turn that takes +y to this direction, of any length."""
    y = direction / np.linalg.norm(direction)
    helper = np.array([1.0, 0.0, 0.0]) if abs(y[0]) < 0.9 else np.array([0.0, 0.0, 1.0])
    z = np.cross(helper, y)
    z /= np.linalg.norm(z)
    return np.stack([np.cross(y, z), y, z], axis=1)


def box(material: Material, size: tuple, centre: tuple, turn: np.ndarray | None = None) -> Object:
    return _placed(Box(np.array(size, float)), material, centre, turn)


def slab(material: Material, low: tuple, high: tuple) -> Object:
    """The box between two corners."""
    low_corner, high_corner = np.array(low, float), np.array(high, float)
    return box(material, tuple(high_corner - low_corner), tuple((low_corner + high_corner) / 2))


def rod(material: Material, start: tuple, end: tuple, radius: float) -> Object:
    """A cylinder from one point to another."""
    a, b = np.array(start, float), np.array(end, float)
    shape = Cylinder(float(radius), float(np.linalg.norm(b - a)))
    return _placed(shape, material, tuple((a + b) / 2), standing(b - a))


def ball(material: Material, radius: float, centre: tuple, stretch: tuple = (1.0, 1.0, 1.0)) -> Object:
    """A sphere, or the ellipsoid it is stretched to."""
    return _placed(Sphere(float(radius)), material, centre, np.diag(np.array(stretch, float)))


def ring(material: Material, major: float, minor: float, centre: tuple, turn: np.ndarray | None = None) -> Object:
    return _placed(Torus(float(major), float(minor)), material, centre, turn)


def sheet(material: Material, width: float, height: float, centre: tuple, turn: np.ndarray | None = None) -> Object:
    """A rectangle facing +z, turned; its texture repeats by ``tile_size``."""
    return _placed(Quad(float(width), float(height)), material, centre, turn)


def picture(material: Material, width: float, height: float, centre: tuple, turn: np.ndarray | None = None) -> Object:
    """A rectangle facing +z, turned, that shows its whole texture once."""
    x, y = width / 2, height / 2
    corners = np.array([[-x, -y, 0.0], [x, -y, 0.0], [x, y, 0.0], [-x, y, 0.0]])
    uv = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    mesh = TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]]), uv)
    return _placed(mesh, material, centre, turn)


def mesh(material: Material, shape: TriangleMesh, centre: tuple = (0, 0, 0), turn: np.ndarray | None = None) -> Object:
    return _placed(shape, material, centre, turn)


def moved(thing: Object, T_world_piece: Float[np.ndarray, "4 4"]) -> Object:
    return Object(thing.shape, thing.material, T_world_piece @ thing.T_world_shape)


def shifted(objects: list[Object], offset: tuple, turn: np.ndarray | None = None) -> list[Object]:
    """Objects turned about the origin, then moved."""
    T = rigid(np.eye(3) if turn is None else turn, np.array(offset, float))
    return [moved(thing, T) for thing in objects]


def _placed(shape: Shape, material: Material, centre: tuple, turn: np.ndarray | None) -> Object:
    return Object(shape, material, rigid(np.eye(3) if turn is None else turn, np.array(centre, float)))
