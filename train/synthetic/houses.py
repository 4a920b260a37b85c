"""Houses as seen from the street: fronts with windows, doors, balconies and shop signs, under several roofs."""

import numpy as np

from train.synthetic import materials, pictures, textures
from train.synthetic.materials import Draw, pooled, printed
from train.synthetic.parts import mesh, picture, slab
from train.synthetic.scene import Material, Object
from train.synthetic.surfaces import blocks, prism

STOREY = (2.7, 3.6)  # metres
ROOF_TURN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # the ridge runs along x


def house(rng: np.random.Generator, width: float, depth: float) -> list[Object]:
    """Its front in the plane z = 0, facing +z, from x = -width / 2; one to seven storeys."""
    storey, count = float(rng.uniform(*STOREY)), int(rng.choice([1, 2, 2, 3, 3, 4, 5, 7]))
    height = storey * count
    wall, trim = pooled(rng, FRONTS[int(rng.integers(len(FRONTS)))]), pooled(rng, materials.lacquer)
    parts = [slab(wall, (-width / 2, 0, -depth), (width / 2, height, 0))]
    parts += _windows(rng, width, storey, count, trim)
    parts += _roof(rng, width, depth, height)
    if rng.uniform() < 0.5:
        base = pooled(rng, materials.concrete)
        parts.append(slab(base, (-width / 2, 0, 0), (width / 2, float(rng.uniform(0.3, 1.0)), 0.03)))
    door = float(rng.uniform(-width / 2 + 0.2, width / 2 - 1.3))
    parts.append(slab(pooled(rng, materials.wood), (door, 0, 0), (door + 1.0, 2.1, 0.06)))
    if rng.uniform() < 0.5:
        stone = pooled(rng, materials.concrete)
        for out, top in ((0.3, 0.3), (0.6, 0.15)):
            parts.append(slab(stone, (door - 0.2, 0.0, 0), (door + 1.2, top, out)))
    if rng.uniform() < 0.3:
        sign = picture(printed(rng, pictures.poster), min(3.0, width * 0.5), 0.6, (0, storey - 0.3, 0.12))
        parts += [sign, slab(trim, (-width * 0.3, storey - 0.65, 0), (width * 0.3, storey + 0.05, 0.1))]
    return parts


def _plaster(rng: np.random.Generator) -> Material:
    colour = textures.pale(rng) if rng.uniform() < 0.5 else textures.muted(rng)
    return materials.painted(rng, colour * 0.9)


FRONTS: tuple[Draw, ...] = (
    materials.brick,
    materials.brick,
    _plaster,
    _plaster,
    _plaster,
    materials.concrete,
    materials.planks,
)


def _windows(rng: np.random.Generator, width: float, storey: float, count: int, trim: Material) -> list[Object]:
    """Rows of equal windows with frames and sills, and balconies before some of them."""
    wide, tall = float(rng.uniform(0.8, 1.8)), float(rng.uniform(1.1, 1.8))
    columns = max(1, int((width - 0.6) / (wide + rng.uniform(0.5, 1.6))))
    x = (np.arange(columns) + 0.5) * width / columns - width / 2
    y = np.arange(count) * storey + 0.9
    left, bottom = (each.ravel() for each in np.meshgrid(x - wide / 2, y))
    low = np.column_stack([left, bottom, np.zeros_like(left)])
    glass = blocks(low, low + np.array([wide, tall, 0.015]))
    bar = 0.07
    bars = [(0, 0, wide, bar), (0, tall - bar, wide, tall), (0, 0, bar, tall), (wide - bar, 0, wide, tall)]
    bars.append((wide / 2 - bar / 2, 0, wide / 2 + bar / 2, tall))
    frame_low = np.concatenate([low + np.array([a, b, 0.0]) for a, b, _, _ in bars])
    frame_high = np.concatenate([low + np.array([c, d, 0.05]) for _, _, c, d in bars])
    sill_low, sill_high = low + np.array([-0.08, -0.1, 0.0]), low + np.array([wide + 0.08, 0.0, 0.14])
    lit = rng.uniform() < 0.15
    pane = materials.shining(rng, 0.6) if lit else pooled(rng, materials.glazed)
    parts = [mesh(pane, glass), mesh(trim, blocks(frame_low, frame_high)), mesh(trim, blocks(sill_low, sill_high))]
    upper = low[low[:, 1] > storey]
    if len(upper) and rng.uniform() < 0.35:
        parts += _balconies(rng, upper, wide)
    return parts


def _balconies(rng: np.random.Generator, low: np.ndarray, wide: float) -> list[Object]:
    """Slabs with railings of thin bars."""
    out, pitch = float(rng.uniform(0.8, 1.5)), float(rng.uniform(0.1, 0.2))
    floor_low = low + np.array([-0.3, -0.9, 0.0])
    floors = blocks(floor_low, floor_low + np.array([wide + 0.6, 0.15, out]))
    bars = np.arange(0, wide + 0.58, pitch)
    feet = np.stack([bars, np.full_like(bars, 0.15), np.full_like(bars, out - 0.03)], axis=1)
    bar_low = (floor_low[:, None] + feet).reshape(-1, 3)
    rail_low = floor_low + np.array([0.0, 1.1, out - 0.04])
    lows = np.concatenate([bar_low, rail_low])
    highs = np.concatenate([bar_low + np.array([0.02, 0.98, 0.02]), rail_low + np.array([wide + 0.6, 0.05, 0.05])])
    return [mesh(pooled(rng, materials.concrete), floors), mesh(pooled(rng, materials.metal), blocks(lows, highs))]


def _roof(rng: np.random.Generator, width: float, depth: float, height: float) -> list[Object]:
    tiles = pooled(rng, materials.brick) if rng.uniform() < 0.6 else pooled(rng, materials.asphalt)
    if rng.uniform() < 0.35:
        return [slab(tiles, (-width / 2 - 0.2, height, -depth - 0.2), (width / 2 + 0.2, height + 0.3, 0.2))]
    rise = float(rng.uniform(1.5, 4))
    outline = np.array([[-0.5, height], [depth + 0.5, height], [depth / 2, height + rise]])
    roof = prism(outline, width + 0.2)
    parts = [mesh(tiles, roof, turn=ROOF_TURN)]
    if rng.uniform() < 0.6:
        x, z = float(rng.uniform(-0.4, 0.4) * width), -depth * 0.6
        chimney = (x, height, z), (x + 0.8, height + rise + 0.9, z + 0.7)
        parts.append(slab(pooled(rng, materials.brick), *chimney))
    return parts
