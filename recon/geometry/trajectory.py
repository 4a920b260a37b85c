"""Sequences of poses."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from recon.geometry.transforms import rotation_angle

LONGEST_GAP = 0.5  # seconds between two poses that are still interpolated
ALLOWED_BEYOND = 0.6  # of a median step past either end that the motion there is continued: half a turn of a LiDAR


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The poses of a moving body over time."""

    timestamp: Float[np.ndarray, " n"]  # seconds, strictly increasing, at least one
    T_world_body: Float[np.ndarray, "n 4 4"]

    def __post_init__(self) -> None:
        if not len(self.timestamp) or len(self.timestamp) != len(self.T_world_body):
            raise ValueError(f"Trajectory of {len(self.timestamp)} times and {len(self.T_world_body)} poses")
        if not (np.isfinite(self.T_world_body).all() and (np.diff(self.timestamp) > 0).all()):
            raise ValueError("Trajectory needs finite poses at strictly increasing times")

    def at(self, times: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m 4 4"]:
        """Poses at these times, linear in place, by the shortest turn in rotation; exact at stored times.

        NaN inside a gap of more than half a second and farther past an end than 0.6 median steps.
        """
        poses = np.full((len(times), 4, 4), np.nan)
        known = self.timestamp
        before = np.clip(np.searchsorted(known, times, side="right") - 1, 0, max(len(known) - 2, 0))
        exact = known[np.clip(np.searchsorted(known, times), 0, len(known) - 1)] == times
        poses[exact] = self.T_world_body[np.searchsorted(known, times[exact])]
        if len(known) == 1:
            return poses
        step = np.diff(known)
        beyond = ALLOWED_BEYOND * float(np.median(step))
        between = (times >= known[0] - beyond) & (times <= known[-1] + beyond) & (step[before] <= LONGEST_GAP) & ~exact
        start = before[between]
        share = (times[between] - known[start]) / step[start]
        first, second = self.T_world_body[start], self.T_world_body[start + 1]
        R_first = Rotation.from_matrix(first[:, :3, :3])
        turn = (R_first.inv() * Rotation.from_matrix(second[:, :3, :3])).as_rotvec()
        moved = np.tile(np.eye(4), (len(start), 1, 1))
        moved[:, :3, :3] = (R_first * Rotation.from_rotvec(share[:, None] * turn)).as_matrix()
        moved[:, :3, 3] = first[:, :3, 3] + share[:, None] * (second[:, :3, 3] - first[:, :3, 3])
        poses[between] = moved
        return poses


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
