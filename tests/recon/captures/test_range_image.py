"""Geometry of range images, against numbers on paper and points that stand still while the vehicle moves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from recon.captures.range_image import at_one_moment, beam_inclinations, measured_points
from recon.geometry.transforms import apply, invert, rigid

PLACE = np.array([1.4, 0.0, 2.2])


def laser(yaw: float) -> np.ndarray:
    return rigid(Rotation.from_euler("z", yaw).as_matrix(), PLACE)


@given(yaw=st.floats(-3.1, 3.1))
def test_the_middle_column_looks_ahead_and_the_others_turn_clockwise_from_behind(yaw: float) -> None:
    distance = np.full((1, 5), 10.0)
    points, measured = measured_points(distance, np.zeros(1), laser(yaw))
    assert measured.all()
    azimuth = np.deg2rad([144.0, 72.0, 0.0, -72.0, -144.0])
    expected = PLACE + 10 * np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros(5)], axis=1)
    np.testing.assert_allclose(points, expected, atol=1e-9)


def test_the_first_row_is_the_uppermost_beam() -> None:
    stored = np.array([-0.3, -0.1, 0.05])
    np.testing.assert_array_equal(beam_inclinations(stored, 0.0, 0.0, 3), [0.05, -0.1, -0.3])
    np.testing.assert_allclose(beam_inclinations(np.zeros(0), -0.4, 0.4, 4), [0.3, 0.1, -0.1, -0.3])
    points, _ = measured_points(np.array([[10.0], [20.0]]), np.array([0.5, -0.5]), np.eye(4))
    np.testing.assert_allclose(points[:, 2], [10 * np.sin(0.5), -20 * np.sin(0.5)])
    np.testing.assert_allclose(points[:, 0], [10 * np.cos(0.5), 20 * np.cos(0.5)])


def test_what_was_not_measured_is_no_point() -> None:
    distance = np.array([[0.0, 3.0, -1.0, np.nan, 4.0]], np.float32)
    points, measured = measured_points(distance, np.zeros(1), np.eye(4))
    assert measured.tolist() == [[False, True, False, False, True]]
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), [3, 4])


@given(seed=st.integers(0, 2**32 - 1), far=st.sampled_from([0.0, 25_000.0]))
def test_what_stands_still_is_at_one_place_however_the_vehicle_moves(seed: int, far: float) -> None:
    generator = np.random.default_rng(seed)
    turns = generator.uniform(-0.3, 0.3, (6, 3)) + np.array([0, 0, 2.0])
    way = generator.uniform(-2, 2, (6, 3)) + np.array([-far, 1.7 * far, 0])
    vehicles = [
        rigid(
            Rotation.from_euler("z", yaw).as_matrix()
            @ Rotation.from_euler("y", pitch).as_matrix()
            @ Rotation.from_euler("x", roll).as_matrix(),
            place,
        )
        for (roll, pitch, yaw), place in zip(turns, way, strict=True)
    ]
    world = np.array([-far + 12, 1.7 * far - 7, 3.0])
    seen = np.array([apply(invert(T), world) for T in vehicles])
    found = at_one_moment(seen, np.column_stack([turns, way]), vehicles[0])
    np.testing.assert_allclose(found, np.tile(seen[0], (6, 1)), atol=1e-8 * max(far, 1))


@pytest.mark.parametrize("pose", [np.zeros(6), np.full(6, np.nan)])
def test_points_whose_pose_was_never_filled_in_stay(pose: np.ndarray) -> None:
    points = np.array([[5.0, 1.0, 2.0], [6.0, 1.0, 2.0]])
    T = rigid(Rotation.from_euler("z", 0.3).as_matrix(), np.array([100.0, 200, 0]))
    own = np.array([0, 0, 0.3, 101.0, 200, 0])  # a metre farther along the world's x
    found = at_one_moment(points, np.stack([pose, own]), T)
    np.testing.assert_allclose(found[0], points[0])
    np.testing.assert_allclose(found[1] - points[1], [np.cos(0.3), -np.sin(0.3), 0], atol=1e-9)
