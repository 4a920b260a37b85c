"""Chairs, stools, armchairs, sofas."""

import numpy as np

from train.synthetic import materials
from train.synthetic.parts import box, mesh, pitched, ring, rod, shifted
from train.synthetic.pieces.legs import column, legs
from train.synthetic.scene import Material, Object
from train.synthetic.surfaces import cushion, tube


def chair(rng: np.random.Generator) -> list[Object]:
    """Four legs or a star, a seat, and a back of slats, bars, a board or a cushion."""
    frame, seat_material = _frame_and_seat(rng)
    width, depth = rng.uniform(0.38, 0.5, 2)
    height = float(rng.uniform(0.42, 0.48))
    thick = float(rng.uniform(0.015, 0.06))
    parts = legs(rng, frame, width, depth, height - thick)
    parts.append(_seat(rng, seat_material, width, thick, depth, height))
    parts += shifted(
        _back(rng, frame, seat_material, width), (0, height, -depth / 2 + 0.02), pitched(-rng.uniform(0, 0.25))
    )
    return parts + (_arms(frame, width, depth, height) if rng.uniform() < 0.2 else [])


def office_chair(rng: np.random.Generator) -> list[Object]:
    frame, cloth = materials.plastic(rng), materials.fabric(rng)
    height = float(rng.uniform(0.44, 0.55))
    parts = column(rng, frame, 0.33, height - 0.06)
    parts.append(mesh(cloth, cushion(np.array([0.5, 0.09, 0.48])), (0, height - 0.04, 0)))
    parts.append(mesh(cloth, cushion(np.array([0.46, rng.uniform(0.4, 0.65), 0.09])), (0, height + 0.36, -0.24)))
    parts.append(rod(frame, (0, height - 0.05, -0.2), (0, height + 0.3, -0.3), 0.02))
    return parts + _arms(frame, 0.52, 0.4, height)


def stool(rng: np.random.Generator) -> list[Object]:
    """A round or square seat, low or for a bar."""
    frame, seat_material = _frame_and_seat(rng)
    height = float(rng.choice([rng.uniform(0.4, 0.5), rng.uniform(0.6, 0.8)]))
    width = float(rng.uniform(0.28, 0.4))
    parts = legs(rng, frame, width, width, height - 0.03)
    if rng.uniform() < 0.5:
        parts.append(rod(seat_material, (0, height - 0.03, 0), (0, height, 0), width / 2))
    else:
        parts.append(box(seat_material, (width, 0.03, width), (0, height - 0.015, 0)))
    if height > 0.55:
        parts.append(ring(frame, width * 0.42, 0.008, (0, height * 0.35, 0)))
    return parts


def sofa(rng: np.random.Generator) -> list[Object]:
    return _upholstered(rng, seats=int(rng.integers(2, 5)))


def armchair(rng: np.random.Generator) -> list[Object]:
    return _upholstered(rng, seats=1)


def bench(rng: np.random.Generator) -> list[Object]:
    """Slats on two frames, with or without a back."""
    board, frame = materials.wood(rng), materials.metal(rng)
    width, slats = float(rng.uniform(1.0, 1.8)), int(rng.integers(3, 6))
    pitch = 0.42 / slats
    parts = [box(board, (width, 0.03, pitch * 0.75), (0, 0.44, (i + 0.5) * pitch - 0.21)) for i in range(slats)]
    for s in (-1, 1):
        x = s * width * 0.4
        parts += [rod(frame, (x, 0, -0.2), (x, 0.43, -0.2), 0.02), rod(frame, (x, 0, 0.2), (x, 0.43, 0.2), 0.02)]
        parts.append(rod(frame, (x, 0.42, -0.2), (x, 0.42, 0.2), 0.02))
    if rng.uniform() < 0.6:
        parts += [box(board, (width, 0.08, 0.025), (0, y, -0.25)) for y in (0.58, 0.7, 0.82)]
        parts += [rod(frame, (s * width * 0.4, 0.42, -0.22), (s * width * 0.4, 0.88, -0.27), 0.018) for s in (-1, 1)]
    return parts


def _frame_and_seat(rng: np.random.Generator) -> tuple[Material, Material]:
    frame = materials.metal(rng) if rng.uniform() < 0.4 else materials.wood(rng)
    return frame, (materials.fabric(rng), materials.plastic(rng), frame)[int(rng.integers(3))]


def _seat(
    rng: np.random.Generator, material: Material, width: float, thick: float, depth: float, height: float
) -> Object:
    if rng.uniform() < 0.4:
        thick = max(thick, 0.05)
        return mesh(material, cushion(np.array([width, thick, depth])), (0, height - thick / 2, 0))
    return box(material, (width, thick, depth), (0, height - thick / 2, 0))


def _back(rng: np.random.Generator, frame: Material, seat: Material, width: float) -> list[Object]:
    """A back that stands on y = 0 in the plane z = 0."""
    height, x = float(rng.uniform(0.32, 0.55)), width / 2 - 0.02
    kind = rng.choice(["slats", "bars", "board", "cushion", "hoop"])
    posts = [rod(frame, (s * x, 0, 0), (s * x, height, 0), 0.014) for s in (-1, 1)]
    if kind == "slats":
        count = int(rng.integers(2, 5))
        step = height / (count + 0.5)
        return posts + [box(frame, (2 * x, step * 0.4, 0.015), (0, (i + 1) * step, 0)) for i in range(count)]
    if kind == "bars":
        count = int(rng.integers(3, 8))
        bars = [rod(frame, (a, 0.03, 0), (a, height, 0), 0.007) for a in np.linspace(-x, x, count + 2)[1:-1]]
        return [*posts, *bars, box(frame, (2 * x, 0.05, 0.02), (0, height, 0))]
    if kind == "board":
        return [*posts, box(seat, (width, height * 0.55, 0.02), (0, height * 0.7, 0))]
    if kind == "cushion":
        return [*posts, mesh(seat, cushion(np.array([width, height * 0.8, 0.07])), (0, height * 0.58, 0.01))]
    bow = np.linspace(0, np.pi, 12)
    points = np.column_stack([x * np.cos(bow), height * np.sin(bow), np.zeros(12)])
    return [
        mesh(frame, tube(points, 0.012)),
        *(rod(frame, (a, 0, 0), (a, height * 0.85, 0), 0.006) for a in (-0.06, 0.06)),
    ]


def _arms(frame: Material, width: float, depth: float, height: float) -> list[Object]:
    parts = []
    for s in (-1, 1):
        x, y = s * (width / 2 - 0.01), height + 0.2
        parts += [rod(frame, (x, y, -depth / 2), (x, y, depth * 0.35), 0.015)]
        parts += [rod(frame, (x, height - 0.03, depth * 0.3), (x, y, depth * 0.3), 0.012)]
    return parts


def _upholstered(rng: np.random.Generator, seats: int) -> list[Object]:
    """A body with arms and a back, seat and back cushions, feet, and perhaps some loose cushions."""
    cloth = materials.leather(rng) if rng.uniform() < 0.25 else materials.fabric(rng)
    one, depth = float(rng.uniform(0.55, 0.8)), float(rng.uniform(0.75, 1.0))
    arm, foot = float(rng.uniform(0.08, 0.22)), float(rng.uniform(0.03, 0.16))
    seat, back = float(rng.uniform(0.38, 0.46)), float(rng.uniform(0.68, 0.95))
    width = seats * one
    parts = legs(rng, materials.wood(rng), width + arm, depth * 0.9, foot)
    parts.append(box(cloth, (width + 2 * arm, seat - 0.14 - foot, depth), (0, (seat - 0.14 + foot) / 2, 0)))
    parts.append(box(cloth, (width + 2 * arm, back - foot, 0.16), (0, (back + foot) / 2, -depth / 2 + 0.08)))
    for s in (-1, 1):
        x, top = s * (width + arm) / 2, seat + rng.uniform(0.1, 0.2)
        parts.append(box(cloth, (arm, top - foot, depth), (x, (top + foot) / 2, 0)))
    for i in range(seats):
        x = (i - (seats - 1) / 2) * one
        parts.append(mesh(cloth, cushion(np.array([one, 0.16, depth - 0.17]), 0.25), (x, seat - 0.07, 0.08)))
        upright = cushion(np.array([one * 0.97, back - seat + 0.02, 0.16]), 0.3)
        parts.append(mesh(cloth, upright, (x, (back + seat) / 2, -depth / 2 + 0.22), pitched(-0.15)))
    for _ in range(int(rng.integers(0, seats + 1))):
        loose = cushion(np.array([0.42, 0.42, 0.14]), 0.6)
        place = (rng.uniform(-0.4, 0.4) * width, seat + 0.2, -depth / 2 + 0.38)
        parts.append(mesh(materials.fabric(rng), loose, place, pitched(-rng.uniform(0.2, 0.6))))
    return parts
