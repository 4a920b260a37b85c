"""Lamps; what glows has emission, and the room puts its light there."""

import numpy as np

from train.synthetic import materials
from train.synthetic.parts import ball, box, mesh, ring, rod
from train.synthetic.scene import Object
from train.synthetic.surfaces import tube, turned_body

GLOW = 6.0  # of a shade, in multiples of its albedo


def floor_lamp(rng: np.random.Generator) -> list[Object]:
    height = float(rng.uniform(1.3, 1.8))
    metal = materials.metal(rng)
    parts = [rod(metal, (0, 0, 0), (0, 0.025, 0), float(rng.uniform(0.1, 0.16)))]
    if rng.uniform() < 0.3:  # an arc
        bow = np.linspace(0, 2.4, 14)
        points = np.column_stack(
            [0.45 * (1 - np.cos(bow)), height * np.sin(bow / 2.4 * 2.0) / np.sin(2.0) * 0.9, 0 * bow]
        )
        points[:, 1] = np.maximum(points[:, 1], 0)
        return [*parts, mesh(metal, tube(points, 0.012)), _bulb(rng, 0.12, tuple(points[-1]))]
    return [*parts, rod(metal, (0, 0, 0), (0, height - 0.1, 0), 0.011), *_shade(rng, height - 0.3, height)]


def table_lamp(rng: np.random.Generator) -> list[Object]:
    height = float(rng.uniform(0.3, 0.55))
    body = materials.ceramic(rng)
    if rng.uniform() < 0.5:
        foot = [
            ball(body, height * 0.2, (0, height * 0.2, 0)),
            rod(body, (0, 0.2 * height, 0), (0, height * 0.7, 0), 0.012),
        ]
        return foot + _shade(rng, height * 0.55, height, scale=0.6)
    elbow = (float(rng.uniform(-0.12, 0.0)), height * 0.6, 0.0)
    head = (float(rng.uniform(0.05, 0.15)), height, 0.05)
    arms = [rod(body, (0, 0.02, 0), elbow, 0.008), rod(body, elbow, head, 0.007)]
    return [rod(body, (0, 0, 0), (0, 0.02, 0), 0.08), *arms, _bulb(rng, 0.05, head)]


def ceiling_lamp(rng: np.random.Generator) -> list[Object]:
    """What hangs down from its top: a globe or shade on a cord, a disc, a tube, a ring."""
    kind, metal = rng.choice(["globe", "shade", "disc", "tube", "ring"]), materials.metal(rng)
    drop = float(rng.uniform(0.3, 0.8))
    if kind == "disc":
        return [rod(materials.shining(rng, GLOW), (0, 0, 0), (0, 0.09, 0), float(rng.uniform(0.12, 0.25)))]
    if kind == "tube":
        length = float(rng.uniform(0.6, 1.4))
        return [
            box(metal, (length, 0.04, 0.1), (0, 0.07, 0)),
            rod(materials.shining(rng, GLOW), (-length / 2, 0.03, 0), (length / 2, 0.03, 0), 0.02),
        ]
    cord = rod(metal, (0, 0.05, 0), (0, drop + 0.1, 0), 0.004)
    if kind == "globe":
        return [cord, _bulb(rng, float(rng.uniform(0.08, 0.2)), (0, 0, 0))]
    if kind == "ring":
        major = float(rng.uniform(0.2, 0.4))
        cords = [rod(metal, (major * np.sin(a), 0, major * np.cos(a)), (0, drop, 0), 0.002) for a in (0, 2.1, 4.2)]
        return [ring(materials.shining(rng, GLOW), major, 0.015, (0, 0, 0)), *cords]
    return [cord, *_shade(rng, -0.2, 0.1)]


def _shade(rng: np.random.Generator, low: float, high: float, scale: float = 1.0) -> list[Object]:
    """A lit cone of cloth, open below and above."""
    wide, narrow = scale * rng.uniform(0.14, 0.26), scale * rng.uniform(0.06, 0.14)
    profile = np.array([[wide, low], [narrow, high]])
    return [mesh(materials.shining(rng, GLOW / 3), turned_body(profile, 20))]


def _bulb(rng: np.random.Generator, radius: float, centre: tuple) -> Object:
    return ball(materials.shining(rng, GLOW), radius, centre)
