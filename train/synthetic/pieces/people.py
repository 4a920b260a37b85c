"""Figures of people, standing, walking or sitting."""

import numpy as np

from train.synthetic import materials
from train.synthetic.materials import pooled
from train.synthetic.parts import ball, mesh, rod, shifted
from train.synthetic.scene import Material, Object
from train.synthetic.surfaces import cushion


def person(rng: np.random.Generator) -> list[Object]:
    """1.2 to 1.95 m tall, in two colours, arms and legs in mid-step."""
    shirt, trousers, skin = pooled(rng, materials.fabric), pooled(rng, materials.fabric), pooled(rng, materials.skin)
    step, lift = float(rng.uniform(-0.35, 0.35)), float(rng.uniform(-0.5, 1.2))
    parts = [mesh(shirt, cushion(np.array([0.42, 0.62, 0.24]), 0.6), (0, 1.14, 0))]
    parts += [ball(skin, 0.1, (0, 1.62, 0.01), (0.85, 1.15, 1.0)), rod(skin, (0, 1.4, 0), (0, 1.55, 0), 0.05)]
    parts.append(ball(pooled(rng, materials.lacquer), 0.105, (0, 1.66, -0.02), (0.9, 0.95, 0.95)))  # hair
    for s in (-1, 1):
        hip, knee = (s * 0.1, 0.9, 0), (s * 0.11, 0.48, s * step * 0.6)
        foot = (s * 0.11, 0.05, s * step)
        parts += _limb(trousers, hip, knee, foot, 0.08)
        shoe = cushion(np.array([0.1, 0.09, 0.27]), 0.5)
        parts.append(mesh(pooled(rng, materials.leather), shoe, (foot[0], 0.045, foot[2] + 0.06)))
        elbow = (s * 0.28, 1.1, -s * step * 0.4)
        hand = (s * 0.26, 0.87 + 0.2 * max(lift, 0) * (s > 0), -s * step * 0.6 + 0.25 * max(lift, 0) * (s > 0))
        parts += [*_limb(shirt, (s * 0.21, 1.38, 0), elbow, hand, 0.05), ball(skin, 0.045, hand)]
    return shifted(parts, (0, 0, 0), np.eye(3) * rng.uniform(0.72, 1.1))


def _limb(material: Material, start: tuple, middle: tuple, end: tuple, radius: float) -> list[Object]:
    return [
        rod(material, start, middle, radius),
        ball(material, radius, middle),
        rod(material, middle, end, radius * 0.8),
    ]
