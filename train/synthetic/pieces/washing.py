"""Fittings of kitchens and bathrooms; their backs at the wall."""

import numpy as np

from train.synthetic import materials
from train.synthetic.parts import ball, box, mesh, picture, pitched, ring, rod, shifted
from train.synthetic.pieces.small import SMALL
from train.synthetic.scene import Material, Object
from train.synthetic.surfaces import cushion, tube, turned_body


def kitchen_unit(rng: np.random.Generator) -> list[Object]:
    """A run of base cupboards with a worktop that holds a sink, a hob or things, perhaps wall cupboards above."""
    count = int(rng.integers(2, 6))
    front, top, metal = materials.lacquer(rng), materials.marble(rng), materials.metal(rng)
    width = count * 0.6
    parts = [box(front, (width, 0.76, 0.56), (0, 0.48, -0.02)), box(front, (width, 0.1, 0.5), (0, 0.05, -0.04))]
    parts.append(box(top, (width, 0.04, 0.62), (0, 0.88, 0)))
    fixture = (_sink, _hob)
    for i in range(count):
        x = (i + 0.5) * 0.6 - width / 2
        parts.append(box(front, (0.594, 0.74, 0.018), (x, 0.48, 0.27)))
        parts.append(rod(metal, (x - 0.1, 0.8, 0.3), (x + 0.1, 0.8, 0.3), 0.006))
        on_top = fixture[i](rng, metal) if i < 2 else _pushed_back(SMALL[int(rng.integers(len(SMALL)))](rng))
        parts += shifted(on_top, (x, 0.9, 0))
    if rng.uniform() < 0.5:
        parts.append(box(front, (width, 0.7, 0.33), (0, 1.8, -0.14)))
        parts += [box(front, (0.594, 0.69, 0.016), ((i + 0.5) * 0.6 - width / 2, 1.8, 0.033)) for i in range(count)]
    return parts


def fridge(rng: np.random.Generator) -> list[Object]:
    paint, metal = materials.enamel(rng) if rng.uniform() < 0.7 else materials.metal(rng), materials.metal(rng)
    height, split = float(rng.uniform(0.85, 2.0)), float(rng.uniform(0.3, 0.7))
    parts = [box(paint, (0.6, height, 0.58), (0, height / 2, -0.03))]
    for low, high in ((0.03, split), (split, 1.0)):
        parts.append(box(paint, (0.596, (high - low) * height - 0.008, 0.04), (0, (low + high) / 2 * height, 0.285)))
    y = split * height
    return [*parts, rod(metal, (-0.26, y + 0.06, 0.33), (-0.26, min(y + 0.4, height - 0.05), 0.33), 0.009)]


def washing_machine(rng: np.random.Generator) -> list[Object]:
    """Also an oven: a body with a round or square glass front."""
    paint, metal = materials.enamel(rng), materials.metal(rng)
    parts = [box(paint, (0.6, 0.85, 0.58), (0, 0.425, 0)), box(metal, (0.58, 0.09, 0.01), (0, 0.78, 0.293))]
    parts += [rod(metal, (x, 0.78, 0.29), (x, 0.78, 0.32), 0.02) for x in (-0.2, -0.1, 0.2)]
    if rng.uniform() < 0.5:
        glass = rod(materials.glazed(rng), (0, 0.42, 0.29), (0, 0.42, 0.31), 0.17)
        return [*parts, glass, ring(metal, 0.19, 0.025, (0, 0.42, 0.295), pitched(np.pi / 2))]
    bar = rod(metal, (-0.24, 0.68, 0.33), (0.24, 0.68, 0.33), 0.01)
    return [*parts, picture(materials.glazed(rng), 0.48, 0.4, (0, 0.42, 0.2915)), bar]


def basin(rng: np.random.Generator) -> list[Object]:
    """A bowl on a foot or a cupboard, with a tap, and a mirror over it."""
    white, metal = materials.enamel(rng), materials.metal(rng)
    outline = np.array([[0, 0], [0.6, 0.05], [0.9, 0.6], [1, 1], [0.9, 1], [0.75, 0.55], [0, 0.3]])
    parts = [mesh(white, turned_body(outline * [0.26, 0.18], 24), (0, 0.7, 0))]
    parts += shifted(_tap(metal), (0, 0.86, -0.2))
    if rng.uniform() < 0.5:
        parts.append(rod(white, (0, 0, -0.05), (0, 0.72, -0.05), 0.08))
    else:
        parts.append(box(materials.wood(rng), (0.6, 0.5, 0.42), (0, 0.45, -0.03)))
    shown = materials.mirror(rng)
    return [
        *parts,
        picture(shown, 0.55, 0.7, (0, 1.5, -0.26)),
        box(materials.wood(rng), (0.6, 0.75, 0.015), (0, 1.5, -0.27)),
    ]


def toilet(rng: np.random.Generator) -> list[Object]:
    white = materials.enamel(rng)
    outline = np.array([[0.55, 0], [0.5, 0.4], [1, 0.92], [1, 1], [0.8, 1], [0.5, 0.5], [0, 0.45]])
    stretched = np.diag([1.0, 1.0, 1.25])
    parts = [mesh(white, turned_body(outline * [0.19, 0.4], 20), (0, 0, 0.08), stretched)]
    parts.append(box(white, (0.38, 0.36, 0.16), (0, 0.58, -0.24)))
    lid = cushion(np.array([0.38, 0.035, 0.46]), 0.7)
    up = rng.uniform() < 0.4
    return [*parts, mesh(white, lid, (0, 0.62, -0.12) if up else (0, 0.42, 0.07), pitched(-1.45) if up else None)]


def bathtub(rng: np.random.Generator) -> list[Object]:
    white, width, length = materials.enamel(rng), float(rng.uniform(0.7, 0.85)), float(rng.uniform(1.4, 1.8))
    parts = [box(white, (length, 0.15, width), (0, 0.075, 0))]
    parts += [box(white, (length, 0.57, 0.06), (0, 0.285, s * (width / 2 - 0.03))) for s in (-1, 1)]
    parts += [box(white, (0.08, 0.57, width), (s * (length / 2 - 0.04), 0.285, 0)) for s in (-1, 1)]
    return parts + shifted(_tap(materials.metal(rng)), (length * 0.3, 0.57, -width / 2 + 0.04))


def shower(rng: np.random.Generator) -> list[Object]:
    """A tray with a rail, a hose and a curtain or none."""
    metal, white = materials.metal(rng), materials.enamel(rng)
    parts = [box(white, (0.9, 0.06, 0.9), (0, 0.03, 0)), rod(metal, (0, 0.9, -0.42), (0, 2.0, -0.42), 0.012)]
    parts.append(rod(metal, (0, 1.98, -0.42), (0, 1.9, -0.25), 0.05))
    t = np.linspace(0, 1, 14)
    hose = np.column_stack([0.15 * np.sin(np.pi * t), 1.0 + 0.9 * t - 0.5 * np.sin(np.pi * t), np.full(14, -0.38)])
    posts = [rod(metal, (s * 0.44, 0, 0.44), (s * 0.44, 2.0, 0.44), 0.012) for s in (-1, 1)]
    return [*parts, mesh(metal, tube(hose, 0.008)), *posts, rod(metal, (-0.44, 2.0, 0.44), (0.44, 2.0, 0.44), 0.01)]


def _tap(metal: Material) -> list[Object]:
    bow = np.linspace(0, np.pi * 0.9, 8)
    line = np.column_stack([np.zeros(8), 0.12 + 0.06 * np.sin(bow), 0.06 * (1 - np.cos(bow))])
    return [
        rod(metal, (0, 0, 0), (0, 0.12, 0), 0.014),
        mesh(metal, tube(line, 0.011)),
        ball(metal, 0.02, (0.04, 0.06, 0)),
    ]


def _sink(rng: np.random.Generator, metal: Material) -> list[Object]:
    rim = [box(metal, (0.5, 0.008, 0.03), (0, 0.004, s * 0.2)) for s in (-1, 1)]
    rim += [box(metal, (0.03, 0.008, 0.4), (s * 0.24, 0.004, 0)) for s in (-1, 1)]
    return [*rim, box(materials.glazed(rng), (0.46, 0.002, 0.38), (0, 0.001, 0)), *shifted(_tap(metal), (0, 0, -0.24))]


def _hob(rng: np.random.Generator, metal: Material) -> list[Object]:
    """Four rings on glass and perhaps a pot."""
    parts = [box(materials.glazed(rng), (0.56, 0.008, 0.5), (0, 0.004, 0))]
    parts += [ring(metal, 0.08, 0.005, (x, 0.01, z)) for x in (-0.14, 0.14) for z in (-0.12, 0.12)]
    if rng.uniform() < 0.6:
        pot = np.array([[0, 0], [1, 0], [1, 1.1], [0.95, 1.1], [0.94, 0.1], [0, 0.08]]) * 0.1
        parts += [
            mesh(metal, turned_body(pot), (0.14, 0.015, 0.12)),
            rod(metal, (0.24, 0.1, 0.12), (0.42, 0.11, 0.2), 0.009),
        ]
    return parts


def _pushed_back(objects: list[Object]) -> list[Object]:
    return shifted(objects, (0, 0, -0.12))
