"""The shape of a room: its floor as rectangles, its walls, its ceiling, and how far a point is from them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from recon.geometry.transforms import rigid


@dataclass(frozen=True, eq=False)
class Wall:
    """A straight wall; its own frame has x along it from ``start``, y up, z into the room."""

    start: Float[np.ndarray, " 2"]  # x, z
    end: Float[np.ndarray, " 2"]

    @property
    def length(self) -> float:
        return float(np.linalg.norm(self.end - self.start))

    @property
    def T_world_wall(self) -> Float[np.ndarray, "4 4"]:
        x = np.array([self.end[0] - self.start[0], 0.0, self.end[1] - self.start[1]]) / self.length
        y = np.array([0.0, 1.0, 0.0])
        return rigid(np.stack([x, y, np.cross(x, y)], axis=1), np.array([self.start[0], 0.0, self.start[1]]))


@dataclass(frozen=True, eq=False)
class Floorplan:
    """Floor on y = 0; the ceiling is flat or rises along x from the lower of two heights."""

    rectangles: Float[np.ndarray, "n 4"]  # x and z of the low corner, x and z of the high one; may overlap
    outline: Float[np.ndarray, "m 2"]  # x, z of the corners, so ordered that walls look inwards
    height: float  # metres, of the highest part
    low_height: float  # metres, of the ceiling at the lowest x
    rise: float  # metres per metre; 0 where the ceiling is flat

    @property
    def walls(self) -> tuple[Wall, ...]:
        return tuple(Wall(a, b) for a, b in zip(self.outline, np.roll(self.outline, -1, axis=0), strict=True))

    @property
    def area(self) -> float:
        x, z = self.outline.T
        return float(abs(x @ np.roll(z, -1) - z @ np.roll(x, -1)) / 2)

    @property
    def low(self) -> Float[np.ndarray, " 2"]:
        return self.outline.min(axis=0)

    @property
    def high(self) -> Float[np.ndarray, " 2"]:
        return self.outline.max(axis=0)

    def ceiling(self, x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Height of the ceiling over these places."""
        return np.minimum(self.height, self.low_height + self.rise * (x - self.low[0]))

    def holds(self, low: Float[np.ndarray, " 3"], high: Float[np.ndarray, " 3"]) -> bool:
        """Whether the box between two corners is inside the room."""
        inside = (low[[0, 2]] >= self.rectangles[:, :2] - 1e-6) & (high[[0, 2]] <= self.rectangles[:, 2:] + 1e-6)
        return bool(np.any(np.all(inside, axis=1)) and low[1] >= -1e-6 and high[1] <= self.ceiling(low[:1])[0])

    def clearance(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Distance to the nearest wall, floor or ceiling, negative outside the room."""
        flat = points[:, None, [0, 2]]
        within = np.all((flat >= self.rectangles[:, :2]) & (flat <= self.rectangles[:, 2:]), axis=2)
        inside = np.any(within, axis=1)
        start, along = self.outline, np.roll(self.outline, -1, axis=0) - self.outline
        share = np.clip(((flat - start) * along).sum(axis=2) / (along**2).sum(axis=1), 0, 1)
        to_wall = np.linalg.norm(start + share[..., None] * along - flat, axis=2).min(axis=1)
        above = (self.ceiling(points[:, 0]) - points[:, 1]) / np.hypot(1, self.rise)
        return np.minimum.reduce([np.where(inside, to_wall, -to_wall), points[:, 1], above])


def floorplan(rng: np.random.Generator) -> Floorplan:
    """Rooms, L-shaped rooms, corridors and halls, centred on the origin."""
    kind = rng.choice(["room", "small", "angle", "corridor", "hall"], p=[0.5, 0.14, 0.18, 0.08, 0.1])
    low, high = {
        "room": ((2.8, 2.8), (5.5, 6.0)),
        "small": ((1.6, 1.8), (2.6, 3.2)),
        "angle": ((3.8, 3.8), (7.0, 8.0)),
        "corridor": ((1.1, 4.0), (2.0, 8.0)),
        "hall": ((5.5, 6.0), (8.0, 9.0)),
    }[kind]
    size = rng.uniform(low, high)
    if rng.uniform() < 0.5:
        size = size[::-1]
    height = float(rng.uniform(2.3, 2.9) if kind != "hall" else rng.uniform(2.6, 3.5))
    if kind == "angle":
        return _angle(rng, size, height)
    if kind == "room" and rng.uniform() < 0.2:
        return _under_roof(rng, size, height)
    x, z = size / 2
    return Floorplan(
        np.array([[-x, -z, x, z]]), _inwards(np.array([[-x, -z], [x, -z], [x, z], [-x, z]])), height, height, 0.0
    )


def _angle(rng: np.random.Generator, size: np.ndarray, height: float) -> Floorplan:
    """A rectangle less one of its corners."""
    x, z = size / 2
    cut_x, cut_z = rng.uniform(0.3, 0.6, 2) * size
    rectangles = np.array([[-x, -z, x, z - cut_z], [-x, -z, x - cut_x, z]])
    outline = np.array([[-x, -z], [x, -z], [x, z - cut_z], [x - cut_x, z - cut_z], [x - cut_x, z], [-x, z]])
    mirror = rng.choice([-1.0, 1.0], 2)
    outline = outline * mirror
    corners = np.stack([rectangles[:, :2] * mirror, rectangles[:, 2:] * mirror])
    rectangles = np.concatenate([corners.min(axis=0), corners.max(axis=0)], axis=1)
    return Floorplan(rectangles, _inwards(outline), height, height, 0.0)


def _under_roof(rng: np.random.Generator, size: np.ndarray, height: float) -> Floorplan:
    x, z = size / 2
    low, rise = float(rng.uniform(1.2, 2.0)), float(rng.uniform(0.4, 1.2))
    outline = _inwards(np.array([[-x, -z], [x, -z], [x, z], [-x, z]]))
    top = float(min(height, low + rise * size[0]))
    return Floorplan(np.array([[-x, -z, x, z]]), outline, top, low, rise)


def _inwards(outline: np.ndarray) -> np.ndarray:
    """The corners in the order for which x along a wall, times y up, points into the room."""
    x, z = outline.T
    turns_towards_z = x @ np.roll(z, -1) - z @ np.roll(x, -1) > 0
    return outline if turns_towards_z else outline[::-1].copy()
