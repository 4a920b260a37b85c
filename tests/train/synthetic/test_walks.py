"""Views of a walk keep clear of what there is, follow each other closely and look where a person would."""

from itertools import pairwise

import numpy as np
import pytest

from recon.geometry.camera import Camera
from train.synthetic.placement import to_boxes
from train.synthetic.scene import View
from train.synthetic.walks import NEAREST, STEP, SWAY, TREMBLE, TURN, Ground, facing, walk

CAMERA = Camera.from_focal(320, 240, 230.0, 230.0, 159.5, 119.5)
THINGS = np.array([[[-0.4, 0.0, -0.6], [0.4, 2.4, 0.6]], [[1.2, 0.0, 1.0], [2.0, 0.8, 1.4]]])  # a pillar, a table
LOW, HIGH = np.array([-2.5, 0.0, -2.0]), np.array([2.5, 2.5, 2.0])


def clearance(points: np.ndarray) -> np.ndarray:
    inside = np.minimum(points - LOW, HIGH - points).min(axis=1)
    return np.minimum(inside, to_boxes(points, THINGS))


def walked(seed: int, views: int = 40) -> tuple[View, ...]:
    ground = Ground(clearance, np.array([-2.1, 0.8, -1.6]), np.array([2.1, 1.8, 1.6]), THINGS)
    return walk(np.random.default_rng(seed), ground, CAMERA, views)


@pytest.mark.parametrize("seed", range(8))
def test_views_keep_their_distance_and_follow_each_other(seed: int) -> None:
    views = walked(seed)
    assert len(views) == 40
    poses = np.array([view.T_world_camera for view in views])
    assert clearance(poses[:, :3, 3]).min() >= NEAREST
    steps = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    assert steps.max() <= STEP[1] + 2 * SWAY * np.sqrt(3)
    cosines = (poses[:-1, :3, 2] * poses[1:, :3, 2]).sum(axis=1)
    assert np.arccos(np.clip(cosines, -1, 1)).max() <= TURN + 4 * TREMBLE


@pytest.mark.parametrize("seed", range(4))
def test_neighbouring_views_overlap(seed: int) -> None:
    """More than half of what one view sees, 2 m away, is inside the next."""
    views = walked(seed)
    v, u = np.mgrid[0:240:16, 0:320:16].reshape(2, -1)
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.size)])
    points = np.vstack([2 * rays, np.ones(u.size)])
    for one, other in pairwise(views):
        x, y, z, _ = np.linalg.inv(other.T_world_camera) @ one.T_world_camera @ points
        seen_u, seen_v = CAMERA.fx * x / z + CAMERA.cx, CAMERA.fy * y / z + CAMERA.cy
        seen = (z > 0) & (seen_u > 0) & (seen_u < 319) & (seen_v > 0) & (seen_v < 239)
        assert seen.mean() > 0.5


def test_walks_repeat_from_their_generator() -> None:
    one, again, other = walked(3), walked(3), walked(4)
    np.testing.assert_array_equal(one[-1].T_world_camera, again[-1].T_world_camera)
    assert (one[0].T_world_camera != other[0].T_world_camera).any()


def test_phones_are_held_upright_and_on_their_side_and_mostly_look_down_a_little() -> None:
    first = np.array([walked(seed, 1)[0].T_world_camera for seed in range(80)])
    up = first[:, 1, :2] / np.linalg.norm(first[:, 1, :2], axis=1, keepdims=True)  # the world's, in the picture
    upright, sideways = up[:, 1] < -0.95, np.abs(up[:, 0]) > 0.95
    assert (upright | sideways).all()
    assert 0.4 < upright.mean() < 0.8
    pitch = np.arcsin(first[:, 1, 2])
    assert -np.radians(40) < np.median(pitch) < -np.radians(4)


def test_some_views_are_close_to_things() -> None:
    eyes = np.array([walked(seed, 1)[0].T_world_camera[:3, 3] for seed in range(80)])
    nearest = to_boxes(eyes, THINGS)
    assert (nearest < 0.8).mean() > 0.2


def test_rotations_are_opencvs() -> None:
    level = facing(np.array([0.0, 0.0, 1.0]), 0.0)
    np.testing.assert_allclose(level, np.diag([-1.0, -1.0, 1.0]), atol=1e-12)  # looking along z, x is to the left
    for roll in (0.0, 0.4, np.pi / 2):
        R = facing(np.array([0.3, -0.4, 0.8]), roll)
        np.testing.assert_allclose(R.T @ R, np.eye(3), atol=1e-12)
        assert np.linalg.det(R) == pytest.approx(1)


def test_a_place_without_free_space_still_gives_views() -> None:
    cramped = Ground(lambda points: np.full(len(points), 0.1), LOW, HIGH, THINGS[:0])
    assert len(walk(np.random.default_rng(0), cramped, CAMERA, 5)) == 5
