"""Grey patterns that repeat without a seam: what textures lay their colours on.

Each takes a variant, not a generator, so that scenes share the few that are ever drawn.
"""

from functools import cache

import numpy as np
from jaxtyping import Float, UInt8

SIZE = 256  # pixels; a power of two keeps the Fourier transform fast
VARIANTS = 24  # of each pattern; rolled, flipped and coloured anew for every texture


def fractal(
    rng: np.random.Generator, size: int, slope: float, stretch: tuple[float, float] = (1.0, 1.0)
) -> Float[np.ndarray, "size size"]:
    """Periodic noise of zero mean and unit deviation whose amplitude falls as ``frequency**-slope``.

    ``stretch`` scales the frequencies along rows and columns: features grow longer by it.
    """
    vertical = np.fft.fftfreq(size)[:, None] * stretch[0]
    horizontal = np.fft.rfftfreq(size)[None] * stretch[1]
    frequency = np.hypot(vertical, horizontal) * size
    frequency[0, 0] = np.inf  # no mean
    amplitude = frequency**-slope
    phase = rng.uniform(0, 2 * np.pi, amplitude.shape)
    noise = np.fft.irfft2(amplitude * np.exp(1j * phase), s=(size, size))
    return (noise - noise.mean()) / noise.std()


@cache
def grain(variant: int) -> UInt8[np.ndarray, "256 256"]:
    """Fine, even noise: paint, plaster, plastic."""
    return _grey(fractal(_rng("grain", variant), SIZE, 0.4 + 0.03 * variant))


@cache
def cloud(variant: int) -> UInt8[np.ndarray, "256 256"]:
    """Broad patches over several octaves: stains, concrete, grass."""
    return _grey(fractal(_rng("cloud", variant), SIZE, 0.9 + 0.03 * variant))


@cache
def wood(variant: int) -> UInt8[np.ndarray, "256 256"]:
    """Streaks along the columns, bent a little, as of a board cut along its rings."""
    rng = _rng("wood", variant)
    bend = fractal(rng, SIZE, 2.0, (4.0, 1.0))
    rings = np.sin(2 * np.pi * (rng.integers(2, 9) * _ramp()[None] + rng.uniform(0.1, 0.6) * bend))
    fibre = fractal(rng, SIZE, 0.6, (30.0, 1.0))
    return _grey(rng.uniform(0.3, 1.0) * rings + 0.8 * fibre + 0.5 * bend)


@cache
def marble(variant: int) -> UInt8[np.ndarray, "256 256"]:
    """Bright ground with dark veins."""
    rng = _rng("marble", variant)
    folds = np.abs(fractal(rng, SIZE, 1.6)) ** rng.uniform(0.3, 0.7)
    return _grey(folds + 0.3 * fractal(rng, SIZE, 1.2))


@cache
def weave(variant: int) -> UInt8[np.ndarray, "256 256"]:
    """Threads over and under."""
    rng = _rng("weave", variant)
    threads = int(rng.choice([16, 32, 64]))
    across, along = np.sin(2 * np.pi * threads * _ramp())[:, None], np.sin(2 * np.pi * threads * _ramp())[None]
    over = np.where(across * along > 0, np.abs(across), np.abs(along))
    return _grey(over + rng.uniform(0.2, 1.0) * fractal(rng, SIZE, 0.5))


@cache
def stripes(variant: int) -> UInt8[np.ndarray, "256 256"]:
    """Bands of random width along the columns, in a handful of tones."""
    rng = _rng("stripes", variant)
    return _grained(np.broadcast_to(_bands(rng, int(rng.integers(2, 14)))[None], (SIZE, SIZE)), rng)


@cache
def checks(variant: int) -> UInt8[np.ndarray, "256 256"]:
    """Stripes both ways: chessboards, tartans."""
    rng = _rng("checks", variant)
    bands = _bands(rng, int(rng.integers(2, 9)))
    return _grained((bands[:, None] + bands[None]) / 2, rng)


@cache
def dots(variant: int) -> UInt8[np.ndarray, "256 256"]:
    """Discs or rings on a staggered grid: printed cloth, wallpaper."""
    rng = _rng("dots", variant)
    count = int(rng.choice([2, 4, 8]))
    cell = SIZE // count
    y, x = np.mgrid[:SIZE, :SIZE]
    x = x + (y // cell % 2) * (cell // 2)
    radius = np.hypot(x % cell - cell / 2, y % cell - cell / 2) / cell
    outer = rng.uniform(0.15, 0.45)
    inside = (radius < outer) & (radius > outer * rng.choice([0.0, 0.5]))
    return _grained(np.where(inside, 220.0, 60.0), rng)


@cache
def tiles(variant: int) -> UInt8[np.ndarray, "256 256"]:
    """Square tiles, each of its own tone, with dark (0) joints."""
    rng = _rng("tiles", variant)
    count = int(rng.choice([1, 2, 4, 8]))
    return _laid(rng, rows=count, columns=count, shift=0.0, joint=float(rng.uniform(1, 3)))


@cache
def bricks(variant: int) -> UInt8[np.ndarray, "256 256"]:
    """Courses of bricks, every other one shifted by half, with dark (0) joints."""
    rng = _rng("bricks", variant)
    columns = int(rng.choice([2, 4]))
    return _laid(rng, rows=columns * 4, columns=columns, shift=0.5, joint=float(rng.uniform(2, 4)))


@cache
def planks(variant: int) -> UInt8[np.ndarray, "256 256"]:
    """Boards along the columns with thin dark (0) joints and their own tones."""
    rng = _rng("planks", variant)
    columns, rows = int(rng.choice([4, 6, 8])), int(rng.choice([1, 2, 4]))
    laid = _laid(rng, rows=rows, columns=columns, shift=0.37, joint=1.0, transposed=True).astype(float)
    streaks = wood(variant).astype(float) - 128
    return np.where(laid < 1, laid, np.clip(laid + 0.5 * streaks, 40, 255)).astype(np.uint8)


def _rng(name: str, variant: int) -> np.random.Generator:
    return np.random.default_rng([*name.encode(), variant])


def _ramp() -> np.ndarray:
    return np.arange(SIZE) / SIZE


def _grey(noise: np.ndarray) -> np.ndarray:
    """Middle grey and two and a half deviations to either side."""
    scaled = (noise - noise.mean()) / noise.std()
    return np.clip(128 + 51 * scaled, 0, 255).astype(np.uint8)


def _grained(tones: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(tones + rng.uniform(2, 12) * fractal(rng, SIZE, 0.5), 0, 255).astype(np.uint8)


def _bands(rng: np.random.Generator, count: int) -> np.ndarray:
    """Tones of ``count`` bands that fill a row."""
    cuts = np.sort(rng.choice(np.arange(1, 32), count - 1, replace=False)) * (SIZE // 32)
    tones = rng.choice([20.0, 80.0, 140.0, 200.0, 240.0], count)
    if np.ptp(tones) == 0:
        tones[0] = 260.0 - tones[0]
    return tones[np.searchsorted(cuts, np.arange(SIZE), side="right")]


def _laid(
    rng: np.random.Generator, rows: int, columns: int, shift: float, joint: float, transposed: bool = False
) -> np.ndarray:
    """Pieces of one size side by side; odd rows (or columns, transposed) shifted by a share of a piece."""
    v, u = np.mgrid[:SIZE, :SIZE] / SIZE
    u, v = u * columns, v * rows
    if transposed:
        v = v + shift * np.floor(u)
    else:
        u = u + shift * (np.floor(v) % 2)
    row, column = np.floor(v).astype(int) % rows, np.floor(u).astype(int) % columns
    tones = rng.normal(150, rng.uniform(4, 30), (rows, columns))
    edge_v = np.minimum(v % 1, 1 - v % 1) * SIZE / rows
    edge_u = np.minimum(u % 1, 1 - u % 1) * SIZE / columns
    surface = np.clip(tones[row, column] + rng.uniform(2, 14) * fractal(rng, SIZE, 0.8), 40, 255)
    return np.where(np.minimum(edge_v, edge_u) < joint / 2, 0, surface).astype(np.uint8)
