"""Heaps of unrelated things, and what else stands about in rooms."""

from collections.abc import Callable

import numpy as np

from train.synthetic import materials
from train.synthetic.extent import extent
from train.synthetic.materials import pooled
from train.synthetic.parts import ball, box, mesh, pitched, ring, rod, shifted, standing, yawed
from train.synthetic.pieces.outdoors import railing
from train.synthetic.pieces.plants import plant
from train.synthetic.pieces.screens import speaker
from train.synthetic.pieces.small import SMALL, cable
from train.synthetic.scene import Object
from train.synthetic.surfaces import cushion, turned_body


def heap(rng: np.random.Generator) -> list[Object]:
    """5 to 20 things dropped within half a metre, each resting on what lies under it."""
    spread = float(rng.uniform(0.15, 0.45))
    lows: list[np.ndarray] = []
    highs: list[np.ndarray] = []
    parts: list[Object] = []
    for _ in range(int(rng.integers(5, 20))):
        things = shifted(_thing(rng), (0, 0, 0), yawed(rng.uniform(0, 2 * np.pi)))
        low, high = extent(things)
        shift = np.array([*rng.normal(0, spread / 2, 1), 0.0, *rng.normal(0, spread / 2, 1)]) - [
            *(low + high)[:1] / 2,
            low[1],
            (low + high)[2] / 2,
        ]
        low, high = low + shift, high + shift
        under = [h[1] for a, h in zip(lows, highs, strict=True) if (a < high)[[0, 2]].all() and (low < h)[[0, 2]].all()]
        lift = np.array([0.0, max(under, default=0.0), 0.0])
        lows.append(low + lift)
        highs.append(high + lift)
        parts += shifted(things, tuple(shift + lift))
    return parts


def boxes(rng: np.random.Generator) -> list[Object]:
    """Cartons on each other, the upper ones smaller."""
    parts: list[Object] = []
    size = rng.uniform(0.25, 0.6, 3)
    y = 0.0
    for _ in range(int(rng.integers(1, 4))):
        size = size * rng.uniform(0.7, 1.0, 3)
        parts.append(box(materials.cardboard(rng), tuple(size), (0, y + size[1] / 2, 0), yawed(rng.normal(0, 0.15))))
        y += size[1]
    return parts


def waste_bin(rng: np.random.Generator) -> list[Object]:
    radius, height = float(rng.uniform(0.1, 0.2)), float(rng.uniform(0.25, 0.6))
    outline = np.array([[0, 0], [0.8, 0], [1, 1], [0.96, 1], [0.77, 0.05], [0, 0.05]])
    return [mesh(materials.plastic(rng), turned_body(outline * [radius, height], 20))]


def bag(rng: np.random.Generator) -> list[Object]:
    """A slumped bag with a handle, or a pouf."""
    size = rng.uniform(0.25, 0.6, 3)
    cloth = materials.fabric(rng)
    parts = [mesh(cloth, cushion(size, rng.uniform(0.4, 0.9)), (0, size[1] / 2, 0))]
    return [*parts, ring(cloth, 0.1, 0.012, (0, size[1], 0), pitched(np.pi / 2))] if rng.uniform() < 0.6 else parts


def ladder(rng: np.random.Generator) -> list[Object]:
    """Leaning back against what is behind it; a clothes horse when low."""
    metal, width, height, lean = materials.metal(rng), 0.4, float(rng.uniform(0.8, 2.2)), float(rng.uniform(0.1, 0.4))
    rails = [rod(metal, (s * width / 2, 0, 0), (s * width / 2, height, -lean), 0.015) for s in (-1, 1)]
    steps = np.arange(0.15, 1.0, 0.28 / height)
    return rails + [
        rod(metal, (-width / 2, t * height, -lean * t), (width / 2, t * height, -lean * t), 0.012) for t in steps
    ]


def clothes_horse(rng: np.random.Generator) -> list[Object]:
    metal, width, deep = materials.metal(rng), float(rng.uniform(0.8, 1.4)), 0.5
    lines = [
        rod(metal, (-width / 2, 0.95, z), (width / 2, 0.95, z), 0.003) for z in np.linspace(-deep / 2, deep / 2, 9)
    ]
    feet = [
        rod(metal, (s * width / 2, 0, t * deep / 2), (s * width / 2, 0.95, -t * deep / 2), 0.009)
        for s in (-1, 1)
        for t in (-1, 1)
    ]
    parts = lines + feet
    for z in rng.choice(np.linspace(-deep / 2, deep / 2, 9), 2, replace=False):
        w, drop = float(rng.uniform(0.2, 0.6)), float(rng.uniform(0.2, 0.6))
        parts.append(
            box(materials.fabric(rng), (w, drop, 0.012), (rng.uniform(-0.5, 0.5) * (width - w), 0.95 - drop / 2, z))
        )
    return parts


def coat_stand(rng: np.random.Generator) -> list[Object]:
    wood = materials.wood(rng)
    parts = [rod(wood, (0, 0, 0), (0, 1.75, 0), 0.02), rod(wood, (0, 0, 0), (0, 0.03, 0), 0.22)]
    for a in np.arange(5) * 1.256:
        parts.append(rod(wood, (0, 1.6, 0), (0.14 * np.sin(a), 1.7, 0.14 * np.cos(a)), 0.01))
    coat = cushion(np.array([0.45, 1.0, 0.2]), 0.6)
    return [*parts, mesh(materials.fabric(rng), coat, (0.12, 1.1, 0.1))] if rng.uniform() < 0.6 else parts


def fan(rng: np.random.Generator) -> list[Object]:
    """A standing fan: a round cage of thin rings before a hub."""
    paint, y = materials.plastic(rng), float(rng.uniform(0.9, 1.3))
    parts = [rod(paint, (0, 0, 0), (0, 0.03, 0), 0.2), rod(paint, (0, 0, 0), (0, y, -0.06), 0.014)]
    parts += [ring(paint, r, 0.004, (0, y, 0.05), pitched(np.pi / 2)) for r in (0.06, 0.11, 0.16, 0.21)]
    for a in np.arange(10) * np.pi / 5:
        parts.append(rod(paint, (0, y, 0.06), (0.21 * np.sin(a), y + 0.21 * np.cos(a), 0.05), 0.002))
    return [*parts, rod(paint, (0, y, -0.12), (0, y, 0.02), 0.05)]


def umbrella(rng: np.random.Generator) -> list[Object]:
    """Brooms and sticks in a stand."""
    parts = [rod(materials.metal(rng), (0, 0, 0), (0, 0.45, 0), 0.11)]
    for _ in range(int(rng.integers(1, 5))):
        x, z = rng.uniform(-0.06, 0.06, 2)
        parts.append(rod(pooled(rng, materials.lacquer), (x, 0.1, z), (2.5 * x, rng.uniform(0.7, 1.3), 2.5 * z), 0.013))
    return parts


def _thing(rng: np.random.Generator) -> list[Object]:
    """Anything that may lie in a heap."""
    kind, material = int(rng.integers(8)), pooled(rng, materials.lacquer if rng.uniform() < 0.7 else materials.fabric)
    size = float(rng.uniform(0.03, 0.16))
    if kind == 0:
        return [ball(material, size, (0, 0, 0))]
    if kind == 1:
        return [ring(material, size, size * rng.uniform(0.1, 0.4), (0, 0, 0), standing(rng.normal((0, 1.5, 0))))]
    if kind == 2:
        return [
            box(material, tuple(rng.uniform(0.04, 0.35, 3)), (0, 0, 0), standing(rng.normal(size=3) * 0.15 + [0, 1, 0]))
        ]
    if kind == 3:
        return cable(rng)
    if kind == 4:
        return [mesh(material, cushion(rng.uniform(0.1, 0.4, 3) * [1, 0.6, 1], rng.uniform(0.3, 1.0)))]
    if kind == 5:
        end = rng.normal(size=3) * [1, 0.15, 1] * 2 * size
        return [rod(material, tuple(-end), tuple(end), rng.uniform(0.005, 0.05))]
    return SMALL[int(rng.integers(len(SMALL)))](rng)


MISC: tuple[Callable[[np.random.Generator], list[Object]], ...] = (
    boxes, boxes, waste_bin, bag, bag, ladder, clothes_horse, coat_stand, fan, umbrella, speaker, railing, plant, cable,
)  # fmt: skip
