"""Small things that stand or lie on tables, shelves and floors."""

import numpy as np

from train.synthetic import materials, pictures
from train.synthetic.materials import pooled, printed
from train.synthetic.parts import ball, box, mesh, picture, pitched, ring, rod, shifted, yawed
from train.synthetic.scene import Object
from train.synthetic.surfaces import leaves, tube, turned_body


def books_upright(rng: np.random.Generator, depth: float = 0.25, height: float = 0.3) -> list[Object]:
    """Some books side by side; the last may lean."""
    parts: list[Object] = []
    x = 0.0
    for _ in range(int(rng.integers(2, 9))):
        thick = float(rng.uniform(0.012, 0.045))
        size = (thick, min(height * 0.95, rng.uniform(0.16, 0.29)), min(depth * 0.9, rng.uniform(0.12, 0.22)))
        cover = pooled(rng, materials.lacquer)
        parts.append(box(cover, size, (x + thick / 2, size[1] / 2, 0)))
        if rng.uniform() < 0.4:
            label = printed(rng, pictures.spines)
            parts.append(picture(label, thick * 0.8, size[1] * 0.6, (x + thick / 2, size[1] / 2, size[2] / 2 + 0.001)))
        x += thick + 0.001
    return parts


def book_pile(rng: np.random.Generator) -> list[Object]:
    """Books or papers lying on each other, each turned a little."""
    parts: list[Object] = []
    y = 0.0
    for _ in range(int(rng.integers(1, 6))):
        size = np.array([rng.uniform(0.13, 0.24), rng.uniform(0.008, 0.04), rng.uniform(0.18, 0.3)])
        turn = yawed(rng.normal(0, 0.2))
        parts.append(box(pooled(rng, materials.lacquer), tuple(size), (0, y + size[1] / 2, 0), turn))
        y += size[1]
    cover = printed(rng, pictures.poster if rng.uniform() < 0.5 else pictures.page)
    parts.append(picture(cover, size[0], size[2], (0, y + 0.001, 0), turn @ pitched(-np.pi / 2)))
    return parts


def open_book(rng: np.random.Generator) -> list[Object]:
    width, depth = float(rng.uniform(0.12, 0.2)), float(rng.uniform(0.18, 0.28))
    parts = [box(pooled(rng, materials.lacquer), (2 * width, 0.004, depth), (0, 0.002, 0))]
    for s in (-1, 1):
        turn = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # +z up
        lift = s * rng.uniform(0.0, 0.12)
        c, sn = np.cos(lift), np.sin(lift)
        tilt = np.array([[c, -sn, 0.0], [sn, c, 0.0], [0.0, 0.0, 1.0]])
        parts.append(
            picture(
                printed(rng, pictures.page), width, depth, (s * width / 2, 0.008 + width / 2 * abs(sn), 0), tilt @ turn
            )
        )
    return parts


def vase(rng: np.random.Generator) -> list[Object]:
    """A turned body; in half of the cases with some stalks."""
    height, radius = float(rng.uniform(0.1, 0.35)), float(rng.uniform(0.03, 0.1))
    t = np.linspace(0, 1, 9)
    waist = 1 + rng.uniform(-0.5, 0.5) * np.sin(np.pi * t) + rng.uniform(-0.4, 0.2) * np.sin(2 * np.pi * t)
    profile = np.column_stack([radius * np.clip(waist, 0.3, 2) * np.where(t == 0, 0.8, 1), height * t])
    profile = np.vstack([[0.0, 0.0], profile, [profile[-1, 0] * 0.85, height], [profile[-1, 0] * 0.6, height * 0.6]])
    parts = [mesh(pooled(rng, materials.ceramic), turned_body(profile))]
    return parts + (shifted(_bouquet(rng), (0, height * 0.9, 0)) if rng.uniform() < 0.5 else [])


def bottle(rng: np.random.Generator) -> list[Object]:
    height, radius = float(rng.uniform(0.18, 0.33)), float(rng.uniform(0.025, 0.045))
    shoulder, neck = float(rng.uniform(0.5, 0.75)), radius * rng.uniform(0.25, 0.5)
    outline = [[0, 0], [1, 0], [1, shoulder], [neck / radius, shoulder + 0.15], [neck / radius, 1], [0, 1]]
    profile = np.array(outline) * [radius, height]
    label = printed(rng, pictures.poster)
    parts = [mesh(pooled(rng, materials.plastic), turned_body(profile, 12))]
    band = rod(label, (0, height * 0.15, 0), (0, height * shoulder * 0.8, 0), radius * 1.02)
    return [*parts, band] if rng.uniform() < 0.6 else parts


def mug(rng: np.random.Generator) -> list[Object]:
    glaze, radius, height = (
        pooled(rng, materials.ceramic),
        float(rng.uniform(0.03, 0.045)),
        float(rng.uniform(0.07, 0.12)),
    )
    outline = [[0, 0], [0.9, 0], [1, 0.1], [1, 1], [0.9, 1], [0.85, 0.15], [0, 0.12]]
    handle = ring(glaze, height * 0.28, 0.006, (radius + height * 0.15, height / 2, 0), pitched(np.pi / 2))
    return [mesh(glaze, turned_body(np.array(outline) * [radius, height], 14)), handle]


def bowl(rng: np.random.Generator) -> list[Object]:
    """Perhaps with fruit."""
    radius, height = float(rng.uniform(0.06, 0.16)), float(rng.uniform(0.04, 0.1))
    outline = [[0, 0], [0.5, 0], [0.8, 0.4], [1, 1], [0.95, 1], [0.75, 0.5], [0, 0.1]]
    parts = [mesh(pooled(rng, materials.ceramic), turned_body(np.array(outline) * [radius, height]))]
    if rng.uniform() < 0.5:
        fruit = pooled(rng, materials.lacquer)
        for a in np.arange(int(rng.integers(2, 6))):
            x, z = radius * 0.45 * np.sin(1.7 * a), radius * 0.45 * np.cos(1.7 * a)
            parts.append(ball(fruit, radius * rng.uniform(0.25, 0.38), (x, height * 0.75, z)))
    return parts


def carton(rng: np.random.Generator) -> list[Object]:
    """A box or packet, plain or printed on its front."""
    size = rng.uniform([0.05, 0.04, 0.05], [0.3, 0.25, 0.25])
    material = pooled(rng, materials.cardboard) if rng.uniform() < 0.4 else pooled(rng, materials.lacquer)
    parts = [box(material, tuple(size), (0, size[1] / 2, 0))]
    if rng.uniform() < 0.5:
        label = printed(rng, pictures.poster)
        parts.append(picture(label, size[0] * 0.9, size[1] * 0.9, (0, size[1] / 2, size[2] / 2 + 0.001)))
    return parts


def photo_frame(rng: np.random.Generator) -> list[Object]:
    width, height = rng.uniform(0.1, 0.25, 2)
    lean = pitched(-0.2)
    parts = [box(pooled(rng, materials.wood), (width, height, 0.012), (0, height / 2, 0))]
    parts.append(picture(printed(rng, pictures.photo), width * 0.8, height * 0.8, (0, height / 2, 0.007)))
    strut = rod(pooled(rng, materials.metal), (0, 0, -height * 0.35), (0, height * 0.7, -0.15 * height), 0.003)
    return [*shifted(parts, (0, 0, 0), lean), strut]


def clock(rng: np.random.Generator) -> list[Object]:
    radius = float(rng.uniform(0.04, 0.08))
    body = rod(pooled(rng, materials.plastic), (0, radius, -0.02), (0, radius, 0.02), radius)
    face = picture(printed(rng, pictures.page), radius * 1.2, radius * 1.2, (0, radius, 0.021))
    return [body, face, ring(pooled(rng, materials.metal), radius, 0.005, (0, radius, 0.02), pitched(np.pi / 2))]


def figurine(rng: np.random.Generator) -> list[Object]:
    """A toy or sculpture: balls, rods and rings stacked."""
    parts: list[Object] = []
    y = 0.0
    for _ in range(int(rng.integers(2, 5))):
        radius, material = float(rng.uniform(0.015, 0.05)), pooled(rng, materials.plastic)
        kind = int(rng.integers(3))
        if kind == 0:
            parts.append(ball(material, radius, (0, y + radius, 0)))
        elif kind == 1:
            parts.append(rod(material, (0, y, 0), (0, y + 2 * radius, 0), radius * 0.6))
        else:
            parts.append(ring(material, radius, radius * 0.3, (0, y + radius * 1.3, 0), pitched(np.pi / 2)))
        y += 1.9 * radius
    return parts


def pencils(rng: np.random.Generator) -> list[Object]:
    """A cup of pens and brushes."""
    parts = [rod(pooled(rng, materials.plastic), (0, 0, 0), (0, 0.09, 0), 0.038)]
    for _ in range(int(rng.integers(3, 9))):
        a, lean = rng.uniform(0, 2 * np.pi), rng.uniform(0.01, 0.06)
        x, z = 0.02 * np.sin(a), 0.02 * np.cos(a)
        top = (x + lean * np.sin(a), rng.uniform(0.13, 0.19), z + lean * np.cos(a))
        parts.append(rod(pooled(rng, materials.lacquer), (x, 0.05, z), top, 0.004))
    return parts


def potted(rng: np.random.Generator) -> list[Object]:
    """A small plant in a pot."""
    radius = float(rng.uniform(0.04, 0.08))
    parts = [
        mesh(
            pooled(rng, materials.ceramic),
            turned_body(np.array([[0, 0], [0.7, 0], [1, 1.6], [0.85, 1.6], [0, 1.4]]) * radius),
        )
    ]
    return parts + shifted(_bouquet(rng), (0, radius * 1.4, 0))


def cable(rng: np.random.Generator) -> list[Object]:
    """A cord that lies in bends on the ground, thin as those of chargers and lamps."""
    radius = float(rng.uniform(0.002, 0.006))
    turns = np.cumsum(rng.normal(0, 0.45, 24))
    steps = 0.035 * np.stack([np.cos(turns), np.zeros(24), np.sin(turns)], axis=1)
    points = np.cumsum(steps, axis=0) + np.array([0, radius, 0])
    return [mesh(pooled(rng, materials.plastic), tube(points, radius, 5))]


def _bouquet(rng: np.random.Generator) -> list[Object]:
    count = int(rng.integers(8, 30))
    away = rng.normal(size=(count, 3)) * [1, 0.5, 1] + [0, 0.8, 0]
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    stems = away * rng.uniform(0.0, 0.12, (count, 1))
    length = float(rng.uniform(0.06, 0.16))
    parts = [mesh(pooled(rng, materials.leaf), leaves(rng, stems, away, length, length * rng.uniform(0.1, 0.6)))]
    stalk = pooled(rng, materials.leaf)
    parts += [rod(stalk, (0, -0.02, 0), tuple(tip), 0.002) for tip in stems[:5]]
    if rng.uniform() < 0.4:
        petals = pooled(rng, materials.lacquer)
        parts += [ball(petals, 0.018, tuple(stem + 0.08 * out)) for stem, out in zip(stems[:4], away[:4], strict=True)]
    return parts


SMALL = (
    book_pile,
    open_book,
    vase,
    bottle,
    bottle,
    mug,
    mug,
    bowl,
    carton,
    carton,
    photo_frame,
    clock,
    figurine,
    pencils,
    potted,
)
