"""Light of rooms and streets: lamps, sun and sky by day, evening and night."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from train.synthetic.extent import extent
from train.synthetic.scene import Lamp, Object, Sky, Sun

MOST = 6  # lamps of a room; every one costs a shadow ray a pixel
BIGGEST = 0.12  # metres, radius of a lamp's ball


def lamps_of(
    rng: np.random.Generator, glowing: Sequence[Sequence[Object]], area: float, brightness: float
) -> tuple[Lamp, ...]:
    """One lamp in the middle of each glowing piece, together enough for a floor of ``area`` square metres."""
    chosen = glowing[:MOST]
    warmth = rng.uniform(0.0, 1.0)
    lamps = []
    for objects in chosen:
        low, high = extent([thing for thing in objects if thing.material.emission > 0])
        share = brightness * area / (8 * len(chosen)) * rng.uniform(0.5, 1.5)
        warm = np.clip(warmth + rng.normal(0, 0.15), 0, 1)
        colour = np.array([1.0, 1 - 0.3 * warm, 1 - 0.6 * warm])
        radius = float(np.clip((high - low).min() / 3, 0.015, BIGGEST))
        lamps.append(Lamp((low + high) / 2, radius, share * 3.0 * colour))
    return tuple(lamps)


def switched_off(objects: Sequence[Object]) -> list[Object]:
    """The same things, none of them glowing."""
    return [replace(thing, material=replace(thing.material, emission=0.0)) for thing in objects]


def glows(objects: Sequence[Object]) -> bool:
    return any(thing.material.emission > 0 for thing in objects)


def sky_and_sun(rng: np.random.Generator, day: bool) -> tuple[Sky, Sun | None]:
    """Clear with a sun, overcast, or night."""
    if not day:
        night = rng.uniform(0.002, 0.02) * np.array([0.7, 0.8, 1.0])
        return Sky(night, night * rng.uniform(1, 3)), None
    level = float(rng.uniform(0.6, 2.5))
    if rng.uniform() < 0.4:
        grey = level * np.array([0.95, 1.0, 1.05])
        return Sky(grey, grey * rng.uniform(0.7, 1.1)), None
    height = np.radians(rng.uniform(8, 65))
    warmth = 1 - np.sin(height)
    sky = Sky(level * np.array([0.35, 0.6, 1.0]), level * np.array([1.0, 0.95, 0.9 + 0.2 * (1 - warmth)]))
    colour = np.array([1.0, 1 - 0.25 * warmth, 1 - 0.55 * warmth])
    return sky, Sun(direction(float(rng.uniform(-np.pi, np.pi)), float(height)), level * rng.uniform(2, 6) * colour)


def direction(azimuth: float, height: float) -> Float[np.ndarray, " 3"]:
    """Unit vector at these angles about y and above the horizon."""
    level = np.cos(height)
    return np.array([level * np.sin(azimuth), np.sin(height), level * np.cos(azimuth)])
