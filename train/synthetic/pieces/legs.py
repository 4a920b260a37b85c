"""What tables, chairs and sofas stand on."""

import numpy as np

from train.synthetic.parts import box, ring, rod
from train.synthetic.scene import Material, Object


def legs(rng: np.random.Generator, material: Material, width: float, depth: float, height: float) -> list[Object]:
    """Legs under a rectangle centred on the origin, from y = 0 up: four, two frames, sledges or a column."""
    kind = rng.choice(["round", "square", "splayed", "sledge", "column"], p=[0.25, 0.25, 0.25, 0.15, 0.1])
    x, z = width / 2, depth / 2
    if kind == "column":
        return column(rng, material, min(width, depth) / 2, height)
    thick = float(rng.uniform(0.009, 0.03))
    x, z = x - thick - 0.01, z - thick - 0.01
    corners = [(sx * x, sz * z) for sx in (-1, 1) for sz in (-1, 1)]
    if kind == "square":
        posts = [box(material, (2 * thick, height, 2 * thick), (a, height / 2, b)) for a, b in corners]
        return posts + _stretchers(rng, material, x, z, height, thick)
    if kind == "sledge":
        posts = [rod(material, (a, 0, b), (a, height, b), thick * 0.6) for a, b in corners]
        return posts + [rod(material, (s * x, thick, -z), (s * x, thick, z), thick * 0.6) for s in (-1, 1)]
    inward = rng.uniform(0.6, 0.95) if kind == "splayed" else 1.0
    posts = [rod(material, (a, 0, b), (a * inward, height, b * inward), thick) for a, b in corners]
    return posts + (_stretchers(rng, material, x, z, height, thick) if kind == "round" else [])


def column(rng: np.random.Generator, material: Material, reach: float, height: float) -> list[Object]:
    """One post on a plate or on feet that spread as a star."""
    foot = float(min(reach, rng.uniform(0.2, 0.4)))
    post = [rod(material, (0, 0.02, 0), (0, height, 0), float(rng.uniform(0.02, 0.06)))]
    if rng.uniform() < 0.5:
        return [*post, rod(material, (0, 0, 0), (0, 0.025, 0), foot)]
    angles = 2 * np.pi * np.arange(5) / 5
    feet = [rod(material, (0, 0.08, 0), (foot * np.sin(a), 0.05, foot * np.cos(a)), 0.018) for a in angles]
    turn = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])  # castors roll about x
    castors = [ring(material, 0.017, 0.01, (foot * np.sin(a), 0.027, foot * np.cos(a)), turn) for a in angles]
    return post + feet + castors


def _stretchers(
    rng: np.random.Generator, material: Material, x: float, z: float, height: float, thick: float
) -> list[Object]:
    """Thin bars between the legs, in half of the cases."""
    if rng.uniform() < 0.5:
        return []
    y, bar = height * rng.uniform(0.2, 0.6), thick * 0.7
    return [rod(material, (s * x, y, -z), (s * x, y, z), bar) for s in (-1, 1)] + [
        rod(material, (-x, y, 0), (x, y, 0), bar)
    ]
