import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recon.geometry.transforms import (
    OPENGL_FROM_OPENCV,
    apply,
    from_quaternion_xyzw,
    invert,
    nearest_rotation,
    rigid,
    rotation_angle,
    to_quaternion_xyzw,
)

FLOAT64_ROUNDING = 1e-12  # of values near 1
metres = arrays(np.float64, (5, 3), elements=st.floats(-10, 10))
quaternions = arrays(np.float64, (5, 4), elements=st.floats(-1, 1)).filter(
    lambda q: (np.linalg.norm(q, axis=1) > 1e-3).all()
)
motions = st.builds(from_quaternion_xyzw, quaternions, metres)
matrices = arrays(np.float64, (4, 3, 3), elements=st.floats(-2, 2))


@given(motions)
def test_inverting_twice_changes_nothing(T: np.ndarray) -> None:
    np.testing.assert_allclose(invert(invert(T)), T, atol=1e-11)


@given(motions)
def test_a_motion_followed_by_its_inverse_is_no_motion(T: np.ndarray) -> None:
    np.testing.assert_allclose(T @ invert(T), np.broadcast_to(np.eye(4), T.shape), atol=1e-11)


@given(motions, metres)
def test_applying_two_motions_is_applying_their_product(T: np.ndarray, points: np.ndarray) -> None:
    np.testing.assert_allclose(apply(T[0] @ T[1], points), apply(T[0], apply(T[1], points)), atol=1e-11)


@given(motions)
def test_quaternions_come_back_as_the_same_rotation(T: np.ndarray) -> None:
    quaternion = to_quaternion_xyzw(T)
    np.testing.assert_allclose(np.linalg.norm(quaternion, axis=-1), 1, atol=FLOAT64_ROUNDING)
    assert (quaternion[..., 3] >= 0).all()
    np.testing.assert_allclose(from_quaternion_xyzw(quaternion, T[..., :3, 3]), T, atol=1e-11)


def test_the_scalar_of_a_quaternion_comes_last() -> None:
    quarter_turn_about_z = np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)])
    T = from_quaternion_xyzw(quarter_turn_about_z, np.array([1.0, 2, 3]))
    np.testing.assert_allclose(T, [[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]], atol=FLOAT64_ROUNDING)


def test_a_quaternion_may_have_any_length() -> None:
    short = from_quaternion_xyzw(np.array([0.1, 0.2, 0.3, 0.4]), np.zeros(3))
    long = from_quaternion_xyzw(np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(3))
    np.testing.assert_allclose(short, long, atol=FLOAT64_ROUNDING)


def test_no_poses_are_no_quaternions_and_back() -> None:
    assert to_quaternion_xyzw(np.zeros((0, 4, 4))).shape == (0, 4)
    assert from_quaternion_xyzw(np.zeros((0, 4)), np.zeros((0, 3))).shape == (0, 4, 4)
    assert invert(np.zeros((0, 4, 4))).shape == (0, 4, 4)


def test_points_keep_their_dtype_when_moved() -> None:
    T = rigid(np.eye(3), np.array([1.0, 0, 0]))
    assert apply(T, np.zeros((2, 3), np.float32)).dtype == np.float32
    assert apply(T, np.zeros((2, 2, 3))).dtype == np.float64


@given(st.floats(1e-9, np.pi - 1e-6), arrays(np.float64, 3, elements=st.floats(-1, 1)))
def test_the_angle_of_a_turn_about_any_axis_is_that_angle(angle: float, axis: np.ndarray) -> None:
    length = np.linalg.norm(axis)
    axis = axis / length if length > 1e-3 else np.array([0.0, 1.0, 0.0])
    quaternion = np.append(np.sin(angle / 2) * axis, np.cos(angle / 2))
    R = from_quaternion_xyzw(quaternion, np.zeros(3))[:3, :3]
    np.testing.assert_allclose(rotation_angle(R), angle, rtol=1e-6, atol=1e-15)


def test_half_a_turn_and_none_have_angles() -> None:
    assert rotation_angle(np.eye(3)) == 0
    np.testing.assert_allclose(rotation_angle(np.diag([1.0, -1.0, -1.0])), np.pi)


@given(matrices)
def test_the_nearest_rotation_of_a_rotation_is_itself(matrix: np.ndarray) -> None:
    R = nearest_rotation(matrix)
    np.testing.assert_allclose(R @ np.swapaxes(R, -1, -2), np.broadcast_to(np.eye(3), R.shape), atol=1e-12)
    np.testing.assert_allclose(nearest_rotation(R), R, atol=1e-12)


@given(motions, arrays(np.float64, (3, 3), elements=st.floats(-1e-4, 1e-4)))
def test_the_nearest_rotation_undoes_rounding(T: np.ndarray, noise: np.ndarray) -> None:
    R = T[0, :3, :3]
    np.testing.assert_allclose(nearest_rotation(R + noise), R, atol=3 * 3e-4)


def test_a_reflection_stays_a_reflection() -> None:
    np.testing.assert_allclose(nearest_rotation(np.diag([1.0, 1.0, -1.01])), np.diag([1.0, 1.0, -1.0]), atol=1e-12)


def test_opengl_cameras_look_along_minus_z_with_y_up() -> None:
    ahead_and_down_in_opencv = np.array([[0.0, 1.0, 2.0]])
    np.testing.assert_array_equal(apply(OPENGL_FROM_OPENCV, ahead_and_down_in_opencv), [[0.0, -1.0, -2.0]])
