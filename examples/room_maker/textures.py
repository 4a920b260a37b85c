"""Pictures of wood, brick, cloth, paper and print that cover the room's surfaces."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, eq=False)
class Material:
    """A tile of sRGB colour that repeats over a surface."""

    tile: np.ndarray  # (h, w, 3) uint8 sRGB; row 0 is the largest v, so that v points up in the picture
    size: tuple[float, float]  # metres that the tile covers along u and v
    glow: float = 0.0  # radiance that it emits, times its colour
    gloss: float = 0.0  # strength of its mirror reflection, 1 for a clean dielectric


def clouds(shape: tuple[int, int], scale_px: float, rng: np.random.Generator, stretch: float = 1.0) -> np.ndarray:
    """Smooth noise of zero mean and unit deviation that tiles; ``stretch`` lengthens it along rows."""
    rows, columns = shape
    fy = np.fft.fftfreq(rows)[:, None]
    fx = np.fft.fftfreq(columns)[None, :] * stretch
    keep = np.exp(-2 * (np.pi * scale_px) ** 2 * (fx**2 + fy**2))
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * keep).real
    return (noise - noise.mean()) / noise.std()


def mottled(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise at several scales at once."""
    layers = [(1.0, 40.0), (0.7, 12.0), (0.5, 4.0), (0.35, 1.2)]
    return sum(weight * clouds(shape, scale, rng) for weight, scale in layers) / 1.36


def paint(colour: tuple[float, float, float], relative: np.ndarray) -> np.ndarray:
    """``colour`` (sRGB 0..255) made lighter and darker by a map of relative change."""
    return np.clip(np.asarray(colour) * (1 + relative[..., None]), 0, 255).astype(np.uint8)


def planks(rng: np.random.Generator, colour: tuple[float, float, float]) -> np.ndarray:
    """Wooden boards along rows, 1200 x 1200 for 2.4 m: 16 boards of 15 cm, butted at random places."""
    picture = np.zeros((1200, 1200, 3), np.uint8)
    for board in range(16):
        rows = slice(board * 75, (board + 1) * 75)
        cut = int(rng.integers(1200))
        for begin, end in ((cut, cut + 600), (cut + 600, cut + 1200)):
            picture[rows, np.arange(begin, end) % 1200] = _board(rng, colour, 75, 600)
    return picture


def _board(rng: np.random.Generator, colour: tuple[float, float, float], rows: int, columns: int) -> np.ndarray:
    bend = 9 * clouds((rows, columns), 14, rng, stretch=8)
    across = np.arange(rows)[:, None] + bend + rng.uniform(0, 40)
    rings = np.sin(across * rng.uniform(0.35, 0.7)) * 0.05
    fibres = 0.05 * clouds((rows, columns), 1.0, rng, stretch=16)
    shade = rng.normal(0, 0.10) + rings + fibres + 0.03 * clouds((rows, columns), 10, rng)
    for _ in range(int(rng.integers(0, 3))):  # knots
        y, x = rng.uniform(8, rows - 8), rng.uniform(20, columns - 20)
        v, u = np.mgrid[:rows, :columns]
        shade -= 0.45 * np.exp(-(((u - x) / 9) ** 2 + ((v - y) / 5) ** 2))
    shade[[0, -1]] -= 0.45
    shade[:, [0, -1]] -= 0.35
    tint = np.asarray(colour) * (1 + rng.normal(0, [0.015, 0.02, 0.035]))
    return paint(tuple(tint), shade)


def bricks(rng: np.random.Generator) -> np.ndarray:
    """A wall of 24 x 7.5 cm bricks in running bond, 1440 x 900 for 2.4 x 1.5 m."""
    rows, columns, high, long = 900, 1440, 45, 144
    picture = paint((196, 188, 176), 0.07 * mottled((rows, columns), rng))
    grain = 0.11 * mottled((rows, columns), rng)
    for course in range(rows // high):
        for brick in range(columns // long):
            shade = rng.normal(0, 0.13)
            tint = np.asarray((176, 116, 94)) * (1 + rng.normal(0, [0.03, 0.07, 0.07]))
            left = brick * long + (long // 2 if course % 2 else 0)
            u = np.arange(left + 4, left + long - 4) % columns
            v = np.arange(course * high + 4, course * high + high - 4)
            block = paint(tuple(tint), grain[np.ix_(v, u)] + shade)
            block[0], block[-1] = block[0] * 1.0, (block[-1] * 0.7).astype(np.uint8)
            picture[np.ix_(v, u)] = block
    return cv2.GaussianBlur(picture, (0, 0), 0.7)


def plaster(rng: np.random.Generator, colour: tuple[float, float, float]) -> np.ndarray:
    """Rolled wall paint, 1000 x 1000 for 2 m, with fine grain and faint stains."""
    shape = (1000, 1000)
    return paint(
        colour, 0.014 * clouds(shape, 0.9, rng) + 0.012 * clouds(shape, 2.5, rng) + 0.02 * clouds(shape, 60, rng)
    )


def wallpaper(rng: np.random.Generator) -> np.ndarray:
    """Leaves in rows on a pale ground, 720 x 720 for 0.9 m."""
    picture = np.full((720, 720, 3), (206, 214, 203), np.uint8)
    for row in range(6):
        for column in range(6):
            x, y = 60 + column * 120 + (60 if row % 2 else 0), 60 + row * 120
            for wrap_x in (0, -720):
                for angle in range(-60, 61, 30):
                    tint = (116, 148, 128) if angle else (171, 128, 96)
                    tip = np.radians(angle - 90 + (15 if column % 2 else -15))
                    centre = (int(x + wrap_x + 26 * np.cos(tip)), int(y + 26 * np.sin(tip)))
                    cv2.ellipse(picture, centre, (24, 7), np.degrees(tip), 0, 360, tint, -1, cv2.LINE_AA)
                cv2.circle(picture, (x + wrap_x, y + 30), 6, (190, 150, 90), -1, cv2.LINE_AA)
    return _grained(picture, 0.025, rng)


def woven(rng: np.random.Generator, colour: tuple[float, float, float], contrast: float = 0.16) -> np.ndarray:
    """Coarse cloth, 512 x 512 for 0.4 m."""
    v, u = np.mgrid[:512, :512]
    threads = np.where((u // 4 + v // 4) % 2, np.sin(u * np.pi / 4), np.sin(v * np.pi / 4))
    return paint(
        colour, contrast * (0.5 * threads + 0.6 * clouds((512, 512), 2, rng) + 0.4 * clouds((512, 512), 25, rng))
    )


def rug(rng: np.random.Generator) -> np.ndarray:
    """A bordered rug of lozenges, 1150 x 800 for 2.3 x 1.6 m."""
    rows, columns = 800, 1150
    v, u = np.mgrid[:rows, :columns].astype(np.float32)
    edge = np.minimum(np.minimum(u, columns - 1 - u), np.minimum(v, rows - 1 - v))
    colours = np.array([(120, 42, 44), (210, 186, 150), (44, 62, 92), (186, 120, 62), (70, 88, 80)], np.float32)
    lozenge = (np.abs((u % 164) - 82) / 82 + np.abs((v % 114) - 57) / 57) * 3.2
    index = np.floor(lozenge).astype(int) % 5
    band = np.floor(edge / 14).astype(int)
    teeth = (np.floor(u / 28) + np.floor(v / 28)).astype(int) % 2
    index = np.where(edge < 98, np.array([1, 0, 0, 2, 2, 3, 1])[np.clip(band, 0, 6)] + 0, index)
    index = np.where((edge >= 28) & (edge < 56), 2 + teeth, index)
    picture = colours[index]
    knots = 0.10 * np.sin(u * np.pi / 2.5) * np.sin(v * np.pi / 2.5) + 0.10 * clouds((rows, columns), 1.5, rng)
    return np.clip(picture * (1 + knots + 0.06 * clouds((rows, columns), 50, rng))[..., None], 0, 255).astype(np.uint8)


def landscape(rng: np.random.Generator, rows: int, columns: int, trees: int) -> np.ndarray:
    """Sky, ridges behind one another and trees: for the window and a framed picture."""
    v = np.mgrid[:rows, :columns][0].astype(np.float32)
    height = v[..., None] / rows
    picture = (1 - height) * np.array([120, 168, 226.0]) + height * np.array([236, 232, 222.0])
    veil = np.clip(0.5 * clouds((rows, columns), columns / 22, rng, 2.0), 0, 1)[..., None]
    picture = picture * (1 - veil) + 250 * veil
    for ridge in range(4):
        line = rows * (0.5 + 0.11 * ridge) + rows * 0.06 * clouds((1, columns), columns / (9 + 3 * ridge), rng)[0]
        tint = np.array([[128, 150, 172], [112, 140, 128], [96, 132, 84], [104, 138, 70]][ridge], float)
        texture = 1 + (0.04 + 0.05 * ridge) * mottled((rows, columns), rng)[..., None]
        picture = np.where((v > line)[..., None], tint * texture, picture)
    picture = np.ascontiguousarray(np.clip(picture, 0, 255).astype(np.uint8))
    for _ in range(trees):
        x, y, size = rng.uniform(0, columns), rows * rng.uniform(0.72, 0.95), rows * rng.uniform(0.05, 0.11)
        cv2.line(picture, (int(x), int(y)), (int(x), int(y - size)), (74, 58, 44), max(2, int(size / 12)), cv2.LINE_AA)
        for _ in range(45):
            at = (int(x + rng.normal(0, size / 3.2)), int(y - size * rng.uniform(0.8, 1.9)))
            tint = np.array([66, 104, 52]) * rng.uniform(0.6, 1.4)
            cv2.circle(picture, at, max(2, int(size * rng.uniform(0.05, 0.15))), tint.tolist(), -1, cv2.LINE_AA)
    return picture


def poster(rng: np.random.Generator) -> np.ndarray:
    """Printed geometry with a title, 900 x 640 for 0.9 x 0.64 m, upright."""
    picture = np.full((900, 640, 3), (238, 230, 212), np.uint8)
    palette = [(208, 74, 56), (236, 170, 64), (38, 92, 120), (30, 42, 58), (120, 164, 150)]
    for row in range(5):
        for column in range(4):
            centre = (80 + 160 * column, 90 + 140 * row)
            first, second = (palette[i] for i in rng.choice(5, 2, replace=False))
            cv2.rectangle(picture, (centre[0] - 72, centre[1] - 62), (centre[0] + 72, centre[1] + 62), first, -1)
            start = int(rng.integers(4)) * 90
            cv2.ellipse(
                picture, centre, (58, 58), 0, start, start + int(rng.choice([180, 270, 360])), second, -1, cv2.LINE_AA
            )
            cv2.circle(picture, centre, int(rng.integers(10, 28)), palette[int(rng.integers(5))], -1, cv2.LINE_AA)
    cv2.putText(picture, "RECON", (40, 810), cv2.FONT_HERSHEY_DUPLEX, 4.2, (30, 42, 58), 10, cv2.LINE_AA)
    cv2.putText(
        picture, "a room made of numbers", (44, 864), cv2.FONT_HERSHEY_DUPLEX, 1.15, (208, 74, 56), 2, cv2.LINE_AA
    )
    return _grained(picture, 0.015, rng)


def screen() -> np.ndarray:
    """An editor with coloured lines and a plot, 320 x 512."""
    rng = np.random.default_rng(3)
    picture = np.full((320, 512, 3), (28, 32, 42), np.uint8)
    cv2.rectangle(picture, (0, 0), (512, 18), (60, 68, 84), -1)
    for row in range(20):
        x = 20 + 14 * int(rng.integers(0, 4))
        for _ in range(int(rng.integers(1, 5))):
            width = int(rng.integers(12, 60))
            tint = [(220, 140, 90), (120, 190, 220), (160, 200, 120), (200, 200, 205)][int(rng.integers(4))]
            cv2.line(picture, (x, 34 + 14 * row), (x + width, 34 + 14 * row), tint, 5)
            x += width + 8
    cv2.rectangle(picture, (320, 40), (496, 180), (240, 242, 244), -1)
    x = np.arange(330, 487)
    for k, tint in enumerate([(200, 60, 50), (40, 110, 190)]):
        y = 110 + 40 * np.sin(x / (14 + 9 * k)) * np.exp(-(x - 330) / 150)
        cv2.polylines(picture, [np.stack([x, y], -1).astype(np.int32)], False, tint, 3, cv2.LINE_AA)
    return picture


def spine(rng: np.random.Generator) -> np.ndarray:
    """The back of a book: bands and a title, 40 x 220 pixels, upright."""
    ground = np.array(
        rng.choice(
            [(122, 32, 38), (30, 62, 98), (42, 88, 66), (200, 160, 72), (226, 218, 200), (50, 46, 54), (190, 92, 48)]
        )
    )
    picture = np.full((220, 40, 3), ground * rng.uniform(0.8, 1.15), np.float64).clip(0, 255).astype(np.uint8)
    ink = (236, 220, 170) if ground.mean() < 130 else (50, 40, 40)
    for y in rng.choice([14, 22, 190, 200, 208], 3, replace=False):
        cv2.rectangle(picture, (0, int(y)), (40, int(y) + 3), ink, -1)
    title = np.ascontiguousarray(np.rot90(picture))
    words = ["DEPTH", "LIGHT", "ATLAS", "NORTH", "RIVER", "STONE", "CODES", "WAVES"]
    cv2.putText(title, str(rng.choice(words)), (48, 28), cv2.FONT_HERSHEY_DUPLEX, 0.85, ink, 2, cv2.LINE_AA)
    return _grained(np.ascontiguousarray(np.rot90(title, -1)), 0.04, rng)


def carton(rng: np.random.Generator, label: str) -> np.ndarray:
    """Brown board with tape and print, 400 x 500 for 0.4 x 0.5 m."""
    picture = paint((186, 146, 102), 0.03 * clouds((400, 500), 1, rng, 10) + 0.03 * clouds((400, 500), 20, rng))
    cv2.rectangle(picture, (0, 180), (500, 222), (206, 180, 136), -1)
    cv2.putText(picture, label, (40, 130), cv2.FONT_HERSHEY_DUPLEX, 2.6, (60, 44, 34), 6, cv2.LINE_AA)
    cv2.rectangle(picture, (300, 260), (460, 360), (240, 238, 230), -1)
    for bar in range(24):
        cv2.line(picture, (312 + 6 * bar, 272), (312 + 6 * bar, 330), (20, 20, 20), int(rng.integers(1, 4)))
    return picture


def beach_ball() -> np.ndarray:
    """Six coloured sectors, 320 x 640 once round."""
    tints = np.array(
        [(214, 60, 52), (240, 238, 232), (44, 100, 176), (240, 238, 232), (238, 186, 60), (240, 238, 232)], np.uint8
    )
    picture = np.repeat(np.repeat(tints[None], 107, axis=1)[:, :640], 320, axis=0)
    picture[:26] = picture[-26:] = (44, 100, 176)
    return picture


def panelled_door(rng: np.random.Generator) -> np.ndarray:
    """A door leaf with four sunk panels, 1000 x 450 for 2.0 x 0.9 m."""
    picture = paint((226, 222, 212), 0.01 * mottled((1000, 450), rng))
    for top, bottom in ((70, 480), (560, 930)):
        for left in (55, 245):
            for inset, change in ((0, -38), (5, 14), (26, -24), (30, 6)):
                tint = np.clip(np.array([226, 222, 212]) + change, 0, 255).tolist()
                cv2.rectangle(
                    picture, (left + inset, top + inset), (left + 150 - inset, bottom - inset), tint, 4, cv2.LINE_AA
                )
    return picture


def _grained(picture: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    grain = 1 + amount * clouds(picture.shape[:2], 0.8, rng)
    return np.clip(picture * grain[..., None], 0, 255).astype(np.uint8)
