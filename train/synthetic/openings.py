"""Doors and windows of a room: where its walls have holes, and what fills these."""

from dataclasses import dataclass

import numpy as np

from recon.geometry.transforms import apply
from train.synthetic import materials
from train.synthetic.floorplan import Floorplan, Wall
from train.synthetic.furniture import FurnitureSource, Piece, settled
from train.synthetic.parts import moved, sheet, shifted, slab
from train.synthetic.placement import Space
from train.synthetic.scene import Object
from train.synthetic.shells import THICK, Opening, ajar, annex, doorframe

BEFORE_DOORS = 0.7  # metres kept free
BEFORE_WINDOWS = 0.35


@dataclass(frozen=True, eq=False)
class Openings:
    holes: list[list[Opening]]  # of each wall
    objects: list[Object]
    clear_area: float  # square metres of windows that one can see out of


def cut(rng: np.random.Generator, furniture: FurnitureSource, space: Space) -> Openings:
    """One or two doors and up to four windows, each wall having one kind only; keeps the space before them free."""
    walls = space.plan.walls
    holes: list[list[Opening]] = [[] for _ in walls]
    objects: list[Object] = []
    order = [int(i) for i in rng.permutation(len(walls))]
    doors = int(rng.integers(1, 3))
    for i in order[:doors]:
        objects += _door(rng, furniture, space, walls[i], holes[i])
    clear_area = 0.0
    for i in order[doors : doors + int(rng.integers(0, 4))]:
        for _ in range(int(rng.integers(1, 3))):
            frame = furniture.piece(rng, "window")
            hole = _window_hole(rng, space.plan, walls[i], frame, holes[i])
            if hole is None:
                continue
            clear = bool(rng.uniform() < 0.55)
            holes[i].append(hole)
            objects += _window(rng, frame, walls[i], hole, clear)
            _dress(rng, furniture, space, walls[i], hole)
            clear_area += clear * (hole.right - hole.left) * (hole.high - hole.low)
    return Openings(holes, objects, clear_area)


def _door(
    rng: np.random.Generator, furniture: FurnitureSource, space: Space, wall: Wall, holes: list[Opening]
) -> list[Object]:
    """Closed, ajar or an open doorway with a bare room behind."""
    leaf = furniture.piece(rng, "door")
    width, height = leaf.size[0] + 0.02, leaf.size[1] + 0.015
    if wall.length < width + 0.3 or _lowest(space.plan, wall) < height + 0.1:
        return []
    left = float(rng.uniform(0.12, wall.length - width - 0.12))
    hole = Opening(left, left + width, 0.0, height)
    holes.append(hole)
    _keep_free(space, wall, hole, BEFORE_DOORS)
    parts = doorframe(materials.lacquer(rng), hole) if rng.uniform() < 0.8 else []
    depth = float(rng.uniform(1.2, 4.0))
    closed = rng.uniform() < 0.4 or _meets(space.plan, wall, hole, depth)
    if closed:
        parts += shifted(list(leaf.objects), ((hole.left + hole.right) / 2, 0.005, -THICK / 2))
        parts.append(slab(materials.concrete(rng), (hole.left, 0, -THICK - 0.05), (hole.right, height, -THICK)))
    elif rng.uniform() < 0.6:
        parts += ajar(rng, leaf, hole)
    behind = [] if closed else annex(rng, wall, hole, depth, float(rng.uniform(height + 0.1, height + 0.5)))
    return [moved(part, wall.T_world_wall) for part in parts] + behind


def _window_hole(
    rng: np.random.Generator, plan: Floorplan, wall: Wall, frame: Piece, holes: list[Opening]
) -> Opening | None:
    """Where the frame fits into the wall, clear of other holes."""
    width, height = float(frame.size[0]), float(frame.size[1])
    spare = _lowest(plan, wall) - 0.12 - height
    if wall.length < width + 0.3 or spare < 0.05:
        return None
    left = float(rng.uniform(0.12, wall.length - width - 0.12))
    if any(left < hole.right + 0.1 and hole.left < left + width + 0.1 for hole in holes):
        return None
    low = min(spare, float(rng.uniform(0.5, 1.0)))
    return Opening(left, left + width, low, low + height)


def _window(rng: np.random.Generator, frame: Piece, wall: Wall, hole: Opening, clear: bool) -> list[Object]:
    """Frame and sill, and unless it is clear a pane that is dark or bright."""
    middle = (hole.left + hole.right) / 2
    parts = shifted(list(frame.objects), (middle, hole.low, -THICK / 2))
    sill = (hole.left - 0.04, hole.low - 0.03, -0.03), (hole.right + 0.04, hole.low, 0.1)
    parts.append(slab(materials.lacquer(rng), *sill))
    if not clear:
        pane = materials.glazed(rng) if rng.uniform() < 0.5 else materials.shining(rng, float(rng.uniform(1, 6)))
        place = (middle, (hole.low + hole.high) / 2, -THICK * 0.6)
        parts.append(sheet(pane, hole.right - hole.left, hole.high - hole.low, place))
    return [moved(part, wall.T_world_wall) for part in parts]


def _dress(rng: np.random.Generator, furniture: FurnitureSource, space: Space, wall: Wall, hole: Opening) -> None:
    """Curtains or blinds before a window and a radiator under it, at times; then its front is kept free."""
    middle = (hole.left + hole.right) / 2
    if rng.uniform() < 0.6:
        top = hole.high + 0.08
        drop = top - 0.01 if rng.uniform() < 0.3 else (top - hole.low) * rng.uniform(0.5, 1.1)
        cloth = furniture.piece(rng, "curtain")
        wide = (hole.right - hole.left) * rng.uniform(1.05, 1.4)
        fitted = np.diag([wide / cloth.size[0], drop / cloth.size[1], 1.0])
        cloth = settled(shifted(list(cloth.objects), (0, 0, 0), fitted), cloth.kind)
        space.on_wall(wall, cloth, middle, top - drop, 0.11)
    if rng.uniform() < 0.5 and hole.low > 0.8:
        space.on_wall(wall, furniture.piece(rng, "radiator"), middle, 0.0, 0.03)
    _keep_free(space, wall, hole, BEFORE_WINDOWS)


def _keep_free(space: Space, wall: Wall, hole: Opening, depth: float) -> None:
    corners = np.array([[hole.left, hole.low, 0.0], [hole.right, hole.high, depth]])
    space.keep_free(*apply(wall.T_world_wall, corners))


def _lowest(plan: Floorplan, wall: Wall) -> float:
    """Of the ceiling along the wall."""
    return float(plan.ceiling(np.array([wall.start[0], wall.end[0]])).min())


def _meets(plan: Floorplan, wall: Wall, hole: Opening, depth: float) -> bool:
    """Whether a room behind the hole would stand in this one."""
    across = np.linspace(hole.left - 0.5, hole.right + 0.5, 9)
    back = np.linspace(-THICK - depth - 0.1, -THICK - 0.05, 9)
    x, z = (each.ravel() for each in np.meshgrid(across, back))
    places = apply(wall.T_world_wall, np.column_stack([x, np.full_like(x, 1.0), z]))
    return bool((plan.clearance(places) > -0.05).any())
