"""A closed box room with one of each shape in it."""

import numpy as np

from recon.geometry.camera import Camera
from recon.geometry.transforms import rigid
from train.synthetic.scene import (
    Box,
    Cylinder,
    Lamp,
    Material,
    Object,
    Quad,
    Scene,
    Shape,
    Sky,
    Sphere,
    Sun,
    Torus,
    TriangleMesh,
    View,
)

FORWARD = np.diag([-1.0, -1.0, 1.0])  # of a camera that looks along world z, y up
SKY = Sky(zenith=np.array([0.3, 0.5, 0.9]), horizon=np.array([0.8, 0.8, 0.8]))


def plain(grey: int, **finish: float) -> Material:
    return Material(np.full((2, 2, 3), grey, np.uint8), **finish)


def at(shape: Shape, x: float, y: float, z: float, material: Material | None = None) -> Object:
    return Object(shape, material or plain(150), rigid(np.eye(3), np.array([x, y, z], float)))


def camera(width: int = 64, height: int = 48) -> Camera:
    return Camera.from_focal(width, height, 0.8 * width, 0.8 * width, (width - 1) / 2, (height - 1) / 2)


def looking(x: float, y: float, z: float, width: int = 64, height: int = 48) -> View:
    """A view along z."""
    return View(camera(width, height), rigid(FORWARD, np.array([x, y, z], float)))


def scene(
    *things: Object, lamps: tuple[Lamp, ...] = (), sun: Sun | None = None, sky: Sky = SKY, views: tuple[View, ...] = ()
) -> Scene:
    return Scene("test", things, lamps, sky, sun, views)


def tetrahedron(size: float) -> TriangleMesh:
    vertices = size * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    return TriangleMesh(vertices, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]))


def small_room(views: int = 3) -> Scene:
    """4 x 2.5 x 4 m, the floor at y = 0; the views walk along x."""
    walls = [
        at(Box(np.array([4.2, 0.1, 4.2])), 0, -0.05, 0),
        at(Box(np.array([4.2, 0.1, 4.2])), 0, 2.55, 0),
        *(at(Box(np.array([0.1, 2.5, 4.2])), x, 1.25, 0) for x in (-2.05, 2.05)),
        *(at(Box(np.array([4.2, 2.5, 0.1])), 0, 1.25, z) for z in (-2.05, 2.05)),
    ]
    things = [
        at(Sphere(0.3), -0.5, 0.9, 1.0),
        at(Cylinder(0.1, 1.0), 0.3, 0.5, 0.8, plain(90, gloss=0.2, roughness=0.1)),
        at(Torus(0.3, 0.06), 0.9, 0.8, 1.2),
        at(Quad(0.6, 0.4), 0.2, 1.8, 1.9, plain(220)),
        at(tetrahedron(0.6), -1.4, 0.3, 0.8),
    ]
    lamp = Lamp(np.array([0.0, 2.3, -0.5]), 0.05, np.array([6.0, 5.0, 4.0]))
    return scene(*walls, *things, lamps=(lamp,), views=tuple(looking(0.1 * i, 1.2, -1.8) for i in range(views)))
