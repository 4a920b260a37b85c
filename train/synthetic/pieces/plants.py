"""Plants in pots, and trees."""

import numpy as np

from train.synthetic import materials
from train.synthetic.parts import ball, mesh, rod, shifted
from train.synthetic.scene import Object
from train.synthetic.surfaces import leaves, tube, turned_body


def plant(rng: np.random.Generator) -> list[Object]:
    """Bushy, palm-like, a rubber tree or a cactus, 0.4 to 1.9 m high."""
    radius = float(rng.uniform(0.1, 0.2))
    pot = np.array([[0, 0], [0.7, 0], [1, 1.7], [0.88, 1.7], [0.85, 1.5], [0, 1.5]]) * radius
    parts = [mesh(materials.ceramic(rng), turned_body(pot, 18))]
    grow = (_bush, _palm, _rubber_tree, _cactus)[int(rng.choice(4, p=[0.3, 0.3, 0.3, 0.1]))]
    return parts + shifted(grow(rng), (0, 1.5 * radius, 0))


def tree(rng: np.random.Generator) -> list[Object]:
    """A trunk, boughs, and a crown of many leaves or of balls, as seen from the street."""
    height, bark = float(rng.uniform(3, 9)), materials.wood(rng)
    trunk = height * rng.uniform(0.25, 0.45)
    radius = height * rng.uniform(0.012, 0.025)
    parts = [rod(bark, (0, 0, 0), (0, trunk * 1.2, 0), radius)]
    crown = height - trunk
    if rng.uniform() < 0.25:
        green = materials.leaf(rng)
        for _ in range(int(rng.integers(3, 8))):
            centre = rng.normal(0, 0.18, 3) * crown + [0, trunk + crown / 2, 0]
            parts.append(ball(green, crown * rng.uniform(0.2, 0.32), tuple(centre)))
        return parts
    tips = rng.normal(0, 0.28, (9, 3)) * crown * [1, 0.8, 1] + [0, trunk + crown / 2, 0]
    parts += [rod(bark, (0, trunk * rng.uniform(0.7, 1.1), 0), tuple(tip), radius * 0.3) for tip in tips]
    count = int(rng.integers(150, 500))
    stems = tips[rng.integers(0, 9, count)] + rng.normal(0, 0.13, (count, 3)) * crown
    parts.append(
        mesh(materials.leaf(rng), leaves(rng, stems, _outwards(rng, count, 0.2), 0.06 * height, 0.04 * height))
    )
    return parts


def _bush(rng: np.random.Generator) -> list[Object]:
    count, height = int(rng.integers(30, 90)), float(rng.uniform(0.2, 0.7))
    stems = rng.normal(0, 0.22, (count, 3)) * height + [0, 0.5 * height, 0]
    stems[:, 1] = np.abs(stems[:, 1])
    length = float(rng.uniform(0.06, 0.18))
    foliage = leaves(rng, stems, _outwards(rng, count, 0.3), length, length * rng.uniform(0.2, 0.8))
    stalk = materials.leaf(rng)
    return [mesh(materials.leaf(rng), foliage), *(rod(stalk, (0, 0, 0), tuple(stem), 0.003) for stem in stems[:12])]


def _palm(rng: np.random.Generator) -> list[Object]:
    """Long arching leaves from a short trunk."""
    trunk, green = float(rng.uniform(0.02, 0.7)), materials.leaf(rng)
    parts = [rod(materials.wood(rng), (0, 0, 0), (0, trunk, 0), 0.02)]
    count = int(rng.integers(8, 24))
    stems = np.tile([0.0, trunk, 0.0], (count, 1))
    length = float(rng.uniform(0.3, 0.7))
    away = _outwards(rng, count, 0.9)
    return [*parts, mesh(green, leaves(rng, stems, away, length, length * rng.uniform(0.05, 0.2)))]


def _rubber_tree(rng: np.random.Generator) -> list[Object]:
    """A bent stem with big leaves along it."""
    height, count = float(rng.uniform(0.5, 1.6)), int(rng.integers(12, 40))
    t = np.linspace(0, 1, 10)
    bend = rng.uniform(-0.15, 0.15, 2)
    line = np.column_stack([bend[0] * np.sin(3 * t), height * t, bend[1] * np.sin(2 * t)])
    stems = line[rng.integers(2, 10, count)] + rng.normal(0, 0.015, (count, 3))
    length = float(rng.uniform(0.12, 0.28))
    foliage = leaves(rng, stems, _outwards(rng, count, 0.3), length, length * rng.uniform(0.3, 0.6))
    return [mesh(materials.wood(rng), tube(line, 0.012)), mesh(materials.leaf(rng), foliage)]


def _cactus(rng: np.random.Generator) -> list[Object]:
    green, height = materials.leaf(rng), float(rng.uniform(0.3, 1.0))
    parts = [rod(green, (0, 0, 0), (0, height, 0), 0.06), ball(green, 0.06, (0, height, 0))]
    for s in (-1, 1):
        y = height * rng.uniform(0.3, 0.6)
        parts += [
            rod(green, (0, y, 0), (s * 0.15, y, 0), 0.035),
            rod(green, (s * 0.15, y, 0), (s * 0.15, y + 0.2, 0), 0.035),
        ]
    return parts


def _outwards(rng: np.random.Generator, count: int, up: float) -> np.ndarray:
    away = rng.normal(size=(count, 3)) * [1, 0.6, 1] + [0, up, 0]
    return away / np.linalg.norm(away, axis=1, keepdims=True)
