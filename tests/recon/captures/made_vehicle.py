"""The made street seen from a vehicle whose sensors fire at moments of their own, as data sets store it."""

import numpy as np
from made_drive import T_CAMERA_LIDAR, MadeStreet, lidar_poses
from scipy.spatial.transform import Rotation

from recon.geometry.transforms import apply, invert, rigid

T_EGO_LIDAR = rigid(Rotation.from_euler("xyz", [1.0, -2.0, 0.5], degrees=True).as_matrix(), np.array([0.9, 0.1, 1.8]))
T_EGO_CAMERA = T_EGO_LIDAR @ invert(T_CAMERA_LIDAR)
SWEEP_DELAY = 0.035  # seconds after the picture


def ego_poses(times: np.ndarray) -> np.ndarray:
    """T_world_ego."""
    return lidar_poses(times) @ invert(T_EGO_LIDAR)


def sweep_from_ego(made: MadeStreet, number: int, time: float) -> np.ndarray:
    """What stands where sweep ``number`` hit it, in the vehicle's axes at ``time``; float64."""
    world = apply(made.T_world_lidar[number], made.sweeps[number].astype(np.float64))
    return apply(invert(ego_poses(np.array([time]))[0]), world)


def expected_points(made: MadeStreet, number: int) -> np.ndarray:
    """The same in the axes of the camera at the time of its picture."""
    return apply(made.T_camera_lidar, made.sweeps[number].astype(np.float64))


def wxyz(T: np.ndarray) -> list[float]:
    return Rotation.from_matrix(T[:3, :3]).as_quat()[[3, 0, 1, 2]].tolist()
