"""Points from range images, as Waymo's LiDARs store their turns (Sun et al. 2020)."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from recon.geometry.transforms import apply


def beam_inclinations(
    stored: Float[np.ndarray, " k"], lowest: float, highest: float, rows: int
) -> Float[np.ndarray, " rows"]:
    """Radians above the horizon of each row, the uppermost first.

    Args:
        stored: of each beam, the lowermost first; empty where they are spread evenly between the two ends.
    """
    if len(stored):
        return stored[::-1].copy()
    return (lowest + (np.arange(rows) + 0.5) / rows * (highest - lowest))[::-1].copy()


def measured_points(
    distance: Float[np.ndarray, "rows columns"],
    inclination: Float[np.ndarray, " rows"],
    T_vehicle_laser: Float[np.ndarray, "4 4"],
) -> tuple[Float[np.ndarray, "n 3"], Bool[np.ndarray, "rows columns"]]:
    """Points in the vehicle's axes, float64, and the pixels that they are of: those with a positive distance.

    Columns run clockwise from behind the vehicle, so the laser's own turn on it is taken out of the azimuth.
    """
    columns = distance.shape[1]
    measured: np.ndarray = np.isfinite(distance) & (distance > 0)
    turn = np.arctan2(T_vehicle_laser[1, 0], T_vehicle_laser[0, 0])
    azimuth = ((columns - np.arange(columns) - 0.5) / columns * 2 - 1) * np.pi - turn
    row, column = np.nonzero(measured)
    level = np.cos(inclination)[row]
    directions = np.stack(
        [level * np.cos(azimuth)[column], level * np.sin(azimuth)[column], np.sin(inclination)[row]], axis=1
    )
    return apply(T_vehicle_laser, directions * distance[measured, None].astype(np.float64)), measured


def at_one_moment(
    points: Float[np.ndarray, "n 3"], poses: Float[np.ndarray, "n 6"], T_world_vehicle: Float[np.ndarray, "4 4"]
) -> Float[np.ndarray, "n 3"]:
    """Points, each in the vehicle's axes of its own time, in those that the vehicle has at one time.

    Args:
        poses: roll, pitch, yaw and place of the vehicle at the time of each point; where all six are zero, as in
            rows that were never filled in, the point stays.
        T_world_vehicle: at the one time.
    """
    stored: np.ndarray = np.isfinite(poses).all(axis=1) & (poses != 0).any(axis=1)
    own = poses[stored].astype(np.float64)
    R = Rotation.from_euler("ZYX", own[:, [2, 1, 0]])
    moved = points.copy()
    world = R.apply(points[stored]) + (own[:, 3:] - T_world_vehicle[:3, 3])  # far from the origin: differences first
    moved[stored] = world @ T_world_vehicle[:3, :3]
    return moved
