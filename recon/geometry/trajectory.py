"""Quantities of a sequence of poses."""

import numpy as np
from jaxtyping import Float

from recon.geometry.transforms import rotation_angle


def steps(
    T_world_camera: Float[np.ndarray, "n 4 4"],
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Distance (m) and turn (rad) from each pose to the next; one fewer than the poses."""
    R = T_world_camera[:, :3, :3]
    distance = np.linalg.norm(np.diff(T_world_camera[:, :3, 3], axis=0), axis=1)
    return distance, rotation_angle(np.swapaxes(R[:-1], -1, -2) @ R[1:])


def path_length(T_world_camera: Float[np.ndarray, "n 4 4"]) -> float:
    """Length of the camera's path, metres."""
    return float(steps(T_world_camera)[0].sum())
