"""Where the poses of a drive come from."""

from pathlib import Path

import numpy as np

from recon.captures.base import Problem
from recon.captures.checks import require_poses
from recon.captures.drive import Drive
from recon.errors import CaptureError
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import invert
from recon.poses.files import poses_from_file
from recon.settings import Settings
from recon.stream import Progress


def drive_trajectory(drive: Drive, settings: Settings, progress: Progress) -> tuple[Trajectory, tuple[Problem, ...]]:
    """The body's trajectory by the poses that the settings name, with what was wrong on the way.

    A file holds ``T_world_camera`` of the front camera, or of the first where none is called front.
    """
    if settings.poses == "lidar":
        from recon.poses.lidar_odometry import lidar_trajectory

        return lidar_trajectory(drive, progress)
    if settings.poses == "capture":
        if drive.trajectory is None:
            raise CaptureError(f"{drive.name}: no poses in the drive; give --poses lidar, or a file of them")
        return drive.trajectory, ()
    front = drive.front
    table = drive.select([front.name]).table
    T_world_camera = poses_from_file(Path(settings.poses), table)
    require_poses(T_world_camera, settings.poses)
    usable = np.isfinite(T_world_camera).all(axis=(1, 2))
    times, first = np.unique(table.timestamp[usable], return_index=True)
    return Trajectory(times, T_world_camera[usable][first] @ invert(front.T_body_camera)), ()
