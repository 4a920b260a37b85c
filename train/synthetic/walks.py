"""Walks of a hand-held phone through free space, with close looks at things."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from recon.geometry.camera import Camera
from recon.geometry.transforms import rigid
from train.synthetic.scene import View

NEAREST = 0.3  # metres, of any view to any surface
SWAY = 0.012  # metres, the most that a hand moves the camera off its path, along each axis
MARGIN = NEAREST + 2 * SWAY
STEP = (0.04, 0.18)  # metres between neighbouring views
TURN = np.radians(9.0)  # the most between neighbouring views, before the hand's own
TREMBLE = np.radians(1.2)
CANDIDATES = 160  # places drawn at once
CLOSE = (0.4, 1.5)  # metres, of a phone to what it is pointed at
UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True, eq=False)
class Ground:
    """What a walk needs to know of the place it leads through."""

    clearance: Callable[[np.ndarray], np.ndarray]  # points (n, 3) to metres from the nearest surface
    low: Float[np.ndarray, " 3"]  # corners of the box that the eye stays in
    high: Float[np.ndarray, " 3"]
    things: Float[np.ndarray, "n 2 3"]  # corners of the boxes around what is worth a look


def walk(rng: np.random.Generator, ground: Ground, camera: Camera, views: int) -> tuple[View, ...]:
    """Views along straight ways between places, turning smoothly from one thing to the next.

    The phone is held upright or, as often, on its side. Every view is ``NEAREST`` from all surfaces
    if the ground has such places at all.
    """
    eye, look = _start(rng, ground)
    goal, wanted = eye, look
    roll = float(rng.choice([0.0, np.pi / 2, -np.pi / 2], p=[0.6, 0.35, 0.05]))
    sway = np.zeros(6)
    taken: list[View] = []
    for _ in range(views):
        sway = np.clip(0.8 * sway + 0.35 * rng.normal(size=6), -1, 1)
        turn = facing(look + TREMBLE * sway[3:], roll + TREMBLE * float(sway[5]))
        taken.append(View(camera, rigid(turn, eye + SWAY * sway[:3])))
        if np.linalg.norm(goal - eye) < 1e-6 and look @ wanted > np.cos(0.02):
            goal, wanted = _next(rng, ground, eye)
        eye = eye + _shortened(goal - eye, float(rng.uniform(*STEP)))
        look = _turned(look, wanted, TURN * float(rng.uniform(0.3, 1.0)))
    return tuple(taken)


def facing(look: Float[np.ndarray, " 3"], roll: float) -> Float[np.ndarray, "3 3"]:
    """The rotation of a camera that looks along ``look`` (not straight up or down), turned about its axis."""
    z = look / np.linalg.norm(look)
    x = np.cross(z, UP)
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * x + s * y, c * y - s * x, z], axis=1)


def _start(rng: np.random.Generator, ground: Ground) -> tuple[np.ndarray, np.ndarray]:
    """The first of the drawn places that is free and has something to see; else the freest."""
    places, looks, sights = _candidates(rng, ground)
    free = ground.clearance(places)
    for i in np.flatnonzero(free >= MARGIN)[:20]:
        if _is_free(ground, places[i] + 0.3 * looks[i], places[i] + (sights[i] - 0.1) * looks[i], 0.0):
            return places[i], looks[i]
    best = int(np.argmax(free))
    return places[best], looks[best]


def _next(rng: np.random.Generator, ground: Ground, eye: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A place that a free, straight way leads to, and where to look from it; else another look from here."""
    places, looks, sights = _candidates(rng, ground)
    near = np.flatnonzero((ground.clearance(places) >= MARGIN) & (np.linalg.norm(places - eye, axis=1) < 3))
    for i in near[:20]:
        sees = _is_free(ground, places[i] + 0.3 * looks[i], places[i] + (sights[i] - 0.1) * looks[i], 0.0)
        if sees and _is_free(ground, eye, places[i], MARGIN):
            return places[i], looks[i]
    return eye, looks[int(rng.integers(len(looks)))]


def _candidates(rng: np.random.Generator, ground: Ground) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, unit directions to look from them, and how far these should see: a third are close to things."""
    middle = rng.uniform(ground.low, ground.high, (CANDIDATES, 3))
    yaw, pitch = rng.uniform(-np.pi, np.pi, CANDIDATES), rng.normal(np.radians(-14), np.radians(9), CANDIDATES)
    looks = np.column_stack([np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)])
    sights = np.full(CANDIDATES, 1.0)
    if not len(ground.things):
        return middle, looks, sights
    chosen = ground.things[rng.integers(len(ground.things), size=CANDIDATES)]
    target = chosen[:, 0] + rng.uniform(0, 1, (CANDIDATES, 3)) * (chosen[:, 1] - chosen[:, 0])
    afar = rng.uniform(size=CANDIDATES) < 0.5
    looks = np.where(afar[:, None], _unit(target - middle), looks)
    distance = rng.uniform(*CLOSE, CANDIDATES)
    top = np.column_stack([target[:, 0], chosen[:, 1, 1], target[:, 2]])
    away = _unit(rng.normal(size=(CANDIDATES, 3)) * [1, 0.4, 1] + [0, 0.7, 0])
    close = (rng.uniform(size=CANDIDATES) < 0.4)[:, None]
    places = np.where(close, top + distance[:, None] * away, middle)
    close = close & np.all((places > ground.low) & (places < ground.high), axis=1, keepdims=True)
    looks = _raised(np.where(close, -away, looks))
    return np.where(close, places, middle), looks, np.where(close[:, 0], distance, sights)


def _is_free(ground: Ground, start: np.ndarray, end: np.ndarray, margin: float) -> bool:
    steps = max(2, int(np.linalg.norm(end - start) / 0.05))
    line = start + np.linspace(0, 1, steps)[:, None] * (end - start)
    return bool((ground.clearance(line) >= margin - 1e-9).all())


def _raised(looks: np.ndarray) -> np.ndarray:
    """Directions bent away from straight down and up, where a camera has no upright."""
    level = _unit(looks * [1, 0, 1] + [1e-6, 0, 0])
    pitch = np.clip(np.arcsin(np.clip(looks[:, 1], -1, 1)), np.radians(-75), np.radians(30))[:, None]
    return level * np.cos(pitch) + UP * np.sin(pitch)


def _turned(look: np.ndarray, wanted: np.ndarray, most: float) -> np.ndarray:
    """``look`` turned towards ``wanted`` by at most an angle, yaw and pitch apart so that it stays upright."""
    yaw, pitch = np.arctan2(look[0], look[2]), np.arcsin(np.clip(look[1], -1, 1))
    to_yaw = (np.arctan2(wanted[0], wanted[2]) - yaw + np.pi) % (2 * np.pi) - np.pi
    to_pitch = np.arcsin(np.clip(wanted[1], -1, 1)) - pitch
    share = min(1.0, most / max(float(np.hypot(to_yaw, to_pitch)), 1e-9))
    yaw, pitch = yaw + share * to_yaw, pitch + share * to_pitch
    return np.array([np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)])


def _shortened(way: np.ndarray, most: float) -> np.ndarray:
    length = float(np.linalg.norm(way))
    return way if length <= most else way * (most / length)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
