"""What hangs on walls or fills their openings: doors, windows, curtains, blinds, pictures, radiators."""

import numpy as np

from train.synthetic import materials, pictures
from train.synthetic.materials import printed
from train.synthetic.parts import box, mesh, picture, pitched, rod, slab
from train.synthetic.scene import Material, Object
from train.synthetic.surfaces import curtain, tube


def door(rng: np.random.Generator) -> list[Object]:
    """A leaf with a handle on both sides: flat, panelled or glazed."""
    width, height = float(rng.uniform(0.72, 0.92)), float(rng.uniform(1.95, 2.1))
    paint, metal = materials.wood(rng), materials.metal(rng)
    parts = [slab(paint, (-width / 2, 0, -0.02), (width / 2, height, 0.02))]
    kind = rng.choice(["flat", "panels", "glass"])
    for s in (-1, 1):
        if kind == "panels":
            for low, high in ((0.12, 0.4), (0.48, 0.92)):
                parts += _moulding(paint, width * 0.36, low * height, high * height, s * 0.023)
        if kind == "glass":
            parts.append(picture(materials.glazed(rng), width * 0.6, height * 0.5, (0, height * 0.65, s * 0.021)))
        x, z = width / 2 - 0.07, s * 0.06
        parts += [rod(metal, (x, 1.03, 0), (x, 1.03, z), 0.01), rod(metal, (x, 1.03, z), (x - 0.11, 1.03, z), 0.009)]
    return parts


def window(rng: np.random.Generator) -> list[Object]:
    """A frame with bars across an empty opening, and a sill."""
    width, height = float(rng.uniform(0.6, 2.2)), float(rng.uniform(0.7, 1.6))
    paint, bar, deep = materials.enamel(rng), float(rng.uniform(0.04, 0.08)), 0.07
    x = width / 2
    parts = [
        slab(paint, (s * x - bar * (s > 0), 0, -deep / 2), (s * x + bar * (s < 0), height, deep / 2)) for s in (-1, 1)
    ]
    parts += [slab(paint, (-x, y, -deep / 2), (x, y + bar, deep / 2)) for y in (0, height - bar)]
    for i in range(1, int(rng.integers(1, 4))):
        parts.append(box(paint, (bar, height, deep * 0.8), (-x + i * width / 3 + 0.0, height / 2, 0)))
    if rng.uniform() < 0.4:
        parts.append(box(paint, (width, bar * 0.6, deep * 0.6), (0, height * rng.uniform(0.35, 0.7), 0)))
    return parts


def curtains(rng: np.random.Generator) -> list[Object]:
    """Two cloths in folds on a rail, drawn apart more or less."""
    cloth, height, half = materials.fabric(rng), float(rng.uniform(1.3, 2.3)), float(rng.uniform(0.5, 1.2))
    rail = rod(materials.metal(rng), (-half - 0.1, height, 0), (half + 0.1, height, 0), 0.012)
    parts = [rail]
    for s in (-1, 1):
        width = half * rng.uniform(0.3, 1.0)
        wave = curtain(width, height - 0.02, float(rng.uniform(0.015, 0.04)), width * 9, max(12, int(width * 60)))
        parts.append(mesh(cloth, wave, (s * (half - width / 2), height / 2 - 0.01, 0)))
    return parts


def blinds(rng: np.random.Generator) -> list[Object]:
    """Slats, tilted alike, with two cords."""
    slat, width, height = materials.plastic(rng), float(rng.uniform(0.6, 1.8)), float(rng.uniform(0.5, 1.5))
    tilt, pitch = pitched(rng.uniform(-0.9, 0.9)), float(rng.uniform(0.035, 0.06))
    rows = np.arange(0.0, height, pitch)
    parts = [box(slat, (width, 0.002, pitch * 0.8), (0, y, 0), tilt) for y in rows]
    parts += [rod(slat, (s * width * 0.4, 0, 0), (s * width * 0.4, height, 0), 0.002) for s in (-1, 1)]
    return [*parts, box(slat, (width, 0.04, 0.05), (0, height + 0.02, 0))]


def wall_picture(rng: np.random.Generator) -> list[Object]:
    """A poster, a framed picture or a mirror; its back at the back."""
    width, height = rng.uniform(0.2, 1.3, 2)
    kind = rng.choice(["poster", "framed", "mirror"], p=[0.3, 0.6, 0.1])
    shown = (
        materials.mirror(rng)
        if kind == "mirror"
        else printed(rng, (pictures.poster, pictures.photo, pictures.page)[int(rng.choice(3, p=[0.45, 0.4, 0.15]))])
    )
    if kind == "poster":
        return [
            picture(shown, width, height, (0, height / 2, 0.003)),
            box(materials.lacquer(rng), (width, 0.004, 0.003), (0, 0.002, 0.0015)),
        ]
    bar, deep = float(rng.uniform(0.01, 0.06)), float(rng.uniform(0.012, 0.04))
    frame = materials.wood(rng)
    x, edge = width / 2, bar / 2
    parts = [picture(shown, width, height, (0, height / 2, deep * 0.5))]
    parts += [box(frame, (bar, height + 2 * bar, deep), (s * (x + edge), height / 2, deep / 2)) for s in (-1, 1)]
    return parts + [box(frame, (width, bar, deep), (0, y, deep / 2)) for y in (-edge, height + edge)]


def radiator(rng: np.random.Generator) -> list[Object]:
    """Ribs or a panel with grooves, pipes below; as white as the wall as a rule."""
    paint = materials.enamel(rng)
    width, height, deep = float(rng.uniform(0.5, 1.6)), float(rng.uniform(0.4, 0.7)), float(rng.uniform(0.06, 0.12))
    low = 0.12
    count = int(width / (0.05 if rng.uniform() < 0.5 else 0.1))
    pitch = width / count
    ribs = [
        box(paint, (pitch * 0.7, height, deep), ((i + 0.5) * pitch - width / 2, low + height / 2, 0))
        for i in range(count)
    ]
    back = box(paint, (width, height * 0.9, deep * 0.4), (0, low + height / 2, 0))
    pipes = [rod(paint, (s * (width / 2 - 0.03), 0, 0), (s * (width / 2 - 0.03), low, 0), 0.009) for s in (-1, 1)]
    return [*ribs, back, *pipes]


def socket(rng: np.random.Generator) -> list[Object]:
    """A socket or switch with a cord that hangs from it, at times."""
    parts = [box(materials.lacquer(rng), (0.08, 0.08, 0.012), (0, 0.04, 0.006))]
    if rng.uniform() < 0.5:
        t = np.linspace(0, 1, 12)
        line = np.column_stack([rng.uniform(-0.5, 0.5) * t**2, 0.04 - 0.3 * t, 0.03 + 0.05 * np.sin(3 * t)])
        parts.append(mesh(materials.plastic(rng), tube(line, 0.003, 5)))
    return parts


def _moulding(material: Material, half: float, low: float, high: float, z: float) -> list[Object]:
    middle = (low + high) / 2
    sides = [box(material, (0.025, high - low, 0.01), (s * half, middle, z)) for s in (-1, 1)]
    return sides + [box(material, (2 * half, 0.025, 0.01), (0, y, z)) for y in (low, high)]
