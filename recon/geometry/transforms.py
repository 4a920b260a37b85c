"""Rigid motions as 4x4 float64 matrices named ``T_to_from``."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

# Turns the camera axes of OpenGL and ARKit (y up, looking along -z) into OpenCV's, and back:
# T_world_camera = T_world_arkit @ OPENGL_FROM_OPENCV.
OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


def rigid(rotation: Float[np.ndarray, "3 3"], translation: Float[np.ndarray, "3"]) -> Float[np.ndarray, "4 4"]:
    """The motion ``p -> rotation @ p + translation``."""
    T = np.eye(4)
    T[:3, :3] = rotation
    T[:3, 3] = translation
    return T


def from_quaternion_xyzw(
    quaternion: Float[np.ndarray, "*batch 4"], translation: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch 4 4"]:
    """Motions from scalar-last quaternions of any positive length and translations in metres."""
    T = np.zeros((*quaternion.shape[:-1], 4, 4))
    T[..., :3, :3] = Rotation.from_quat(quaternion.reshape(-1, 4)).as_matrix().reshape(*quaternion.shape[:-1], 3, 3)
    T[..., :3, 3] = translation
    T[..., 3, 3] = 1.0
    return T


def to_quaternion_xyzw(T: Float[np.ndarray, "*batch 4 4"]) -> Float[np.ndarray, "*batch 4"]:
    """Scalar-last unit quaternions of the rotations, with a scalar part that is not negative."""
    flat = T[..., :3, :3].reshape(-1, 3, 3)
    return Rotation.from_matrix(flat).as_quat(canonical=True).reshape(*T.shape[:-2], 4)


def invert(T: Float[np.ndarray, "*batch 4 4"]) -> Float[np.ndarray, "*batch 4 4"]:
    """``T_b_a`` from ``T_a_b``, by transposing the rotation."""
    inverse = np.zeros_like(T)
    R_transposed = np.swapaxes(T[..., :3, :3], -1, -2)
    inverse[..., :3, :3] = R_transposed
    inverse[..., :3, 3] = -(R_transposed @ T[..., :3, 3, None])[..., 0]
    inverse[..., 3, 3] = 1.0
    return inverse


def apply(T_to_from: Float[np.ndarray, "4 4"], points: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
    """Points moved from one frame to another; the result has the points' dtype."""
    moved = points @ T_to_from[:3, :3].T + T_to_from[:3, 3]
    return moved.astype(points.dtype, copy=False)


def rotation_angle(R: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch"]:
    """Angle of each rotation, radians in [0, pi]."""
    # The sine from the antisymmetric part keeps small angles exact where arccos of the trace loses them.
    sine = np.linalg.norm(
        np.stack(
            [R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]],
            axis=-1,
        ),
        axis=-1,
    )
    return np.asarray(np.arctan2(sine, np.trace(R, axis1=-2, axis2=-1) - 1.0))  # an array of one matrix too


def nearest_rotation(matrix: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """The orthonormal matrices closest to these in the Frobenius norm; a reflection stays one.

    Orthogonal Procrustes problem: U V^T of the singular value decomposition.
    """
    U, _, Vt = np.linalg.svd(matrix)
    return U @ Vt
