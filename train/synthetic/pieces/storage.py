"""Shelves with things on them, cupboards, chests of drawers."""

from itertools import pairwise

import numpy as np

from train.synthetic import materials
from train.synthetic.extent import extent
from train.synthetic.parts import ball, box, picture, rod, shifted
from train.synthetic.pieces.small import SMALL, books_upright
from train.synthetic.scene import Material, Object


def shelf(rng: np.random.Generator) -> list[Object]:
    """Boards between two sides or on four posts, open or with a back, filled with books and small things."""
    wood = materials.wood(rng)
    width, depth, height = float(rng.uniform(0.5, 1.4)), float(rng.uniform(0.22, 0.4)), float(rng.uniform(0.7, 2.1))
    thick = float(rng.uniform(0.012, 0.03))
    levels = np.linspace(0.05, height - thick, max(2, round(height / rng.uniform(0.28, 0.45))) + 1)
    parts = [box(wood, (width, thick, depth), (0, y + thick / 2, 0)) for y in levels]
    parts += _uprights(rng, wood, width, depth, height, thick)
    if rng.uniform() < 0.5:
        parts.append(box(wood, (width, height - 0.05, 0.008), (0, height / 2, -depth / 2 + 0.004)))
    for low, high in pairwise(levels):
        parts += shifted(_row(rng, width - 2 * thick - 0.04, depth, high - low - thick - 0.01), (0, low + thick, 0))
    return parts


def wall_shelf(rng: np.random.Generator) -> list[Object]:
    """A board on two brackets with a row of things, to be hung on a wall."""
    wood, metal = materials.wood(rng), materials.metal(rng)
    width, depth, thick = float(rng.uniform(0.4, 1.4)), float(rng.uniform(0.12, 0.28)), float(rng.uniform(0.01, 0.04))
    parts = [box(wood, (width, thick, depth), (0, -thick / 2, 0))]
    for s in (-1, 1):
        x, back = s * width * 0.38, -depth / 2 + 0.006
        parts.append(rod(metal, (x, -thick - 0.12, back), (x, -thick, back), 0.006))
        parts.append(rod(metal, (x, -thick - 0.12, back), (x, -thick, depth * 0.3), 0.004))
    return parts + _row(rng, width - 0.02, depth, 0.35)


def cupboard(rng: np.random.Generator) -> list[Object]:
    """A tall or half-high body with doors that stand out by a hair, knobs and sometimes a plinth or a mirror."""
    height = float(rng.choice([rng.uniform(0.7, 1.1), rng.uniform(1.7, 2.2)]))
    doors = int(rng.integers(1, 5))
    width, depth = doors * float(rng.uniform(0.38, 0.55)), float(rng.uniform(0.35, 0.62))
    wood = materials.wood(rng)
    front = wood if rng.uniform() < 0.7 else materials.wood(rng)
    parts = [box(wood, (width, height - 0.06, depth), (0, height / 2 + 0.03, 0))]
    parts.append(box(wood, (width - 0.06, 0.06, depth - 0.06), (0, 0.03, 0)))
    one = width / doors
    for i in range(doors):
        x = (i + 0.5) * one - width / 2
        parts.append(box(front, (one - 0.006, height - 0.09, 0.018), (x, height / 2 + 0.03, depth / 2 + 0.009)))
        parts += _door_relief(rng, front, x, one, height, depth / 2 + 0.018)
        parts.append(_handle(rng, x + (0.5 - i % 2) * (one - 0.1), height * 0.55, depth / 2 + 0.018))
    return parts


def drawers(rng: np.random.Generator) -> list[Object]:
    """A chest of drawers; one may stand open."""
    rows, columns = int(rng.integers(2, 6)), int(rng.integers(1, 3))
    width, depth = columns * float(rng.uniform(0.4, 0.6)), float(rng.uniform(0.35, 0.5))
    height = rows * float(rng.uniform(0.16, 0.25)) + 0.06
    wood = materials.wood(rng)
    parts = [box(wood, (width, height - 0.05, depth), (0, height / 2 + 0.025, 0))]
    parts += [box(wood, (width - 0.04, 0.05, depth - 0.05), (0, 0.025, 0))]
    tall, wide = (height - 0.08) / rows, width / columns
    opened = int(rng.integers(-rows * columns, rows * columns))
    for i in range(rows * columns):
        x, y = (i % columns + 0.5) * wide - width / 2, 0.065 + (i // columns + 0.5) * tall
        out = float(rng.uniform(0.04, 0.25)) if i == opened else 0.0
        z = depth / 2 + out
        parts.append(box(wood, (wide - 0.012, tall - 0.012, 0.016), (x, y, z + 0.008)))
        if out > 0:
            parts += [box(wood, (0.012, tall * 0.7, out), (x + s * (wide / 2 - 0.02), y, z - out / 2)) for s in (-1, 1)]
            parts.append(box(wood, (wide - 0.03, 0.01, out), (x, y - tall * 0.35, z - out / 2)))
        parts.append(_handle(rng, x, y, z + 0.016))
    return parts


def _uprights(
    rng: np.random.Generator, wood: Material, width: float, depth: float, height: float, thick: float
) -> list[Object]:
    if rng.uniform() < 0.6:
        return [box(wood, (thick, height, depth), (s * (width - thick) / 2, height / 2, 0)) for s in (-1, 1)]
    metal = materials.metal(rng)
    posts = [(sx * (width / 2 - 0.01), sz * (depth / 2 - 0.01)) for sx in (-1, 1) for sz in (-1, 1)]
    return [rod(metal, (x, 0, z), (x, height, z), 0.01) for x, z in posts]


def _row(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Object]:
    """Things side by side on y = 0, no higher than ``height``, with gaps."""
    parts: list[Object] = []
    x = -width / 2
    while x < width / 2 - 0.05:
        kind = rng.uniform()
        if kind < 0.2:
            x += float(rng.uniform(0.05, 0.4))
            continue
        things = books_upright(rng, depth, height) if kind < 0.6 else SMALL[int(rng.integers(len(SMALL)))](rng)
        low, high = extent(things)
        size = high - low
        if size[0] > width / 2 - x or size[1] > height or size[2] > depth:
            x += 0.05
            continue
        parts += shifted(things, (x - low[0], -low[1], -(low[2] + high[2]) / 2))
        x += float(size[0]) + float(rng.uniform(0.005, 0.06))
    return parts


def _door_relief(
    rng: np.random.Generator, material: Material, x: float, width: float, height: float, z: float
) -> list[Object]:
    """A frame or a mirror on a door, in some of the cases."""
    kind = rng.uniform()
    if kind < 0.08:
        return [picture(materials.mirror(rng), width * 0.8, height * 0.8, (x, height / 2 + 0.03, z + 0.004))]
    if kind < 0.6:
        return []
    w, h = width * 0.36, height * 0.42
    middle = height / 2 + 0.03
    sides = [box(material, (0.03, 2 * h, 0.008), (x + s * w, middle, z + 0.004)) for s in (-1, 1)]
    return sides + [box(material, (2 * w, 0.03, 0.008), (x, middle + s * h, z + 0.004)) for s in (-1, 1)]


def _handle(rng: np.random.Generator, x: float, y: float, z: float) -> Object:
    metal = materials.metal(rng)
    if rng.uniform() < 0.5:
        return ball(metal, 0.012, (x, y, z + 0.01))
    return rod(metal, (x, y - 0.06, z + 0.02), (x, y + 0.06, z + 0.02), 0.006)
