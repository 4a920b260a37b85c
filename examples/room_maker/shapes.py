"""Solids that are cut into a grid of triangles, each vertex with a normal and a place in its texture."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles of one material; ``uv`` is in metres along the surface."""

    vertices: np.ndarray  # (n, 3) metres
    normals: np.ndarray  # (n, 3) unit, outwards
    uv: np.ndarray  # (n, 2)
    triangles: np.ndarray  # (m, 3)
    material: str


@dataclass
class Shapes:
    """A growing list of surfaces in the room's frame: metres, y up.

    ``spacing`` is the largest distance between the vertices of flat faces: light is stored on the
    vertices, so that the picture wants a fine grid while the truth, of the very same shape, wants few triangles.
    """

    spacing: float
    surfaces: list[Surface] = field(default_factory=list)

    def sheet(
        self,
        material: str,
        point: Callable[[np.ndarray, np.ndarray], np.ndarray],
        u: np.ndarray,
        v: np.ndarray,
    ) -> None:
        """The surface ``point(u, v)`` over a grid; its normal is the direction of dP/du x dP/dv."""
        grid_u, grid_v = np.meshgrid(u, v)
        vertices = point(grid_u, grid_v)
        step = 1e-4
        along_u = point(grid_u + step, grid_v) - point(grid_u - step, grid_v)
        along_v = point(grid_u, grid_v + step) - point(grid_u, grid_v - step)
        normals = np.cross(along_u, along_v)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
        index = np.arange(grid_u.size).reshape(grid_u.shape)
        a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
        triangles = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], axis=2).reshape(-1, 3)
        uv = np.stack([grid_u, grid_v], axis=-1)
        self.surfaces.append(
            Surface(vertices.reshape(-1, 3), normals.reshape(-1, 3), uv.reshape(-1, 2), triangles, material)
        )

    def rectangle(self, material: str, corner: np.ndarray, side_u: np.ndarray, side_v: np.ndarray) -> None:
        """A flat rectangle facing ``side_u x side_v``; its texture starts at ``corner``."""
        corner, side_u, side_v = (np.asarray(value, float) for value in (corner, side_u, side_v))
        length_u, length_v = np.linalg.norm(side_u), np.linalg.norm(side_v)

        def point(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            return corner + u[..., None] * (side_u / length_u) + v[..., None] * (side_v / length_v)

        self.sheet(material, point, self._cuts(length_u), self._cuts(length_v))

    def box(
        self,
        material: str,
        centre: tuple[float, float, float],
        size: tuple[float, float, float],
        yaw_deg: float = 0.0,
        front: str = "",
    ) -> None:
        """A box turned about the vertical; ``front`` is the material of its +z face if that differs."""
        half = np.asarray(size) / 2
        turn = yaw(yaw_deg)
        for axis in range(3):
            for sign in (-1.0, 1.0):
                normal = np.zeros(3)
                normal[axis] = sign
                up = np.array([0.0, 0.0, 1.0]) if axis == 1 else np.array([0.0, 1.0, 0.0])
                side = np.cross(up, normal)
                corner = normal * half - side * half - up * half
                face = front if front and axis == 2 and sign > 0 else material
                self.rectangle(
                    face, turn @ corner + centre, turn @ (2 * abs(side) @ half * side), turn @ (2 * abs(up) @ half * up)
                )

    def rod(
        self,
        material: str,
        start: tuple[float, float, float],
        end: tuple[float, float, float],
        radius: float,
        end_radius: float | None = None,
        sides: int = 14,
        capped: bool = True,
    ) -> None:
        """A cylinder or cone frustum from ``start`` to ``end``."""
        first, last = np.asarray(start, float), np.asarray(end, float)
        end_radius = radius if end_radius is None else end_radius
        length = float(np.linalg.norm(last - first))
        axis = (last - first) / length
        helper = np.array([1.0, 0.0, 0.0]) if abs(axis[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
        x = np.cross(helper, axis)
        x /= np.linalg.norm(x)
        y = np.cross(axis, x)
        wide = max(radius, end_radius)

        def ring(angle: np.ndarray) -> np.ndarray:
            return np.cos(angle)[..., None] * x + np.sin(angle)[..., None] * y

        def side(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            at = radius + (end_radius - radius) * v / length
            return first + v[..., None] * axis + at[..., None] * ring(u / wide)

        around = np.linspace(0.0, 2 * np.pi * wide, sides + 1)
        self.sheet(material, side, around, self._cuts(length))
        if capped:
            for middle, rim, sign in ((first, radius, -1.0), (last, end_radius, 1.0)):
                self._disc(material, middle, rim, x, sign * y, sides)

    def ball(self, material: str, centre: tuple[float, float, float], radius: float, squash: float = 1.0) -> None:
        """A sphere, its height scaled by ``squash``."""

        def point(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            longitude, latitude = u / radius, v / radius
            direction = np.stack(
                [np.cos(latitude) * np.sin(longitude), squash * np.sin(latitude), np.cos(latitude) * np.cos(longitude)],
                axis=-1,
            )
            return np.asarray(centre) + radius * direction

        pole = 0.4999 * np.pi * radius  # the pole itself has no normal
        self.sheet(material, point, np.linspace(0, 2 * np.pi * radius, 29), np.linspace(-pole, pole, 17))

    def cushion(
        self,
        material: str,
        centre: tuple[float, float, float],
        size: tuple[float, float, float],
        rounding: float,
        yaw_deg: float = 0.0,
        tilt_deg: float = 0.0,
    ) -> None:
        """A box with rounded edges, tilted about its own x and then turned about the vertical."""
        half = np.asarray(size) / 2
        angle = np.radians(tilt_deg)
        tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        turn = yaw(yaw_deg) @ tilt
        for axis in range(3):
            for sign in (-1.0, 1.0):
                normal = np.zeros(3)
                normal[axis] = sign
                up = np.array([0.0, 0.0, 1.0]) if axis == 1 else np.array([0.0, 1.0, 0.0])
                side = np.cross(up, normal)

                def point(
                    u: np.ndarray,
                    v: np.ndarray,
                    normal: np.ndarray = normal,
                    side: np.ndarray = side,
                    up: np.ndarray = up,
                ) -> np.ndarray:
                    flat = (normal * half) + u[..., None] * side + v[..., None] * up
                    core = np.clip(flat, rounding - half, half - rounding)
                    outwards = flat - core
                    length = np.linalg.norm(outwards, axis=-1, keepdims=True)
                    return (core + rounding * outwards / length) @ turn.T + np.asarray(centre)

                self.sheet(
                    material, point, _rounded_cuts(abs(side) @ half, rounding), _rounded_cuts(abs(up) @ half, rounding)
                )

    def leaf(self, material: str, base: np.ndarray, direction: np.ndarray, length: float, width: float) -> None:
        """A drooping leaf of two skins a millimetre apart."""
        direction = np.asarray(direction, float) / np.linalg.norm(direction)
        across = np.cross(direction, [0.0, 1.0, 0.0])
        across /= np.linalg.norm(across)
        up = np.cross(across, direction)
        for sign in (1.0, -1.0):

            def point(u: np.ndarray, v: np.ndarray, sign: float = sign) -> np.ndarray:
                along = np.clip(u / length, 0, 1)
                reach = np.sin(np.pi * along**0.8) * width / 2 + 0.002
                droop = -0.55 * length * along**2 + 0.25 * np.abs(v) * width
                spine = np.asarray(base) + u[..., None] * direction + droop[..., None] * np.array([0.0, 1.0, 0.0])
                return spine + (sign * v * reach)[..., None] * across + (sign * -0.0005) * up

            self.sheet(material, point, np.linspace(0, length, 7), np.linspace(-1, 1, 5))

    def _disc(self, material: str, centre: np.ndarray, radius: float, x: np.ndarray, y: np.ndarray, sides: int) -> None:
        angle = np.arange(sides) * 2 * np.pi / sides
        local = np.vstack([np.zeros(2), radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)])
        normals = np.tile(np.cross(x, y), (sides + 1, 1))
        rim = np.arange(sides)
        triangles = np.stack([np.zeros(sides, int), 1 + rim, 1 + (rim + 1) % sides], axis=-1)
        vertices = centre + local[:, :1] * x + local[:, 1:] * y
        self.surfaces.append(Surface(vertices, normals, local, triangles, material))

    def _cuts(self, length: float) -> np.ndarray:
        return np.linspace(0.0, length, max(1, int(np.ceil(length / self.spacing))) + 1)


def _rounded_cuts(half: float, rounding: float) -> np.ndarray:
    """Positions that are close together where an edge is rounded."""
    edge = rounding * np.tan(np.linspace(np.pi / 4, 0, 4))  # equal angles round the edge
    inner = half - rounding
    middle = np.linspace(-inner, inner, 3)[1:-1]
    return np.concatenate([-(inner + edge), middle, (inner + edge)[::-1]])


def yaw(degrees: float) -> np.ndarray:
    """Rotation about the vertical, counter-clockwise seen from above."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
