"""Flat pictures of things with no depth of their own: posters, printed pages, screens, keyboards, spines of books."""

from itertools import pairwise

import numpy as np
from jaxtyping import UInt8

from train.synthetic.patterns import fractal
from train.synthetic.textures import muted, pale, saturated

SIZE = 256  # pixels
LETTER = 4  # pixels, the width of a letter


def poster(rng: np.random.Generator) -> UInt8[np.ndarray, "256 256 3"]:
    """Random shapes over a blend of colours, sometimes with lines of text."""
    canvas = _blend(rng)
    for _ in range(int(rng.integers(0, 14))):
        _shape(rng, canvas)
    if rng.uniform() < 0.5:
        _text(rng, canvas, ink=muted(rng), scale=int(rng.integers(1, 5)), lines=int(rng.integers(1, 8)))
    return _bytes(canvas)


def photo(rng: np.random.Generator) -> UInt8[np.ndarray, "256 256 3"]:
    """Smooth clouds of colour as of a landscape out of focus, with a horizon and a few things before it."""
    canvas = _blend(rng) * (1 + 0.12 * fractal(rng, SIZE, 1.5)[..., None])
    horizon = int(rng.integers(SIZE // 3, SIZE))
    canvas[horizon:] = muted(rng) * (1 + 0.2 * fractal(rng, SIZE, 0.9)[horizon:, :, None])
    for _ in range(int(rng.integers(0, 6))):
        _shape(rng, canvas)
    return _bytes(canvas)


def page(rng: np.random.Generator) -> UInt8[np.ndarray, "256 256 3"]:
    """Lines of print on paper, with perhaps a figure among them."""
    canvas = np.ones((SIZE, SIZE, 3)) * pale(rng)
    ink = muted(rng) * 0.3
    _text(rng, canvas, ink, scale=1, lines=SIZE)
    if rng.uniform() < 0.5:
        top, left = rng.integers(10, 120, 2)
        canvas[top : top + 100, left : left + 110] = pale(rng)
        canvas[top + 6 : top + 94, left + 6 : left + 104] = muted(rng)
    return _bytes(canvas)


def screen(rng: np.random.Generator) -> UInt8[np.ndarray, "256 256 3"]:
    """Windows with bars and text over a backdrop, or a film still."""
    if rng.uniform() < 0.3:
        return photo(rng)
    canvas = _blend(rng)
    for _ in range(int(rng.integers(1, 5))):
        top, left = rng.integers(0, SIZE - 60, 2)
        height, width = rng.integers(50, SIZE - 40, 2)
        window = canvas[top : top + height, left : left + width]
        window[:] = pale(rng) if rng.uniform() < 0.6 else muted(rng) * 0.3
        ink = np.ones(3) - window[0, 0]
        _text(rng, window, ink, scale=1, lines=40)
        window[:9] = muted(rng)
    return _bytes(canvas)


def keyboard(rng: np.random.Generator) -> UInt8[np.ndarray, "256 256 3"]:
    """Six rows of keys with a letter on each."""
    body, key = muted(rng) * 0.5, pale(rng) if rng.uniform() < 0.5 else muted(rng) * 0.3
    canvas = np.ones((SIZE, SIZE, 3)) * body
    rows = np.linspace(6, SIZE - 6, 7).astype(int)
    for i in range(6):
        columns = np.cumsum(rng.choice([15, 15, 15, 15, 15, 24], 18)) - 10
        for left, right in pairwise(columns):
            cap = canvas[rows[i] : rows[i + 1] - 5, left : min(right - 3, SIZE - 4)]
            cap[:] = key
            cap[8:18, 3:8] = np.where(rng.uniform(size=(*cap[8:18, 3:8].shape[:2], 1)) < 0.5, key, 1 - key)
    return _bytes(canvas)


def spines(rng: np.random.Generator) -> UInt8[np.ndarray, "256 256 3"]:
    """Backs of books standing side by side with titles along them."""
    canvas = np.zeros((SIZE, SIZE, 3))
    left = 0
    while left < SIZE:
        width = int(rng.integers(6, 26))
        back = canvas[:, left : left + width]
        back[:] = muted(rng) if rng.uniform() < 0.7 else saturated(rng)
        ink = 1 - back[0, 0]
        for _ in range(int(rng.integers(0, 4))):
            row = int(rng.integers(0, SIZE - 8))
            back[row : row + int(rng.integers(2, 8))] = saturated(rng)
        title = int(rng.integers(20, 80))
        marks = rng.uniform(size=(rng.integers(30, 120), 1, 1)) < 0.6
        lettering = back[title : title + len(marks), width // 3 : 2 * width // 3]
        lettering[:] = np.where(marks, ink, lettering)
        back[:, -1:] *= 0.4
        left += width
    return _bytes(canvas)


def carpet(rng: np.random.Generator) -> UInt8[np.ndarray, "256 256 3"]:
    """A woven ornament, the same on all four sides of its middle, with borders."""
    quarter = _blend(rng)[: SIZE // 2, : SIZE // 2]
    for _ in range(int(rng.integers(3, 16))):
        _shape(rng, quarter)
    half = np.concatenate([quarter, quarter[:, ::-1]], axis=1)
    canvas = np.concatenate([half, half[::-1]], axis=0)
    ring = np.minimum.reduce(np.meshgrid(*[np.minimum(np.arange(SIZE), np.arange(SIZE)[::-1])] * 2))
    for border in np.sort(rng.integers(4, 50, 3))[::-1]:
        canvas[ring < border] = muted(rng)
    return _bytes(canvas * (1 + 0.06 * fractal(rng, SIZE, 0.2)[..., None]))


def _blend(rng: np.random.Generator) -> np.ndarray:
    """Four colours, one in each corner, blended."""
    pick = saturated if rng.uniform() < 0.3 else muted
    corners = np.stack([pick(rng) for _ in range(4)]).reshape(2, 2, 3)
    t = np.linspace(0, 1, SIZE)
    columns = corners[:, :1] * (1 - t[None, :, None]) + corners[:, 1:] * t[None, :, None]
    return columns[:1] * (1 - t[:, None, None]) + columns[1:] * t[:, None, None]


def _shape(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """Paints a disc, a rectangle or a triangle-like half of one into the canvas."""
    height, width = canvas.shape[:2]
    top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
    window = canvas[top : top + int(rng.integers(4, height)), left : left + int(rng.integers(4, width))]
    v, u = np.mgrid[: window.shape[0], : window.shape[1]]
    v, u = v / window.shape[0], u / window.shape[1]
    inside = (
        np.ones_like(u, bool),
        np.hypot(u - 0.5, v - 0.5) < 0.5,
        u + v < 1,
        np.sin(2 * np.pi * rng.integers(1, 8) * (u + rng.uniform() * v)) > 0,
    )[int(rng.integers(4))]
    window[inside] = saturated(rng) if rng.uniform() < 0.4 else muted(rng)


def _text(rng: np.random.Generator, canvas: np.ndarray, ink: np.ndarray, scale: int, lines: int) -> None:
    """Words of letter-like marks in lines that fill the canvas from its top."""
    height, width = canvas.shape[:2]
    margin = int(rng.integers(6, 20))
    letters = (width - 2 * margin) // (LETTER * scale)
    rows = min(lines, (height - 2 * margin) // (7 * scale))
    if letters < 2 or rows < 1:
        return
    marks = rng.uniform(size=(rows, 7, letters, LETTER)) < 0.55
    marks[:, 5:] = False  # space between lines
    marks[..., LETTER - 1] = False  # and letters
    spaces = rng.uniform(size=(rows, letters)) < 0.17
    ends = np.arange(letters)[None] >= rng.integers(letters // 2, letters + 1, rows)[:, None]
    marks &= ~(spaces | ends)[:, None, :, None]
    marks &= (rng.uniform(size=rows) < 0.9)[:, None, None, None]
    block = np.kron(marks.reshape(rows * 7, letters * LETTER), np.ones((scale, scale))) > 0
    area = canvas[margin : margin + block.shape[0], margin : margin + block.shape[1]]
    area[block] = ink


def _bytes(canvas: np.ndarray) -> np.ndarray:
    return np.clip(canvas * 255 + 0.5, 0, 255).astype(np.uint8)
