"""Beds."""

import numpy as np

from train.synthetic import materials
from train.synthetic.parts import box, mesh, pitched, rod
from train.synthetic.pieces.legs import legs
from train.synthetic.scene import Object
from train.synthetic.surfaces import cushion


def bed(rng: np.random.Generator) -> list[Object]:
    """Its head at the back: frame, mattress, blanket with a turned edge, pillows; sometimes a bunk above."""
    frame = materials.wood(rng) if rng.uniform() < 0.7 else materials.metal(rng)
    width, length = float(rng.choice([0.9, 1.2, 1.4, 1.6, 1.8])), float(rng.uniform(1.95, 2.1))
    low = float(rng.uniform(0.08, 0.28))
    parts = legs(rng, frame, width, length, low)
    parts += _bedding(rng, width, length, low)
    parts += _head(rng, width, length, low)
    if width < 1 and rng.uniform() < 0.3:
        posts = [(sx * width / 2, sz * length / 2) for sx in (-1, 1) for sz in (-1, 1)]
        parts += [rod(frame, (x, 0, z), (x, 1.75, z), 0.025) for x, z in posts]
        parts.append(box(frame, (width, 0.04, length), (0, 1.38, 0)))
        parts += _bedding(rng, width, length, 1.38)
        parts += [rod(frame, (width / 2, y, -length / 2), (width / 2, y, length / 2), 0.012) for y in (1.6, 1.72)]
    return parts


def _bedding(rng: np.random.Generator, width: float, length: float, low: float) -> list[Object]:
    sheet, blanket = materials.fabric(rng), materials.fabric(rng)
    thick = float(rng.uniform(0.14, 0.28))
    top = low + 0.1 + thick
    parts = [box(materials.wood(rng), (width + 0.04, 0.1, length + 0.04), (0, low + 0.05, 0))]
    parts.append(mesh(sheet, cushion(np.array([width, thick, length]), 0.12), (0, low + 0.1 + thick / 2, 0)))
    cover = length * rng.uniform(0.5, 0.78)
    swollen = cushion(np.array([width + 0.06, 0.12, cover]), 0.2, 10)
    parts.append(mesh(blanket, swollen, (0, top - 0.02, (length - cover) / 2)))
    pillows = 1 if width < 1.3 else 2
    for i in range(pillows):
        x = (i - (pillows - 1) / 2) * width * 0.48
        shape = cushion(np.array([min(0.7, width * 0.7 / pillows + 0.1), 0.16, 0.4]), 0.5)
        parts.append(mesh(sheet, shape, (x, top + 0.06, -length / 2 + 0.26), pitched(rng.uniform(-0.3, 0.1))))
    return parts


def _head(rng: np.random.Generator, width: float, length: float, low: float) -> list[Object]:
    """A board, a padded wall or bars at the head, in most cases."""
    kind, height, z = rng.choice(["board", "padded", "bars", "none"]), float(rng.uniform(0.35, 0.8)), -length / 2 - 0.03
    if kind == "board":
        return [box(materials.wood(rng), (width + 0.06, height, 0.03), (0, low + height / 2, z))]
    if kind == "padded":
        shape = cushion(np.array([width + 0.06, height, 0.1]), 0.15)
        return [mesh(materials.fabric(rng), shape, (0, low + height / 2, z))]
    if kind == "none":
        return []
    metal = materials.metal(rng)
    bars = [rod(metal, (x, low, z), (x, low + height, z), 0.008) for x in np.linspace(-width / 2, width / 2, 11)]
    return [*bars, rod(metal, (-width / 2, low + height, z), (width / 2, low + height, z), 0.014)]
