"""Pixels of what moves, on a made street whose truth is known."""

import numpy as np
import pytest
from made_drive import MadeStreet, street

from recon.fusion.moving import MeasuredView, moved_pixels

FRAMES = 16
OFFSETS = (-8, -4, -2, -1, 1, 2, 4, 8)


def views(made: MadeStreet) -> list[MeasuredView]:
    return [MeasuredView(d, made.camera, T) for d, T in zip(made.depths, made.T_world_camera, strict=True)]


def marked(made: MadeStreet, row: int) -> np.ndarray:
    every = views(made)
    return moved_pixels(every[row], [every[row + o] for o in OFFSETS if 0 <= row + o < FRAMES])


@pytest.mark.parametrize("row", [6, 12])
def test_most_of_an_oncoming_car_is_marked_and_hardly_anything_else(row):
    made = street(FRAMES, moving=True)
    moved, truth = marked(made, row), made.moving[row]
    assert (moved & truth).sum() > 0.7 * truth.sum()
    assert (moved & ~truth).sum() < 0.005 * moved.size


@pytest.mark.parametrize("row", [0, 7, 15])
def test_nothing_is_marked_where_nothing_moves(row):
    assert not marked(street(FRAMES), row).any()


def test_one_view_alone_proves_nothing():
    (view, *_) = views(street(FRAMES, moving=True))
    assert not moved_pixels(view, []).any()


def test_a_view_passes_through_what_is_nearer_than_it_measured_and_not_through_what_it_cannot_see():
    made = street(FRAMES)
    view = views(made)[0]
    row, column = 70, 100
    ahead = np.array([(column - made.camera.cx) / made.camera.fx, (row - made.camera.cy) / made.camera.fy, 1.0])
    depth = float(made.depths[0][row, column])
    T = made.T_world_camera[0]
    points = np.stack([T[:3, :3] @ (ahead * z) + T[:3, 3] for z in (0.5 * depth, depth, 1.5 * depth, -1.0)])
    assert view.passes_through(points).tolist() == [True, False, False, False]
