"""A furnished living room of 4.5 x 3.5 x 2.6 m: the floor at y = 0, the origin in the middle of it."""

import numpy as np

from room_maker import textures as t
from room_maker.shapes import Shapes, Surface, yaw
from room_maker.textures import Material

WIDTH, DEPTH, HEIGHT = 4.5, 3.5, 2.6  # metres along x, z and y
X, Z = WIDTH / 2, DEPTH / 2
WINDOW = (-0.80, 0.70, 0.90, 2.15)  # z from, z to, y from, y to, in the wall x = X
RECESS = 0.12  # metres from the wall to the window's pane
BOOKS = 14  # different spines


def make_materials(rng: np.random.Generator) -> dict[str, Material]:
    """Every material of the room by name."""
    materials = {
        "floor": Material(t.planks(rng, (176, 128, 84)), (2.4, 2.4), gloss=0.45),
        "brick": Material(t.bricks(rng), (2.4, 1.5)),
        "paint": Material(t.plaster(rng, (222, 216, 200)), (2.0, 2.0)),
        "ceiling": Material(t.plaster(rng, (238, 237, 233)), (2.0, 2.0)),
        "wallpaper": Material(t.wallpaper(rng), (0.9, 0.9)),
        "white": Material(t.plaster(rng, (230, 228, 222)), (2.0, 2.0)),
        "oak": Material(t.planks(rng, (196, 154, 104)), (1.6, 1.6), gloss=0.25),
        "post": Material(np.rot90(t.planks(rng, (196, 154, 104))), (1.6, 1.6), gloss=0.25),  # grain upright
        "walnut": Material(t.planks(rng, (112, 74, 50)), (1.6, 1.6), gloss=0.25),
        "stick": Material(np.rot90(t.planks(rng, (112, 74, 50))), (1.6, 1.6), gloss=0.25),
        "sofa": Material(t.woven(rng, (72, 106, 118)), (0.4, 0.4)),
        "pillow": Material(t.woven(rng, (214, 150, 62), 0.22), (0.3, 0.3)),
        "curtain": Material(t.woven(rng, (196, 178, 150), 0.12), (0.4, 0.4)),
        "rug": Material(t.rug(rng), (2.3, 1.6)),
        "outside": Material(t.landscape(rng, 640, 768, 14), (1.5, 1.25), glow=5.0),
        "picture": Material(t.landscape(rng, 420, 600, 5), (0.6, 0.42)),
        "poster": Material(t.poster(rng), (0.64, 0.9)),
        "door": Material(t.panelled_door(rng), (0.9, 2.0)),
        "screen": Material(t.screen(), (0.32, 0.20), glow=0.9),
        "television": Material(np.ascontiguousarray(t.landscape(rng, 400, 700, 9)), (0.88, 0.50), glow=0.8),
        "black": Material(t.plaster(rng, (34, 34, 38)), (1.0, 1.0), gloss=0.6),
        "steel": Material(t.plaster(rng, (150, 152, 156)), (1.0, 1.0), gloss=0.8),
        "leaf": Material(t.paint((66, 116, 58), 0.2 * t.clouds((128, 128), 3, rng, 4)), (0.2, 0.2)),
        "soil": Material(t.paint((70, 54, 42), 0.3 * t.mottled((128, 128), rng)), (0.3, 0.3)),
        "clay": Material(t.paint((182, 102, 72), 0.08 * t.mottled((256, 256), rng)), (0.4, 0.4)),
        "cup": Material(t.paint((214, 84, 64), 0.02 * t.mottled((128, 128), rng)), (0.3, 0.3), gloss=0.6),
        "shade": Material(t.woven(rng, (250, 214, 160), 0.1), (0.4, 0.4), glow=5.0),
        "lamp": Material(np.full((8, 8, 3), (255, 246, 230), np.uint8), (1, 1), glow=22.0),
        "ball": Material(t.beach_ball(), (2 * np.pi * 0.14, np.pi * 0.14)),
        "carton": Material(t.carton(rng, "PLATES"), (0.5, 0.4)),
        "crate": Material(t.carton(rng, "RECORDS"), (0.5, 0.4)),
    }
    for book in range(BOOKS):
        materials[f"book{book}"] = Material(t.spine(rng), (0.04, 0.22))
    return materials


def build_room(rng: np.random.Generator, spacing: float) -> list[Surface]:
    """All surfaces; the same generator state gives the same shapes at any ``spacing`` (metres)."""
    shapes = Shapes(spacing)
    _shell(shapes)
    _window(shapes)
    _sofa(shapes)
    _table(shapes)
    for x, z, turn in ((1.45, -0.62, 4.0), (1.32, 1.28, 172.0)):
        _chair(shapes, x, z, turn)
    _bookshelf(shapes, rng)
    _sideboard(shapes)
    _plant(shapes, rng)
    _lamp(shapes)
    shapes.box("rug", (-0.15, 0.005, 0.05), (2.3, 0.01, 1.6))
    shapes.ball("ball", (0.72, 0.14, -0.72), 0.14)
    shapes.box("carton", (-1.86, 0.2, 1.37), (0.5, 0.4, 0.45), 12.0)
    shapes.box("crate", (-1.90, 0.54, 1.40), (0.38, 0.28, 0.34), -9.0)
    return shapes.surfaces


def _shell(shapes: Shapes) -> None:
    x, z, h = [WIDTH, 0, 0], [0, 0, DEPTH], HEIGHT
    shapes.rectangle("floor", (-X, 0, Z), x, [0, 0, -DEPTH])
    shapes.rectangle("ceiling", (-X, h, -Z), x, z)
    shapes.rectangle("brick", (-X, 0, -Z), x, [0, h, 0])
    shapes.rectangle("paint", (X, 0, Z), [-WIDTH, 0, 0], [0, h, 0])
    shapes.rectangle("wallpaper", (-X, 0, Z), [0, 0, -DEPTH], [0, h, 0])
    near, far, sill, lintel = WINDOW
    shapes.rectangle("paint", (X, 0, -Z), z, [0, sill, 0])
    shapes.rectangle("paint", (X, lintel, -Z), z, [0, h - lintel, 0])
    shapes.rectangle("paint", (X, sill, -Z), [0, 0, near + Z], [0, lintel - sill, 0])
    shapes.rectangle("paint", (X, sill, far), [0, 0, Z - far], [0, lintel - sill, 0])
    for side in (-1, 1):
        shapes.box("white", (0, 0.05, side * (Z - 0.008)), (WIDTH, 0.10, 0.016))
        shapes.box("white", (side * (X - 0.008), 0.05, 0), (0.016, 0.10, DEPTH - 0.032))
    shapes.box("white", (0.25, 1.0, Z - 0.02), (0.9, 2.0, 0.04), 180.0, front="door")
    for x_jamb in (-0.24, 0.74):
        shapes.box("post", (x_jamb, 1.03, Z - 0.03), (0.08, 2.06, 0.06))
    shapes.box("oak", (0.25, 2.08, Z - 0.03), (1.06, 0.08, 0.06))
    shapes.rod("steel", (-0.12, 1.02, Z - 0.04), (-0.12, 1.02, Z - 0.10), 0.012)
    shapes.rod("steel", (-0.12, 1.02, Z - 0.095), (0.0, 1.02, Z - 0.095), 0.010)
    shapes.rod("lamp", (0, HEIGHT - 0.07, 0), (0, HEIGHT, 0), 0.20, sides=24)
    shapes.rectangle("poster", (0.95, 1.05, -Z + 0.012), [0.64, 0, 0], [0, 0.9, 0])
    shapes.box("black", (1.27, 1.5, -Z + 0.005), (0.66, 0.92, 0.01))
    shapes.box("walnut", (-0.75, 1.62, -Z + 0.015), (0.68, 0.50, 0.03))
    shapes.rectangle("picture", (-1.05, 1.41, -Z + 0.031), [0.6, 0, 0], [0, 0.42, 0])


def _window(shapes: Shapes) -> None:
    near, far, sill, lintel = WINDOW
    wide, high = far - near, lintel - sill
    shapes.rectangle("outside", (X + RECESS, sill, near), [0, 0, wide], [0, high, 0])
    shapes.rectangle("white", (X, sill, far), [RECESS, 0, 0], [0, 0, -wide])
    shapes.rectangle("white", (X, lintel, near), [RECESS, 0, 0], [0, 0, wide])
    shapes.rectangle("white", (X, sill, near), [RECESS, 0, 0], [0, high, 0])
    shapes.rectangle("white", (X, lintel, far), [RECESS, 0, 0], [0, -high, 0])
    shapes.box("oak", (X - 0.07, sill - 0.02, (near + far) / 2), (0.18, 0.04, wide + 0.16))
    pane = X + RECESS - 0.03
    for z in (near + 0.03, (near + far) / 2, far - 0.03):
        shapes.box("white", (pane, (sill + lintel) / 2, z), (0.05, high, 0.06))
    for y in (sill + 0.03, sill + 0.72 * high, lintel - 0.03):
        shapes.box("white", (pane, y, (near + far) / 2), (0.05, 0.06, wide))
    shapes.rod("black", (X - 0.09, 2.33, near - 0.35), (X - 0.09, 2.33, far + 0.35), 0.012)
    for left, right in ((near - 0.32, near + 0.22), (far - 0.18, far + 0.32)):
        _curtain(shapes, left, right)


def _curtain(shapes: Shapes, left: float, right: float) -> None:
    """Hanging cloth of two skins, folded in waves."""
    wide, top, bottom, fold = right - left, 2.32, 0.06, 0.105
    for sign, offset in ((1.0, 0.0), (-1.0, 0.004)):

        def point(u: np.ndarray, v: np.ndarray, sign: float = sign, offset: float = offset) -> np.ndarray:
            along = u if sign > 0 else 1.6 * wide - u
            depth = 0.032 * np.sin(2 * np.pi * along / (1.6 * fold)) + offset
            return np.stack([X - 0.09 + depth, bottom + v, left + along / 1.6], axis=-1)

        heights = np.linspace(0, top - bottom, max(2, int((top - bottom) / shapes.spacing) + 1))
        shapes.sheet("curtain", point, np.linspace(0, 1.6 * wide, 61), heights)


def _sofa(shapes: Shapes) -> None:
    x, z = -0.45, -1.22
    shapes.cushion("sofa", (x, 0.24, z), (1.9, 0.24, 0.86), 0.04)
    for side in (-0.43, 0.43):
        shapes.cushion("sofa", (x + side, 0.42, z + 0.08), (0.85, 0.16, 0.72), 0.06)
        shapes.cushion("sofa", (x + side, 0.68, z - 0.28), (0.85, 0.46, 0.20), 0.08, tilt_deg=-12)
    for side in (-0.93, 0.93):
        shapes.cushion("sofa", (x + side, 0.36, z), (0.18, 0.50, 0.88), 0.07)
    shapes.cushion("pillow", (x - 0.62, 0.66, z - 0.06), (0.40, 0.38, 0.14), 0.065, yaw_deg=18, tilt_deg=-20)
    shapes.cushion("pillow", (x + 0.60, 0.66, z - 0.05), (0.42, 0.36, 0.13), 0.06, yaw_deg=-24, tilt_deg=-18)
    for dx in (-0.88, 0.88):
        for dz in (-0.36, 0.36):
            shapes.rod("walnut", (x + dx, 0.0, z + dz), (x + dx, 0.13, z + dz), 0.016, 0.024)


def _table(shapes: Shapes) -> None:
    x, z, top = 1.42, 0.33, 0.74
    shapes.box("oak", (x, top - 0.015, z), (0.78, 0.03, 1.25))
    shapes.box("oak", (x, top - 0.06, z), (0.66, 0.06, 1.10))
    for dx in (-0.34, 0.34):
        for dz in (-0.57, 0.57):
            shapes.rod("post", (x + dx * 1.04, 0, z + dz * 1.04), (x + dx, top - 0.03, z + dz), 0.014, 0.024)
    turn = yaw(-70.0)
    hinge = np.array([x + 0.08, top + 0.009, z + 0.1])
    shapes.box("steel", tuple(hinge), (0.34, 0.018, 0.24), -70.0)
    lid = Shapes(shapes.spacing)
    lid.box("steel", (0, 0.11, 0), (0.34, 0.22, 0.010))
    lid.rectangle("screen", np.array([-0.16, 0.01, 0.006]), [0.32, 0, 0], [0, 0.20, 0])
    lean = np.array([[1, 0, 0], [0, np.cos(0.3), np.sin(0.3)], [0, -np.sin(0.3), np.cos(0.3)]])
    _place(shapes, lid, turn @ lean, hinge + turn @ np.array([0, 0.008, -0.12]))
    shapes.rod("cup", (x - 0.16, top, z - 0.28), (x - 0.16, top + 0.09, z - 0.28), 0.033, 0.041, sides=24)
    for step in range(5):  # the cup's handle
        a, b = (np.radians(-80 + 32 * step + turned) for turned in (0, 32))
        centre, reach = np.array([x - 0.16, top + 0.046, z - 0.242]), 0.028
        ends = [centre + reach * np.array([0, np.sin(angle), np.cos(angle)]) for angle in (a, b)]
        shapes.rod("cup", tuple(ends[0]), tuple(ends[1]), 0.006, sides=8, capped=False)
    for level, (book, turned) in enumerate(((2, 25.0), (5, 38.0), (9, 20.0))):
        shapes.box(f"book{book}", (x + 0.15, top + 0.016 + 0.03 * level, z - 0.38), (0.16, 0.03, 0.22), turned)
    shapes.ball("clay", (x - 0.02, top + 0.09, z + 0.46), 0.09)
    shapes.rod("clay", (x - 0.02, top + 0.16, z + 0.46), (x - 0.02, top + 0.24, z + 0.46), 0.03, 0.045, sides=20)


def _chair(shapes: Shapes, x: float, z: float, turn_deg: float) -> None:
    chair = Shapes(shapes.spacing)
    chair.cushion("walnut", (0, 0.45, 0), (0.42, 0.035, 0.42), 0.015)
    for dx in (-0.18, 0.18):
        chair.rod("stick", (dx * 1.12, 0, 0.21), (dx, 0.44, 0.17), 0.011, 0.018)
        chair.rod("stick", (dx * 1.12, 0, -0.23), (dx, 0.46, -0.18), 0.011, 0.018)
        chair.rod("stick", (dx, 0.46, -0.18), (dx * 1.08, 0.90, -0.25), 0.018, 0.012)
        chair.rod("stick", (dx * 1.08, 0.22, 0.19), (dx * 1.08, 0.22, -0.205), 0.009)
    for y in (0.62, 0.73, 0.84):
        chair.box("walnut", (0, y, -0.20 - 0.16 * (y - 0.58)), (0.37, 0.05, 0.014))
    _place(shapes, chair, yaw(turn_deg), np.array([x, 0.0, z]))


def _bookshelf(shapes: Shapes, rng: np.random.Generator) -> None:
    x, z, wide, deep, high, board = -0.95, Z - 0.17, 1.0, 0.30, 1.9, 0.022
    for side in (-1, 1):
        shapes.box("post", (x + side * (wide - board) / 2, high / 2, z), (board, high, deep))
    shapes.box("oak", (x, high / 2, z + deep / 2 - 0.005), (wide - 2 * board, high, 0.01))
    floors = np.linspace(0.08, high - board / 2, 6)
    for y in floors:
        shapes.box("oak", (x, y, z), (wide - 2 * board, board, deep - 0.01))
    for y in floors[:5]:
        at, stop = x + wide / 2 - 0.04, x - wide / 2 + rng.uniform(0.1, 0.4)
        while at > stop:
            thick, tall, out = rng.uniform(0.018, 0.045), rng.uniform(0.19, 0.27), rng.uniform(0.17, 0.22)
            centre = (at - thick / 2, y + board / 2 + tall / 2, z - deep / 2 + 0.03 + out / 2)
            shapes.box(f"book{rng.integers(BOOKS)}", centre, (thick, tall, out))
            at -= thick + (0.002 if rng.random() < 0.9 else 0.05)
        if stop > x - wide / 2 + 0.2:
            shapes.ball("clay" if rng.random() < 0.5 else "cup", (stop - 0.12, y + board / 2 + 0.06, z - 0.02), 0.06)
    shapes.box("carton", (x + 0.2, high + 0.09, z), (0.36, 0.18, 0.26), 8.0)


def _sideboard(shapes: Shapes) -> None:
    x, z = -X + 0.24, 0.0
    shapes.box("walnut", (x, 0.36, z), (0.42, 0.44, 1.5))
    for dz in (-0.37, 0.37):
        shapes.box("oak", (x + 0.215, 0.36, z + dz), (0.012, 0.38, 0.70))
        shapes.rod("steel", (x + 0.235, 0.42, z + dz * 0.25), (x + 0.235, 0.54, z + dz * 0.25), 0.006)
    for dx in (-0.16, 0.16):
        for dz in (-0.68, 0.68):
            shapes.rod("steel", (x + dx, 0, z + dz), (x + dx, 0.14, z + dz), 0.012)
    shapes.box("black", (x, 0.59, z), (0.20, 0.02, 0.34))
    shapes.box("black", (x - 0.03, 0.70, z), (0.03, 0.22, 0.06))
    shapes.box("black", (x, 0.94, z), (0.035, 0.54, 0.92))
    shapes.rectangle("television", (x + 0.019, 0.69, z + 0.44), [0, 0, -0.88], [0, 0.50, 0])
    shapes.rod("cup", (x + 0.03, 0.58, z + 0.60), (x + 0.03, 0.80, z + 0.60), 0.05, 0.07, sides=20)
    shapes.ball("pillow", (x + 0.02, 0.66, z - 0.60), 0.08)


def _plant(shapes: Shapes, rng: np.random.Generator) -> None:
    x, z = 1.83, -1.33
    shapes.rod("clay", (x, 0, z), (x, 0.34, z), 0.13, 0.19, sides=28, capped=False)
    shapes.rod("soil", (x, 0.28, z), (x, 0.31, z), 0.165, sides=28)
    for _ in range(11):
        angle, tall, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.25), rng.uniform(0.08, 0.26)
        foot = np.array([x + 0.05 * np.cos(angle), 0.30, z + 0.05 * np.sin(angle)])
        tip = np.array([x + spread * np.cos(angle), 0.30 + tall, z + spread * np.sin(angle)])
        shapes.rod("leaf", tuple(foot), tuple(tip), 0.006, 0.003, sides=6, capped=False)
        for share in (0.55, 0.75, 0.9, 1.0):
            turn = angle + rng.normal(0, 1.1)
            direction = np.array([np.cos(turn), rng.uniform(0.1, 0.7), np.sin(turn)])
            shapes.leaf(
                "leaf", foot + share * (tip - foot), direction, rng.uniform(0.16, 0.26), rng.uniform(0.06, 0.11)
            )


def _lamp(shapes: Shapes) -> None:
    x, z = -1.88, -1.38
    shapes.rod("black", (x, 0, z), (x, 0.025, z), 0.14, sides=28)
    shapes.rod("black", (x, 0.025, z), (x, 1.45, z), 0.011)
    shapes.rod("shade", (x, 1.38, z), (x, 1.66, z), 0.19, 0.13, sides=28, capped=False)
    shapes.rod("shade", (x, 1.655, z), (x, 1.66, z), 0.129, sides=28)


def _place(shapes: Shapes, other: Shapes, rotation: np.ndarray, shift: np.ndarray) -> None:
    """Adds another list of surfaces, turned and then moved."""
    for surface in other.surfaces:
        vertices = surface.vertices @ rotation.T + shift
        normals = surface.normals @ rotation.T
        shapes.surfaces.append(Surface(vertices, normals, surface.uv, surface.triangles, surface.material))
