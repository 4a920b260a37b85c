"""Pieces that belong together: chairs around a table, things on a desk."""

import numpy as np

from recon.geometry.transforms import rigid
from train.synthetic.furniture import FurnitureSource, Piece, settled
from train.synthetic.parts import moved, yawed
from train.synthetic.placement import TOUCH
from train.synthetic.scene import Object

ROUND = 0.75  # things stay in this share of a table's width and depth, in an ellipse: tables may be round


def table_set(rng: np.random.Generator, furniture: FurnitureSource) -> Piece:
    """A table with things on it and one to eight chairs pushed under it or pulled out."""
    table = laden(rng, furniture, furniture.piece(rng, "table"), int(rng.integers(0, 9)))
    x, z = table.size[0] / 2, table.size[2] / 2
    seat = furniture.piece(rng, "chair")
    sides = max(1, int(table.size[0] / 0.65))
    places = [
        (a, s * z, 0.0 if s < 0 else np.pi) for s in (-1, 1) for a in (np.arange(sides) + 0.5) / sides * 2 * x - x
    ]
    places += [(s * x, 0.0, -s * np.pi / 2) for s in (-1, 1)] if sides > 1 else []
    objects: list[Object] = list(table.objects)
    for a, b, yaw in places:
        if rng.uniform() < 0.25:
            continue
        if rng.uniform() < 0.15:
            seat = furniture.piece(rng, "chair")
        out = seat.size[2] / 2 - 0.15 + rng.choice([0.0, rng.uniform(0.05, 0.5)])
        towards = np.array([np.sin(yaw), 0.0, np.cos(yaw)])
        turn = yawed(yaw + rng.normal(0, 0.12))
        objects += [moved(thing, rigid(turn, np.array([a, 0.0, b]) - out * towards)) for thing in seat.objects]
    return settled(objects, "table")


def desk_set(rng: np.random.Generator, furniture: FurnitureSource) -> Piece:
    """A desk with a computer on it and a chair before it."""
    desk = furniture.piece(rng, "desk")
    work = furniture.piece(rng, "workplace")
    spare = np.maximum(desk.size - work.size, 0)[[0, 2]] / 2
    x, z = rng.uniform(-spare[0], spare[0]), -spare[1]
    objects = [*desk.objects, *_at(work, np.array([x, desk.size[1], z]), 0.0)]
    for side in (-1, 1):
        thing = furniture.piece(rng, str(rng.choice(["small", "small", "table lamp"])))
        place = side * (desk.size[0] / 2 - thing.size[0] / 2 - 0.03)
        if abs(place - x) > (work.size[0] + thing.size[0]) / 2 + TOUCH:
            objects += _at(thing, np.array([place, desk.size[1], -spare[1] / 2]), rng.normal(0, 0.3))
    if rng.uniform() < 0.85:
        chair = furniture.piece(rng, "chair")
        out = desk.size[2] / 2 + chair.size[2] / 2 + rng.uniform(-0.15, 0.4)
        objects += _at(chair, np.array([rng.uniform(-0.2, 0.2), 0.0, out]), np.pi + rng.normal(0, 0.4))
    return settled(objects, "desk")


def media_set(rng: np.random.Generator, furniture: FurnitureSource) -> Piece:
    """A television on a low board."""
    board, screen = furniture.piece(rng, "low table"), furniture.piece(rng, "screen")
    return settled([*board.objects, *_at(screen, np.array([0.0, board.size[1], 0.0]), rng.normal(0, 0.1))], "screen")


def laden(rng: np.random.Generator, furniture: FurnitureSource, piece: Piece, count: int) -> Piece:
    """The piece with up to ``count`` small things on its top, none through another."""
    half = piece.size[[0, 2]] / 2 * ROUND
    objects, taken = list(piece.objects), np.zeros((0, 3))
    for _ in range(count):
        kind = "table lamp" if rng.uniform() < 0.06 else "small"
        thing = furniture.piece(rng, kind)
        radius = float(np.hypot(thing.size[0], thing.size[2])) / 2
        angle, share = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform())
        room = np.maximum(half - 0.6 * radius, 0)
        x, z = room * share * [np.cos(angle), np.sin(angle)]
        near = np.hypot(taken[:, 0] - x, taken[:, 1] - z) < taken[:, 2] + radius
        if near.any() or radius > half.min() * 1.2:
            continue
        taken = np.vstack([taken, [x, z, radius]])
        objects += _at(thing, np.array([x, piece.size[1], z]), rng.uniform(0, 2 * np.pi))
    return settled(objects, piece.kind)


def _at(piece: Piece, place: np.ndarray, yaw: float) -> list[Object]:
    return [moved(thing, rigid(yawed(yaw), place)) for thing in piece.objects]
