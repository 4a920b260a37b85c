"""Seamless textures of surfaces: colours laid on a pattern."""

import colorsys
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8

from train.synthetic import patterns

Pattern = Callable[[int], np.ndarray]
JOINT = 30 / 255  # below it patterns of laid pieces show their joints


def muted(rng: np.random.Generator) -> Float[np.ndarray, " 3"]:
    """An sRGB colour in 0..1 as most things in homes have: pale or dark, seldom strong."""
    saturation = min(float(rng.gamma(1.6, 0.12)), 0.9)
    return _hsv(float(rng.choice([rng.uniform(), rng.normal(0.08, 0.04)])), saturation, float(rng.beta(2.2, 1.6)))


def saturated(rng: np.random.Generator) -> Float[np.ndarray, " 3"]:
    """A strong colour: toys, plastic, prints."""
    return _hsv(float(rng.uniform()), float(rng.uniform(0.5, 0.95)), float(rng.uniform(0.3, 0.95)))


def pale(rng: np.random.Generator) -> Float[np.ndarray, " 3"]:
    """Whites and near whites: ceilings, many walls, much furniture."""
    return _hsv(float(rng.normal(0.11, 0.06)), float(abs(rng.normal(0, 0.06))), float(rng.uniform(0.78, 0.97)))


def wooden(rng: np.random.Generator) -> Float[np.ndarray, " 3"]:
    """From birch to wenge."""
    value = float(rng.uniform(0.2, 0.85))
    return _hsv(float(rng.normal(0.075, 0.015)), float(np.clip(rng.normal(0.48, 0.12), 0.1, 0.8)), value)


def plain(rng: np.random.Generator, colour: Float[np.ndarray, " 3"]) -> UInt8[np.ndarray, "256 256 3"]:
    """Almost one colour, with a faint grain."""
    faint = rng.uniform(0.004, 0.04)
    return coloured(_turned(rng, patterns.grain), [colour - faint, colour + faint])


def mottled(
    rng: np.random.Generator, colour: Float[np.ndarray, " 3"], contrast: float
) -> UInt8[np.ndarray, "256 256 3"]:
    """Patches around a colour; ``contrast`` is the share by which they differ from it."""
    other = np.clip(colour * (1 + contrast * rng.normal(0, 0.2, 3)), 0, 1)
    return coloured(_turned(rng, patterns.cloud), [colour * (1 - contrast), other, colour * (1 + contrast)])


def striped(rng: np.random.Generator, pattern: Pattern, colours: list[np.ndarray]) -> UInt8[np.ndarray, "256 256 3"]:
    """Any pattern in a run of colours from its darkest to its brightest."""
    return coloured(_turned(rng, pattern), colours)


def grained(
    rng: np.random.Generator, colour: Float[np.ndarray, " 3"], contrast: float
) -> UInt8[np.ndarray, "256 256 3"]:
    """Wood of this colour, grain along the columns."""
    return coloured(
        _turned(rng, patterns.wood, turns=False), [colour * (1 - contrast), colour, colour * (1 + contrast)]
    )


def laid(
    rng: np.random.Generator, pattern: Pattern, colour: Float[np.ndarray, " 3"], contrast: float
) -> UInt8[np.ndarray, "256 256 3"]:
    """Tiles, bricks or planks of a colour with joints darker or paler than they are."""
    joint = colour * rng.uniform(0.35, 0.9) if rng.uniform() < 0.6 else np.clip(colour * 1.3, 0, 1)
    dark, bright = colour * (1 - contrast), colour * (1 + contrast)
    table = _table([joint, joint, dark, bright], np.array([0, JOINT, JOINT + 0.01, 1]))
    return table[_turned(rng, pattern, turns=False)]


def coloured(pattern: UInt8[np.ndarray, "h w"], colours: list[np.ndarray]) -> UInt8[np.ndarray, "h w 3"]:
    """The pattern with evenly spaced colours (sRGB 0..1) for dark to bright."""
    return _table(colours, np.linspace(0, 1, len(colours)))[pattern]


def _table(colours: list[np.ndarray], stops: np.ndarray) -> np.ndarray:
    levels = np.linspace(0, 1, 256)
    channels = [np.interp(levels, stops, [float(c[i]) for c in colours]) for i in range(3)]
    return np.clip(np.stack(channels, axis=1) * 255 + 0.5, 0, 255).astype(np.uint8)


def _turned(rng: np.random.Generator, pattern: Pattern, turns: bool = True) -> np.ndarray:
    """One variant of a pattern, rolled, mirrored and (``turns``) perhaps transposed: still seamless."""
    grey = pattern(int(rng.integers(patterns.VARIANTS)))
    grey = np.roll(grey, tuple(rng.integers(0, grey.shape[0], 2)), (0, 1))
    if rng.uniform() < 0.5:
        grey = grey[:, ::-1]
    if rng.uniform() < 0.5:
        grey = grey[::-1]
    return grey.T if turns and rng.uniform() < 0.5 else grey


def _hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value))
