"""Surfaces of rooms, furniture and streets, drawn at random within what is common."""

from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import Float

from train.synthetic import patterns, pictures, textures
from train.synthetic.scene import Material

Draw = Callable[[np.random.Generator], Material]
POOL = 48  # surfaces of each kind that small things share; textures cost more than shapes


def painted(rng: np.random.Generator, colour: Float[np.ndarray, " 3"]) -> Material:
    """Matte paint or plaster of this colour."""
    if rng.uniform() < 0.8:
        return Material(textures.plain(rng, colour), tile_size=float(rng.uniform(0.3, 1.0)))
    return Material(textures.mottled(rng, colour, rng.uniform(0.01, 0.08)), tile_size=float(rng.uniform(0.5, 3.0)))


def wall(rng: np.random.Generator) -> Material:
    """Mostly pale paint; also strong paint, wallpaper, brick, wood, concrete or tiles."""
    kind = rng.choice(["pale", "muted", "paper", "brick", "wood", "concrete", "tiles"], p=WALLS)
    if kind == "pale":
        return painted(rng, textures.pale(rng))
    if kind == "muted":
        return painted(rng, textures.muted(rng))
    if kind == "paper":
        ground = textures.pale(rng) if rng.uniform() < 0.6 else textures.muted(rng)
        print_ = ground * (1 - rng.uniform(0.02, 0.4) * rng.uniform(0, 1, 3))
        pattern = _one(rng, patterns.stripes, patterns.dots, patterns.marble, patterns.cloud, patterns.weave)
        return Material(textures.striped(rng, pattern, [ground, print_]), tile_size=float(rng.uniform(0.3, 1.5)))
    if kind == "brick":
        return brick(rng)
    if kind == "wood":
        return planks(rng)
    return concrete(rng) if kind == "concrete" else tiles(rng)


WALLS = (0.46, 0.2, 0.15, 0.05, 0.04, 0.05, 0.05)


def floor(rng: np.random.Generator) -> Material:
    return _one(rng, planks, planks, planks, tiles, tiles, concrete, carpeting, carpeting, marble)(rng)


def planks(rng: np.random.Generator) -> Material:
    texture = textures.laid(rng, patterns.planks, textures.wooden(rng), rng.uniform(0.08, 0.4))
    return Material(texture, float(rng.uniform(0.7, 1.6)), gloss=_sheen(rng), roughness=float(rng.uniform(0.15, 0.6)))


def tiles(rng: np.random.Generator) -> Material:
    colour = textures.pale(rng) if rng.uniform() < 0.5 else textures.muted(rng)
    texture = textures.laid(rng, patterns.tiles, colour, rng.uniform(0.01, 0.2))
    return Material(texture, float(rng.uniform(0.3, 1.3)), gloss=_sheen(rng), roughness=float(rng.uniform(0.05, 0.5)))


def brick(rng: np.random.Generator) -> Material:
    colour = textures.muted(rng) if rng.uniform() < 0.5 else np.array([0.6, 0.33, 0.25]) * rng.uniform(0.6, 1.3)
    texture = textures.laid(rng, patterns.bricks, np.clip(colour, 0, 1), rng.uniform(0.1, 0.4))
    return Material(texture, float(rng.uniform(0.6, 1.2)))


def concrete(rng: np.random.Generator) -> Material:
    colour = rng.uniform(0.35, 0.8) * (1 + 0.06 * rng.normal(0, 1, 3))
    return Material(textures.mottled(rng, np.clip(colour, 0, 1), rng.uniform(0.05, 0.25)), float(rng.uniform(1, 4)))


def asphalt(rng: np.random.Generator) -> Material:
    colour = np.clip(rng.uniform(0.2, 0.45) * (1 + 0.04 * rng.normal(0, 1, 3)), 0, 1)
    return Material(textures.mottled(rng, colour, rng.uniform(0.1, 0.3)), float(rng.uniform(2, 6)))


def grass(rng: np.random.Generator) -> Material:
    colour = np.array([rng.uniform(0.2, 0.5), rng.uniform(0.35, 0.6), rng.uniform(0.1, 0.25)])
    return Material(textures.mottled(rng, colour, rng.uniform(0.2, 0.5)), float(rng.uniform(0.5, 2)))


def carpeting(rng: np.random.Generator) -> Material:
    colour = textures.muted(rng)
    pattern = _one(rng, patterns.grain, patterns.grain, patterns.weave, patterns.checks, patterns.dots)
    other = colour * (1 - rng.uniform(0.05, 0.5))
    return Material(textures.striped(rng, pattern, [other, colour]), float(rng.uniform(0.3, 1.0)))


def marble(rng: np.random.Generator) -> Material:
    colour = textures.pale(rng) if rng.uniform() < 0.6 else textures.muted(rng)
    texture = textures.striped(rng, patterns.marble, [colour * rng.uniform(0.3, 0.9), colour, colour])
    return Material(texture, float(rng.uniform(0.5, 2)), gloss=_sheen(rng), roughness=0.15)


def wood(rng: np.random.Generator) -> Material:
    """Bare, varnished or, as often, painted over."""
    if rng.uniform() < 0.35:
        return lacquer(rng)
    texture = textures.grained(rng, textures.wooden(rng), rng.uniform(0.05, 0.35))
    return Material(texture, float(rng.uniform(0.3, 1)), gloss=_sheen(rng), roughness=float(rng.uniform(0.2, 0.7)))


def lacquer(rng: np.random.Generator) -> Material:
    """Furniture board: white or near it, muted, nearly black, seldom loud."""
    kind = rng.choice(["pale", "muted", "dark", "loud"], p=[0.45, 0.37, 0.12, 0.06])
    if kind == "dark":
        colour = np.full(3, rng.uniform(0.05, 0.25))
    else:
        colour = {"pale": textures.pale, "muted": textures.muted, "loud": textures.saturated}[str(kind)](rng)
    return Material(textures.plain(rng, colour), gloss=_sheen(rng), roughness=float(rng.uniform(0.1, 0.6)))


def enamel(rng: np.random.Generator) -> Material:
    """Of baths, radiators and kitchen machines: white, a little off, or once in a while another colour."""
    colour = textures.pale(rng) if rng.uniform() < 0.85 else textures.muted(rng)
    return Material(textures.plain(rng, colour), gloss=0.05, roughness=0.15)


def fabric(rng: np.random.Generator) -> Material:
    colour = textures.muted(rng) if rng.uniform() < 0.92 else textures.saturated(rng)
    pattern = _one(rng, *[patterns.weave] * 3, patterns.grain, patterns.stripes, patterns.checks, patterns.dots)
    strength = rng.uniform(0.03, 0.3) if pattern in (patterns.weave, patterns.grain) else rng.uniform(0.05, 0.8)
    other = colour * (1 - strength) if rng.uniform() < 0.7 else colour * (1 - strength) + strength * textures.pale(rng)
    return Material(textures.striped(rng, pattern, [other, colour]), float(rng.uniform(0.15, 0.7)))


def leather(rng: np.random.Generator) -> Material:
    texture = textures.mottled(rng, textures.muted(rng) * 0.8, rng.uniform(0.03, 0.15))
    return Material(texture, 0.4, gloss=0.05, roughness=0.4)


def metal(rng: np.random.Generator) -> Material:
    """Steel, chrome, brass or, most often, painted."""
    if rng.uniform() < 0.5:
        tone = np.clip(rng.uniform(0.04, 0.9) * (1 + 0.05 * rng.normal(0, 1, 3)), 0, 1)
        return Material(textures.plain(rng, tone), gloss=_sheen(rng), roughness=0.35)
    tone = np.array([0.75, 0.75, 0.76]) if rng.uniform() < 0.7 else np.array([0.8, 0.65, 0.4])
    return Material(
        textures.plain(rng, tone), gloss=float(rng.uniform(0.3, 0.8)), roughness=float(rng.uniform(0.05, 0.4))
    )


def plastic(rng: np.random.Generator) -> Material:
    """Of small things, in any colour and often black."""
    pick = _one(rng, textures.pale, textures.muted, textures.saturated)
    colour = pick(rng) * rng.choice([1.0, 1.0, 0.2])  # much of it is black
    return Material(textures.plain(rng, colour), gloss=_sheen(rng), roughness=float(rng.uniform(0.1, 0.6)))


def rubber(rng: np.random.Generator) -> Material:
    """Of tyres: nearly black."""
    return Material(textures.plain(rng, np.full(3, rng.uniform(0.04, 0.18))))


def ceramic(rng: np.random.Generator) -> Material:
    pick = _one(rng, textures.pale, textures.pale, textures.muted, textures.muted, textures.saturated)
    return Material(textures.plain(rng, pick(rng)), gloss=0.06, roughness=0.1)


def glazed(rng: np.random.Generator) -> Material:
    """Dark glass with nothing lit behind it: ovens, cars, windows by night."""
    return Material(textures.plain(rng, rng.uniform(0.02, 0.2) * np.ones(3)), gloss=0.12, roughness=0.02)


def mirror(rng: np.random.Generator) -> Material:
    return Material(textures.plain(rng, np.full(3, 0.9)), gloss=float(rng.uniform(0.85, 0.95)), roughness=0.0)


def cardboard(rng: np.random.Generator) -> Material:
    colour = np.array([0.72, 0.56, 0.38]) * rng.uniform(0.7, 1.15)
    return Material(textures.mottled(rng, colour, rng.uniform(0.02, 0.12)), 0.6)


def leaf(rng: np.random.Generator) -> Material:
    colour = np.array([rng.uniform(0.12, 0.45), rng.uniform(0.3, 0.6), rng.uniform(0.08, 0.25)])
    return Material(textures.mottled(rng, colour, rng.uniform(0.1, 0.4)), 0.3, gloss=0.03, roughness=0.5)


def skin(rng: np.random.Generator) -> Material:
    return Material(textures.plain(rng, np.array([0.85, 0.65, 0.52]) * rng.uniform(0.35, 1.1)))


def shining(rng: np.random.Generator, emission: float) -> Material:
    """A lamp's shade or bulb."""
    warm = np.array([1.0, rng.uniform(0.82, 1.0), rng.uniform(0.6, 1.0)])
    return Material(textures.plain(rng, warm), emission=emission)


def printed(rng: np.random.Generator, picture: Callable[[np.random.Generator], np.ndarray]) -> Material:
    """Paper with a picture, a little glossy at times; one of a few for each kind of picture."""
    return _print(picture, int(rng.integers(POOL)))


def pooled(rng: np.random.Generator, draw: Draw) -> Material:
    """One of a few surfaces, the same for all scenes."""
    return _pooled(draw, int(rng.integers(POOL)))


@cache
def _pooled(draw: Draw, index: int) -> Material:
    return draw(np.random.default_rng([*draw.__name__.encode(), index]))


@cache
def _print(picture: Callable[[np.random.Generator], np.ndarray], index: int) -> Material:
    rng = np.random.default_rng([*picture.__name__.encode(), index])
    return Material(picture(rng), gloss=_sheen(rng), roughness=0.3)


def lit_screen(rng: np.random.Generator) -> Material:
    """A display: off (dark and mirroring) or on."""
    if rng.uniform() < 0.5:
        return glazed(rng)
    return Material(pictures.screen(rng), gloss=0.04, roughness=0.1, emission=float(rng.uniform(0.3, 2)))


def _one(rng: np.random.Generator, *choices: Callable) -> Callable:
    return choices[int(rng.integers(len(choices)))]


def _sheen(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.02, 0.08)) if rng.uniform() < 0.5 else 0.0
