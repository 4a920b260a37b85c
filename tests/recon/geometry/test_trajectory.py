import numpy as np
import pytest

from recon.geometry.trajectory import Trajectory, path_length, steps
from recon.geometry.transforms import from_quaternion_xyzw


def test_the_path_is_as_long_as_its_steps() -> None:
    T = np.tile(np.eye(4), (4, 1, 1))
    T[:, :3, 3] = [[0, 0, 0], [3, 4, 0], [3, 4, 0], [3, 4, 2]]
    distance, turn = steps(T)
    np.testing.assert_allclose(distance, [5, 0, 2])
    np.testing.assert_array_equal(turn, 0)
    assert path_length(T) == 7


def test_turns_are_between_neighbours_and_do_not_depend_on_the_world() -> None:
    half_angles = np.deg2rad([0, 10, 30, 60]) / 2
    about_y = np.stack([0 * half_angles, np.sin(half_angles), 0 * half_angles, np.cos(half_angles)], axis=1)
    T = from_quaternion_xyzw(about_y, np.zeros((4, 3)))
    elsewhere = from_quaternion_xyzw(np.array([0.1, 0.5, -0.3, 0.7]), np.array([5.0, 6, 7]))
    np.testing.assert_allclose(np.rad2deg(steps(T)[1]), [10, 20, 30])
    np.testing.assert_allclose(steps(elsewhere @ T)[1], steps(T)[1], atol=1e-12)


def test_one_pose_and_none_have_no_path() -> None:
    assert path_length(np.eye(4)[None]) == 0
    assert path_length(np.zeros((0, 4, 4))) == 0


def path(times: np.ndarray) -> np.ndarray:
    """Poses that go at 2 m/s along x and turn at 0.5 rad/s about z."""
    about_z = np.stack([0 * times, 0 * times, np.sin(0.25 * times), np.cos(0.25 * times)], axis=1)
    return from_quaternion_xyzw(about_z, np.stack([2 * times, 0 * times, 0 * times], axis=1))


TIMES = np.array([0.0, 0.1, 0.2, 0.4])


def test_stored_poses_come_out_as_they_are() -> None:
    np.testing.assert_array_equal(Trajectory(TIMES, path(TIMES)).at(TIMES[::-1]), path(TIMES)[::-1])


def test_between_two_poses_the_motion_is_steady() -> None:
    asked = np.array([0.03, 0.25, 0.39])
    np.testing.assert_allclose(Trajectory(TIMES, path(TIMES)).at(asked), path(asked), atol=1e-12)


def test_a_little_past_an_end_the_motion_goes_on_and_farther_nothing_is_known() -> None:
    trajectory = Trajectory(TIMES, path(TIMES))  # whose median step is 0.1 s
    near, far = np.array([-0.059, 0.459]), np.array([-0.061, 0.461, np.nan])
    np.testing.assert_allclose(trajectory.at(near), path(near), atol=1e-12)
    assert np.isnan(trajectory.at(far)).all()


def test_gaps_of_more_than_half_a_second_are_not_bridged() -> None:
    times = np.array([0.0, 0.1, 0.7, 0.8])
    known = np.isfinite(Trajectory(times, path(times)).at(np.array([0.05, 0.1, 0.101, 0.4, 0.7, 0.75]))).all(
        axis=(1, 2)
    )
    assert known.tolist() == [True, True, False, False, True, True]


def test_a_single_pose_is_known_at_its_time_alone() -> None:
    poses = Trajectory(TIMES[1:2], path(TIMES[1:2])).at(np.array([0.1, 0.1001]))
    assert np.isfinite(poses[0]).all()
    assert np.isnan(poses[1]).all()


@pytest.mark.parametrize("times", [[], [0.0, 0.0, 0.1], [0.1, 0.0, 0.2]])
def test_there_must_be_times_and_they_must_rise(times: list[float]) -> None:
    with pytest.raises(ValueError, match="Trajectory"):
        Trajectory(np.array(times, np.float64), path(TIMES[: len(times)]))


def test_poses_must_be_finite() -> None:
    T = path(TIMES)
    T[1, 0, 3] = np.nan
    with pytest.raises(ValueError, match="finite"):
        Trajectory(TIMES, T)
