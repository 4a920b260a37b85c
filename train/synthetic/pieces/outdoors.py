"""What stands along streets: signs, lanterns, bins, fences, boxes, benches, bollards."""

import numpy as np

from train.synthetic import materials, pictures, textures
from train.synthetic.materials import pooled, printed
from train.synthetic.parts import box, mesh, picture, ring, rod
from train.synthetic.pieces.lamps import GLOW
from train.synthetic.pieces.seating import bench
from train.synthetic.scene import Material, Object
from train.synthetic.surfaces import tube


def sign(rng: np.random.Generator) -> list[Object]:
    """A round, square or triangular plate on a post."""
    metal, height = pooled(rng, materials.metal), float(rng.uniform(2.0, 2.8))
    plate = materials.painted(rng, textures.saturated(rng))
    parts = [rod(metal, (0, 0, 0), (0, height, 0), 0.03)]
    y, radius = height - 0.35, float(rng.uniform(0.25, 0.4))
    if rng.uniform() < 0.6:
        parts.append(rod(plate, (0, y, 0.03), (0, y, 0.045), radius))
    else:
        parts.append(box(plate, (2 * radius, rng.uniform(0.2, 0.9), 0.015), (0, y, 0.04)))
    return [*parts, picture(printed(rng, pictures.poster), radius, radius * 0.9, (0, y, 0.05))]


def lantern(rng: np.random.Generator) -> list[Object]:
    metal, height, reach = pooled(rng, materials.metal), float(rng.uniform(3.5, 8)), float(rng.uniform(0, 1.6))
    parts = [rod(metal, (0, 0, 0), (0, height, 0), 0.07), rod(metal, (0, height, 0), (0, height + 0.15, reach), 0.04)]
    return [*parts, box(materials.shining(rng, GLOW / 4), (0.25, 0.12, 0.5), (0, height + 0.12, reach + 0.2))]


def traffic_light(rng: np.random.Generator) -> list[Object]:
    metal, black = pooled(rng, materials.metal), pooled(rng, materials.plastic)
    parts = [rod(metal, (0, 0, 0), (0, 3.2, 0), 0.06), box(black, (0.3, 0.9, 0.2), (0, 2.8, 0.12))]
    colours = np.array([[0.8, 0.1, 0.1], [0.8, 0.6, 0.1], [0.1, 0.7, 0.3]])
    lit = int(rng.integers(3))
    for i, colour in enumerate(colours):
        paint = textures.plain(rng, colour)
        disc = Material(paint, emission=3.0 if i == lit else 0.0)
        parts.append(rod(disc, (0, 3.08 - 0.28 * i, 0.2), (0, 3.08 - 0.28 * i, 0.24), 0.1))
    return parts


def bin_(rng: np.random.Generator) -> list[Object]:
    """A bin on two wheels."""
    paint, height = pooled(rng, materials.plastic), float(rng.uniform(0.8, 1.2))
    parts = [box(paint, (0.5, height - 0.12, 0.5), (0, height / 2, 0)), box(paint, (0.54, 0.06, 0.58), (0, height, 0))]
    return [*parts, rod(pooled(rng, materials.plastic), (-0.27, 0.1, -0.22), (0.27, 0.1, -0.22), 0.1)]


def bollard(rng: np.random.Generator) -> list[Object]:
    paint, height = pooled(rng, materials.metal), float(rng.uniform(0.6, 1.1))
    return [
        rod(paint, (0, 0, 0), (0, height, 0), 0.06),
        ring(materials.painted(rng, textures.saturated(rng)), 0.06, 0.015, (0, height * 0.8, 0)),
    ]


def railing(rng: np.random.Generator) -> list[Object]:
    """Thin bars between two rails: fences, balconies, banisters."""
    metal, width, height = pooled(rng, materials.metal), float(rng.uniform(1.2, 3.0)), float(rng.uniform(0.8, 1.2))
    radius = float(rng.uniform(0.005, 0.014))
    bars = np.arange(-width / 2, width / 2 + 0.01, rng.uniform(0.08, 0.16))
    parts = [rod(metal, (x, 0.02, 0), (x, height, 0), radius) for x in bars]
    rails = [rod(metal, (-width / 2, y, 0), (width / 2, y, 0), radius * 1.6) for y in (0.1, height)]
    return [*parts, *rails, *(rod(metal, (s * width / 2, 0, 0), (s * width / 2, height, 0), 0.02) for s in (-1, 1))]


def fence(rng: np.random.Generator) -> list[Object]:
    """Boards on two beams."""
    wood, width, height = pooled(rng, materials.wood), float(rng.uniform(1.5, 3.0)), float(rng.uniform(0.7, 1.8))
    pitch = float(rng.uniform(0.1, 0.2))
    boards = np.arange(-width / 2, width / 2, pitch)
    parts = [box(wood, (pitch * 0.7, height, 0.02), (x, height / 2, 0.03)) for x in boards]
    return parts + [box(wood, (width, 0.08, 0.04), (0, y * height, 0)) for y in (0.2, 0.8)]


def bicycle_stand(rng: np.random.Generator) -> list[Object]:
    metal, bow = pooled(rng, materials.metal), np.linspace(0, np.pi, 12)
    line = np.column_stack([0.35 * np.cos(bow), 0.8 * np.sin(bow) ** 0.6, np.zeros(12)])
    return [mesh(metal, tube(line, 0.024))]


STREET = (sign, sign, lantern, lantern, traffic_light, bin_, bin_, bollard, railing, fence, bench, bicycle_stand)
