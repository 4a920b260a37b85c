"""Cars, vans and bicycles; their fronts towards +z."""

import numpy as np

from train.synthetic import materials, textures
from train.synthetic.materials import pooled
from train.synthetic.parts import ball, box, mesh, ring, rod
from train.synthetic.scene import Material, Object
from train.synthetic.surfaces import prism, tube

SIDEWAYS = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])  # an outline's x runs along z
ROLLING = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # a torus stands as a wheel along z


def car(rng: np.random.Generator) -> list[Object]:
    length, width, height = float(rng.uniform(3.6, 4.8)), float(rng.uniform(1.65, 1.85)), float(rng.uniform(1.38, 1.7))
    front, rear = float(rng.uniform(0.2, 0.32)), float(rng.uniform(0.02, 0.25))
    body = [[-0.5, 0.16], [0.5, 0.16], [0.5, 0.5], [0.47, 0.58], [0.5 - front, 0.64], [-0.5, 0.64]]
    glass = [[-0.5 + rear, 0.6], [0.5 - front, 0.62], [0.3 - front * 0.7, 0.97], [-0.42 + rear, 0.97]]
    return _vehicle(rng, length, width, height, np.array(body), np.array(glass))


def van(rng: np.random.Generator) -> list[Object]:
    """Also a small truck or a bus."""
    length, width, height = float(rng.uniform(4.8, 9)), float(rng.uniform(1.9, 2.4)), float(rng.uniform(2.0, 3.2))
    body = [[-0.5, 0.12], [0.5, 0.12], [0.5, 0.45], [0.45, 0.98], [-0.5, 1.0]]
    glass = [[0.2, 0.5], [0.485, 0.5], [0.45, 0.85], [0.2, 0.85]]
    return _vehicle(rng, length, width, height, np.array(body), np.array(glass))


def bicycle(rng: np.random.Generator) -> list[Object]:
    """Wheels with spokes, a frame of tubes, handlebars, a saddle; it leans on nothing."""
    paint, black, metal = pooled(rng, materials.metal), pooled(rng, materials.rubber), pooled(rng, materials.metal)
    r = float(rng.uniform(0.27, 0.35))
    back, front, crank = (0, r, -0.5), (0, r, 0.52), (0, r * 0.85, -0.08)
    saddle, head = (0, 0.82, -0.2), (0, 0.78, 0.36)
    parts: list[Object] = []
    for hub in (back, front):
        parts += [ring(black, r - 0.018, 0.018, hub, ROLLING), rod(metal, (-0.05, r, hub[2]), (0.05, r, hub[2]), 0.015)]
        for a in np.pi * np.arange(7) / 7:
            y, z = (r - 0.03) * np.sin(a), (r - 0.03) * np.cos(a)
            parts.append(rod(metal, (0, r - y, hub[2] - z), (0, r + y, hub[2] + z), 0.0015))
    for a, b in ((back, crank), (back, saddle), (crank, saddle), (crank, head), (saddle, head), (head, front)):
        parts.append(rod(paint, a, b, 0.016))
    parts += [rod(paint, head, (0, 0.95, 0.33), 0.013), rod(metal, (-0.28, 0.97, 0.28), (0.28, 0.97, 0.28), 0.012)]
    parts.append(ball(black, 0.09, (0, 0.87, -0.22), (0.8, 0.4, 1.5)))
    parts += [
        ring(metal, 0.09, 0.006, crank, ROLLING),
        rod(metal, (-0.12, crank[1], -0.2), (0.12, crank[1], 0.04), 0.01),
    ]
    return parts + ([_basket(metal)] if rng.uniform() < 0.3 else [])


def _vehicle(
    rng: np.random.Generator, length: float, width: float, height: float, body: np.ndarray, glass: np.ndarray
) -> list[Object]:
    paint, dark, tyre = _car_paint(rng), pooled(rng, materials.glazed), pooled(rng, materials.rubber)
    scale = np.array([length, height])
    parts = [
        mesh(paint, prism(body * scale, width), turn=SIDEWAYS),
        mesh(dark, prism(glass * scale, width * 0.9), turn=SIDEWAYS),
    ]
    roof = glass[2:] * scale
    middle, long = roof[:, 0].mean(), np.ptp(roof[:, 0])
    parts.append(box(paint, (width * 0.86, 0.04, long), (0, roof[0, 1], middle)))
    radius = float(rng.uniform(0.29, 0.36))
    for x in (-1, 1):
        for z in (-0.3, 0.31):
            inner, outer = x * (width / 2 - 0.2), x * (width / 2 + 0.01)
            parts.append(rod(tyre, (inner, radius, z * length), (outer, radius, z * length), radius))
            parts.append(
                rod(
                    pooled(rng, materials.metal),
                    (inner, radius, z * length),
                    (outer + x * 0.01, radius, z * length),
                    radius * 0.6,
                )
            )
        lamp = materials.shining(rng, 0.8)
        parts.append(box(lamp, (0.3, 0.14, 0.03), (x * (width / 2 - 0.22), height * 0.42, length / 2)))
        parts.append(ball(paint, 0.1, (x * (width / 2 + 0.06), height * 0.62, length * 0.2), (1.0, 0.7, 0.6)))
    plate = materials.painted(rng, np.array([0.9, 0.9, 0.85]))
    parts += [box(plate, (0.5, 0.11, 0.02), (0, height * 0.3, s * (length / 2 + 0.005))) for s in (-1, 1)]
    return parts


def _car_paint(rng: np.random.Generator) -> Material:
    grey = rng.uniform() < 0.6
    colour = np.full(3, rng.uniform(0.03, 0.95)) if grey else textures.saturated(rng) * 0.8
    return Material(textures.plain(rng, colour), gloss=float(rng.uniform(0.05, 0.15)), roughness=0.05)


def _basket(metal: Material) -> Object:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * [0.17, 0.12]
    line = np.concatenate([np.column_stack([corners[:, 0], np.full(5, y), corners[:, 1]]) for y in (0.72, 0.82, 0.92)])
    return mesh(metal, tube(line, 0.003, 4), (0, 0, 0.55))
