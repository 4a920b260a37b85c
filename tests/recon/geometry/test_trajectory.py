import numpy as np

from recon.geometry.trajectory import path_length, steps
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
