"""Televisions, monitors, laptops, speakers, and what lies before them."""

import numpy as np

from train.synthetic import materials, pictures
from train.synthetic.materials import printed
from train.synthetic.parts import box, picture, pitched, rod, shifted
from train.synthetic.pieces.small import cable
from train.synthetic.scene import Object


def screen(rng: np.random.Generator) -> list[Object]:
    """A thin panel on a foot or two, 0.4 to 1.4 m wide, off or on."""
    width = float(rng.uniform(0.4, 1.4))
    height, lift = width * 0.58, float(rng.uniform(0.03, 0.12))
    case = materials.plastic(rng)
    parts = [box(case, (width, height, 0.03), (0, lift + height / 2, 0))]
    parts.append(picture(materials.lit_screen(rng), width - 0.02, height - 0.03, (0, lift + height / 2, 0.016)))
    if rng.uniform() < 0.5:
        foot = [
            box(case, (0.2, 0.012, 0.18), (0, 0.006, 0)),
            box(case, (0.05, lift + 0.05, 0.02), (0, lift / 2, -0.02)),
        ]
        return parts + foot
    return parts + [
        rod(case, (s * width * 0.35, lift, 0), (s * width * 0.38, 0, 0.1 * t), 0.008) for s in (-1, 1) for t in (-1, 1)
    ]


def workplace(rng: np.random.Generator) -> list[Object]:
    """A laptop or a monitor with a keyboard, a mouse and a cable."""
    parts = [cable(rng)[0]]
    if rng.uniform() < 0.4:
        return parts + laptop(rng)
    board = printed(rng, pictures.keyboard)
    dark = materials.plastic(rng)
    monitor = _fitted(screen(rng), 0.6)
    keys = [
        box(dark, (0.44, 0.016, 0.14), (0, 0.008, 0.2)),
        picture(board, 0.43, 0.13, (0, 0.0165, 0.2), pitched(-np.pi / 2)),
    ]
    mouse = box(dark, (0.06, 0.03, 0.1), (0.3, 0.015, 0.2))
    return parts + monitor + keys + [mouse]


def laptop(rng: np.random.Generator) -> list[Object]:
    width = float(rng.uniform(0.28, 0.38))
    depth, case = width * 0.68, materials.metal(rng)
    lid = [box(case, (width, depth, 0.008), (0, depth / 2, 0))]
    lid.append(picture(materials.lit_screen(rng), width * 0.94, depth * 0.9, (0, depth / 2, 0.005)))
    parts = [box(case, (width, 0.016, depth), (0, 0.008, 0))]
    keys = picture(
        printed(rng, pictures.keyboard), width * 0.9, depth * 0.5, (0, 0.0165, -depth * 0.18), pitched(-np.pi / 2)
    )
    return [*parts, keys, *shifted(lid, (0, 0.016, -depth / 2), pitched(-rng.uniform(0.05, 0.5)))]


def speaker(rng: np.random.Generator) -> list[Object]:
    width = float(rng.uniform(0.12, 0.3))
    height, black = width * rng.uniform(1.4, 3.5), materials.plastic(rng)
    case = materials.wood(rng)
    cones = [
        rod(black, (0, y * height, width / 2), (0, y * height, width / 2 + 0.006), width * r)
        for y, r in ((0.3, 0.38), (0.7, 0.25))
    ]
    return [box(case, (width, height, width), (0, height / 2, 0)), *cones]


def _fitted(objects: list[Object], scale: float) -> list[Object]:
    return shifted(objects, (0, 0, -0.1), np.eye(3) * scale)
