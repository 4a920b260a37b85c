"""Tables and desks."""

import numpy as np

from train.synthetic import materials
from train.synthetic.parts import box, mesh, rod
from train.synthetic.pieces.legs import column, legs
from train.synthetic.scene import Object
from train.synthetic.surfaces import curtain


def table(rng: np.random.Generator) -> list[Object]:
    """For meals: rectangular or round, sometimes under a cloth."""
    height = float(rng.uniform(0.7, 0.78))
    if rng.uniform() < 0.3:
        return _round(rng, float(rng.uniform(0.35, 0.7)), height)
    width, depth = float(rng.uniform(0.9, 2.0)), float(rng.uniform(0.7, 1.0))
    return _rectangular(rng, width, depth, height)


def desk(rng: np.random.Generator) -> list[Object]:
    """A work table, half of the time with drawers under one end and a board behind."""
    width, depth, height = float(rng.uniform(0.9, 1.6)), float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.7, 0.78))
    parts = _rectangular(rng, width, depth, height)
    if rng.uniform() < 0.5:
        wood, metal = materials.wood(rng), materials.metal(rng)
        x, low = width / 2 - 0.26, 0.08
        parts.append(box(wood, (0.4, height - 0.05 - low, depth * 0.85), (x, (height - 0.05 + low) / 2, 0)))
        for i in range(3):
            y = low + (i + 0.5) * (height - 0.05 - low) / 3
            parts.append(box(wood, (0.37, 0.17, 0.02), (x, y, depth * 0.43)))
            parts.append(rod(metal, (x - 0.06, y, depth * 0.46), (x + 0.06, y, depth * 0.46), 0.006))
    return parts


def low_table(rng: np.random.Generator) -> list[Object]:
    """Before a sofa or beside a bed."""
    height = float(rng.uniform(0.28, 0.5))
    if rng.uniform() < 0.3:
        return _round(rng, float(rng.uniform(0.2, 0.45)), height)
    return _rectangular(rng, float(rng.uniform(0.5, 1.2)), float(rng.uniform(0.4, 0.7)), height)


def _rectangular(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Object]:
    top, frame = materials.wood(rng), materials.wood(rng) if rng.uniform() < 0.5 else materials.metal(rng)
    if rng.uniform() < 0.1:
        top = materials.glazed(rng)
    if rng.uniform() < 0.35:
        frame = top
    thick = float(rng.uniform(0.012, 0.05))
    parts = legs(rng, frame, width - 0.04, depth - 0.04, height - thick)
    parts.append(box(top, (width, thick, depth), (0, height - thick / 2, 0)))
    if rng.uniform() < 0.4:  # an apron
        y, drop = height - thick - 0.04, 0.08
        parts += [box(frame, (width - 0.12, drop, 0.02), (0, y, s * (depth / 2 - 0.05))) for s in (-1, 1)]
        parts += [box(frame, (0.02, drop, depth - 0.12), (s * (width / 2 - 0.05), y, 0)) for s in (-1, 1)]
    return parts + (_cloth(rng, width, depth, height) if height > 0.6 and rng.uniform() < 0.12 else [])


def _round(rng: np.random.Generator, radius: float, height: float) -> list[Object]:
    top = materials.wood(rng) if rng.uniform() < 0.8 else materials.marble(rng)
    frame, thick = materials.metal(rng), float(rng.uniform(0.012, 0.04))
    inner = radius * 1.3
    under = (
        column(rng, frame, radius, height - thick)
        if rng.uniform() < 0.5
        else legs(rng, frame, inner, inner, height - thick)
    )
    return [*under, rod(top, (0, height - thick, 0), (0, height, 0), radius)]


def _cloth(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Object]:
    """A tablecloth: a thin slab with four hanging sides in folds."""
    cloth, drop = materials.fabric(rng), float(rng.uniform(0.15, 0.4))
    parts = [box(cloth, (width + 0.02, 0.004, depth + 0.02), (0, height + 0.002, 0))]
    quarter = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    for s in (-1, 1):
        across = curtain(width + 0.02, drop, 0.012, 5.5, 34)
        along = curtain(depth + 0.02, drop, 0.012, 3.5, 24)
        parts.append(mesh(cloth, across, (0, height - drop / 2, s * (depth / 2 + 0.016))))
        parts.append(mesh(cloth, along, (s * (width / 2 + 0.016), height - drop / 2, 0), quarter))
    return parts
