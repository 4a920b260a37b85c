"""Finding places for pieces: at walls or in the open, without boxes that overlap."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from recon.geometry.transforms import rigid
from train.synthetic.floorplan import Floorplan, Wall
from train.synthetic.furniture import Piece
from train.synthetic.parts import moved, yawed
from train.synthetic.scene import Object

TRIES = 24
TOUCH = 0.002  # metres that neighbours keep from each other


@dataclass(frozen=True, eq=False)
class Placed:
    """A piece in its place, and the box around it there."""

    piece: Piece
    T_world_piece: Float[np.ndarray, "4 4"]
    low: Float[np.ndarray, " 3"]
    high: Float[np.ndarray, " 3"]

    @property
    def objects(self) -> list[Object]:
        return [moved(thing, self.T_world_piece) for thing in self.piece.objects]


@dataclass(frozen=True, eq=False)
class Space:
    """A room that fills: pieces in it, and boxes kept free before doors and windows."""

    plan: Floorplan
    placed: list[Placed] = field(default_factory=list)
    kept_free: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def at_wall(
        self, rng: np.random.Generator, piece: Piece, lift: float = 0.0, gap: tuple[float, float] = (0.005, 0.06)
    ) -> bool:
        """Places the piece with its back to a wall, ``lift`` above the floor, if there is room."""
        walls = self.plan.walls
        lengths = np.array([wall.length for wall in walls])
        for _ in range(TRIES):
            wall = walls[int(rng.choice(len(walls), p=lengths / lengths.sum()))]
            reach = wall.length - piece.size[0]
            if reach < 0:
                continue
            x = piece.size[0] / 2 + reach * rng.choice([0.01, rng.uniform(0, 1), 0.99], p=[0.15, 0.7, 0.15])
            if self.on_wall(wall, piece, float(x), lift, float(rng.uniform(*gap))):
                return True
        return False

    def on_wall(self, wall: Wall, piece: Piece, x: float, lift: float, gap: float) -> bool:
        """Places the piece before this place of this wall, if there is room."""
        T_wall_piece = rigid(np.eye(3), np.array([x, lift, piece.size[2] / 2 + gap]))
        return self.put(piece, wall.T_world_wall @ T_wall_piece)

    def anywhere(self, rng: np.random.Generator, piece: Piece, lift: float = 0.0) -> bool:
        """Places the piece in the open, turned at random, if there is room."""
        for _ in range(TRIES):
            x, z = rng.uniform(self.plan.low, self.plan.high)
            yaw = rng.uniform(-np.pi, np.pi) if rng.uniform() < 0.7 else rng.integers(4) * np.pi / 2
            if self.put(piece, rigid(yawed(float(yaw)), np.array([x, lift, z]))):
                return True
        return False

    def put(self, piece: Piece, T_world_piece: Float[np.ndarray, "4 4"]) -> bool:
        """Places the piece right there, if it is inside the room and its box meets no other."""
        low, high = box_around(piece, T_world_piece)
        if not self.plan.holds(low, high) or self._taken(low, high):
            return False
        self.placed.append(Placed(piece, T_world_piece, low, high))
        return True

    def keep_free(self, low: Float[np.ndarray, " 3"], high: Float[np.ndarray, " 3"]) -> None:
        self.kept_free.append((np.minimum(low, high), np.maximum(low, high)))

    def clearance(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Distance to the nearest wall or box around a piece, not positive inside one."""
        return np.minimum(self.plan.clearance(points), to_boxes(points, self.boxes))

    @property
    def boxes(self) -> Float[np.ndarray, "n 2 3"]:
        return np.array([(each.low, each.high) for each in self.placed]).reshape(-1, 2, 3)

    def _taken(self, low: np.ndarray, high: np.ndarray) -> bool:
        others = [(each.low, each.high) for each in self.placed] + self.kept_free
        return any((low < b + TOUCH).all() and (a < high + TOUCH).all() for a, b in others)


def box_around(piece: Piece, T: Float[np.ndarray, "4 4"]) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    """Corners of the axis-parallel box around the piece's own box, moved by ``T``."""
    middle = T[:3, :3] @ [0, piece.size[1] / 2, 0] + T[:3, 3]
    reach = np.abs(T[:3, :3]) @ piece.size / 2
    return middle - reach, middle + reach


def to_boxes(points: Float[np.ndarray, "n 3"], boxes: Float[np.ndarray, "m 2 3"]) -> Float[np.ndarray, " n"]:
    """Distance of each point to the nearest box, 0 inside one, infinite without any."""
    if not len(boxes):
        return np.full(len(points), np.inf)
    beyond = np.maximum(boxes[:, 0] - points[:, None], points[:, None] - boxes[:, 1])
    return np.linalg.norm(np.maximum(beyond, 0), axis=2).min(axis=1)
