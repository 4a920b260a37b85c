"""The fabric of a room: floor, ceiling, walls with their openings, and what is seen through these."""

from dataclasses import dataclass

import numpy as np

from train.synthetic import materials, textures
from train.synthetic.floorplan import Floorplan, Wall
from train.synthetic.furniture import Piece
from train.synthetic.parts import box, mesh, moved, shifted, slab, yawed
from train.synthetic.scene import Material, Object
from train.synthetic.surfaces import prism

THICK = 0.15  # metres, of walls
STRIP = 0.012  # metres, by which skirting boards stand out


@dataclass(frozen=True, eq=False)
class Opening:
    """A rectangular hole in a wall, in the wall's own frame."""

    left: float
    right: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Finish:
    """The surfaces of one room."""

    walls: Material
    accent: Material  # of one wall
    floor: Material
    ceiling: Material
    trim: Material


def finish(rng: np.random.Generator) -> Finish:
    """Surfaces that go together; in one room of four all in nearly one colour: depth without texture."""
    if rng.uniform() < 0.25:
        paint = materials.painted(rng, textures.pale(rng))
        return Finish(paint, paint, paint if rng.uniform() < 0.2 else materials.floor(rng), paint, paint)
    walls = materials.wall(rng)
    accent = materials.wall(rng) if rng.uniform() < 0.3 else walls
    ceiling = materials.painted(rng, textures.pale(rng)) if rng.uniform() < 0.9 else materials.planks(rng)
    trim = materials.lacquer(rng) if rng.uniform() < 0.7 else walls
    return Finish(walls, accent, materials.floor(rng), ceiling, trim)


def shell(rng: np.random.Generator, plan: Floorplan, surfaces: Finish, openings: list[list[Opening]]) -> list[Object]:
    """Floor, ceiling and walls, with boards along their feet, ledges, pilasters and beams."""
    low, high = plan.low - THICK, plan.high + THICK
    objects = [slab(surfaces.floor, (low[0], -0.1, low[1]), (high[0], 0.0, high[1]))]
    objects.append(_ceiling(plan, surfaces.ceiling))
    skirting = float(rng.uniform(0.04, 0.14)) if rng.uniform() < 0.8 else 0.0
    cornice = float(rng.uniform(0.03, 0.12)) if rng.uniform() < 0.3 and plan.rise == 0 else 0.0
    panel = _panelling(rng, surfaces)
    accent = int(rng.integers(len(plan.walls)))
    for i, (wall, holes) in enumerate(zip(plan.walls, openings, strict=True)):
        material = surfaces.accent if i == accent else surfaces.walls
        parts = _wall(plan, wall, material, holes)
        if skirting:
            parts += _strip(wall, surfaces.trim, 0.0, skirting, STRIP, holes)
        if cornice:
            parts += _strip(wall, surfaces.trim, plan.height - cornice, plan.height, cornice, [])
        if panel is not None:
            parts += _strip(wall, panel[1], skirting, panel[0], STRIP * 0.6, holes)
        objects += [moved(part, wall.T_world_wall) for part in parts]
    return objects + (_beams(rng, plan, surfaces) if plan.rise == 0 and rng.uniform() < 0.15 else [])


def annex(rng: np.random.Generator, wall: Wall, hole: Opening, depth: float, height: float) -> list[Object]:
    """A bare room behind a doorway, wider than it."""
    surfaces = finish(rng)
    left, right, back = hole.left - 0.4, hole.right + 0.4, -THICK - depth
    parts = [
        slab(surfaces.floor, (left, -0.1, back), (right, -0.001, -THICK)),
        slab(surfaces.ceiling, (left, height, back), (right, height + 0.1, -THICK)),
        slab(surfaces.walls, (left, 0, back - 0.1), (right, height, back)),
        slab(surfaces.walls, (left - 0.1, 0, back), (left, height, -THICK)),
        slab(surfaces.accent, (right, 0, back), (right + 0.1, height, -THICK)),
    ]
    return [moved(part, wall.T_world_wall) for part in parts]


def doorframe(material: Material, hole: Opening) -> list[Object]:
    """Boards that line a doorway and stand out around it, in the wall's frame."""
    out, wide = 0.014, 0.06
    parts = [
        slab(material, (x - wide * (s < 0), 0, -THICK - out), (x + wide * (s > 0), hole.high + wide, out))
        for s, x in ((-1, hole.left), (1, hole.right))
    ]
    return [*parts, slab(material, (hole.left, hole.high, -THICK - out), (hole.right, hole.high + wide, out))]


def ajar(rng: np.random.Generator, leaf: Piece, hole: Opening) -> list[Object]:
    """A door turned out of the room about its hinges at the left of its opening, in the wall's frame."""
    angle = float(rng.uniform(0.1, 1.9))
    hinged = shifted(list(leaf.objects), (leaf.size[0] / 2, 0.01, 0))
    return shifted(hinged, (hole.left + 0.01, 0, -THICK + 0.02), yawed(angle))


def outside(rng: np.random.Generator, plan: Floorplan) -> list[Object]:
    """What windows look out on: ground some floors down, and houses or hedges at 5 to 40 m."""
    ground = -float(rng.choice([0.2, 3.0, 6.0, 12.0]))
    objects = [slab(materials.grass(rng), (-80, ground - 1, -80), (80, ground, 80))]
    for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(2, 7))):
        distance = float(rng.uniform(9, 40))
        size = rng.uniform([4, 4, 4], [14, 16, 10])
        far = distance + np.hypot(*plan.high) + size[[0, 2]].max() / 2
        material = materials.brick(rng) if rng.uniform() < 0.6 else materials.leaf(rng)
        place = (far * np.sin(angle), ground + size[1] / 2, far * np.cos(angle))
        objects.append(box(material, tuple(size), place, yawed(angle)))
    return objects


def _wall(plan: Floorplan, wall: Wall, material: Material, holes: list[Opening]) -> list[Object]:
    """Slabs around the holes, in the wall's frame; longer by its thickness where corners need filling."""
    along = (wall.end - wall.start) / wall.length
    left = 0.0 if _inside(plan, wall.start - 0.01 * along) else -THICK
    right = wall.length if _inside(plan, wall.end + 0.01 * along) else wall.length + THICK
    parts: list[Object] = []
    for hole in sorted(holes, key=lambda each: each.left):
        parts.append(slab(material, (left, 0, -THICK), (hole.left, plan.height, 0)))
        if hole.low > 0:
            parts.append(slab(material, (hole.left, 0, -THICK), (hole.right, hole.low, 0)))
        parts.append(slab(material, (hole.left, hole.high, -THICK), (hole.right, plan.height, 0)))
        left = hole.right
    return [*parts, slab(material, (left, 0, -THICK), (right, plan.height, 0))]


def _strip(wall: Wall, material: Material, low: float, high: float, out: float, holes: list[Opening]) -> list[Object]:
    """A board along the wall between two heights, interrupted by the holes it meets."""
    left, parts = 0.0, []
    for hole in sorted(holes, key=lambda each: each.left):
        if hole.low < high:
            parts.append(slab(material, (left, low, 0), (hole.left, high, out)))
            left = hole.right
    return [*parts, slab(material, (left, low, 0), (wall.length, high, out))]


def _panelling(rng: np.random.Generator, surfaces: Finish) -> tuple[float, Material] | None:
    """Height and surface of tiles or boards on the lower part of all walls, in one room of five."""
    if rng.uniform() < 0.8:
        return None
    choices = (surfaces.walls, surfaces.trim, materials.tiles(rng), materials.wood(rng))
    return float(rng.uniform(0.7, 1.6)), choices[int(rng.integers(4))]


def _ceiling(plan: Floorplan, material: Material) -> Object:
    """A slab whose lower side is the ceiling."""
    low, high = plan.low - THICK, plan.high + THICK
    if plan.rise == 0:
        return slab(material, (low[0], plan.height, low[1]), (high[0], plan.height + 0.2, high[1]))
    bend = plan.low[0] + (plan.height - plan.low_height) / plan.rise
    under = np.array(
        [[low[0], plan.low_height - THICK * plan.rise], [bend, plan.height], [high[0] + 0.01, plan.height]]
    )
    outline = np.concatenate([under, under[::-1] + np.array([0, 0.3])])
    middle = (low[1] + high[1]) / 2
    return mesh(material, prism(outline, float(high[1] - low[1])), (0, 0, middle))


def _beams(rng: np.random.Generator, plan: Floorplan, surfaces: Finish) -> list[Object]:
    material = surfaces.ceiling if rng.uniform() < 0.5 else materials.wood(rng)
    drop, (low, high) = float(rng.uniform(0.08, 0.25)), (plan.low, plan.high)
    return [
        slab(material, (x - 0.07, plan.height - drop, low[1]), (x + 0.07, plan.height, high[1]))
        for x in np.arange(low[0] + 0.5, high[0] - 0.2, rng.uniform(0.7, 1.4))
    ]


def _inside(plan: Floorplan, place: np.ndarray) -> bool:
    return bool(plan.clearance(np.array([[place[0], 1e-3, place[1]]]))[0] > 0)
