"""Scenes of nuScenes (Caesar et al. 2020): six cameras and a LiDAR, each reading with a vehicle pose of its own."""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.base import Problem, Up
from recon.captures.box_tracks import box_tracks
from recon.captures.drive import Drive, DriveCamera, Lidar, RawSweep, Track
from recon.captures.drive_files import drive_camera, frames_in_time
from recon.captures.json_files import numbers
from recon.captures.numbered import counted
from recon.captures.nuscenes_tables import LIDAR, SceneTables, choose_scene, motions
from recon.captures.point_files import decode_points, sweep_points
from recon.errors import CaptureError
from recon.geometry.trajectory import Trajectory

TABLES = re.compile(r"(v1\.0-\w+)/sample_data\.json")
CAMERAS = {
    "CAM_FRONT": "front",
    "CAM_FRONT_LEFT": "front_left",
    "CAM_FRONT_RIGHT": "front_right",
    "CAM_BACK": "back",
    "CAM_BACK_LEFT": "back_left",
    "CAM_BACK_RIGHT": "back_right",
}
SWEEP_COLUMNS = ("x", "y", "z", "intensity", "ring")  # other programs' copies hold a time instead of the ring


class NuScenes(Drive):
    """One scene; the body is the vehicle, the world the data set's own and flat: every vehicle is at height 0.

    Sweeps are stored as if measured at their end, which is their time. Any of the files may be absent.
    """

    format = "nuScenes"
    up: Up = "z"
    signature = "tables in v1.0-mini, v1.0-trainval or v1.0-test, beside samples"

    @staticmethod
    def claims(files: Files) -> bool:
        return any(map(TABLES.fullmatch, files.names))

    @staticmethod
    def holds(root: Path, name: str) -> bool:
        """Whether the tables in a folder have a scene of this name."""
        return any(f'"{name}"' in path.read_text(errors="replace") for path in root.glob("v1.0-*/scene.json"))

    def __init__(self, files: Files, scene: str | None = None) -> None:
        """Raises ``CaptureError`` where no scene is named and several have sweeps."""
        folders = [match.group(1) for name in files.names if (match := TABLES.fullmatch(name))]
        folder, scene = choose_scene(files, folders, scene)
        tables = SceneTables(files, folder, scene)
        cameras, camera_problems = _cameras(files, tables)
        sweeps, sweep_problems = tables.present(LIDAR, "sweep")
        if not sweeps or not cameras:
            raise CaptureError(
                f"{files.path}: no {'sweeps' if cameras else 'pictures'} of {scene} among the files; fetch them"
            )
        times = {place: sweep.seconds for place, sweep in sweeps.items()}
        places, late = frames_in_time({place: sweep.file for place, sweep in sweeps.items()}, times, "sweep")
        trajectory, pose_problems = _trajectory(tables)
        tracks, track_problems = _tracks(tables)
        super().__init__(
            files,
            cameras=cameras,
            lidar=Lidar(
                T_body_lidar=tables.T_vehicle_sensor(next(iter(sweeps.values()))),
                timestamp=np.array([times[place] for place in places], np.float64),
                read=lambda nth: RawSweep(_read_sweep(files, sweeps[places[nth]].file)),
            ),
            trajectory=trajectory,
            tracks=tracks,
            problems=(*camera_problems, *sweep_problems, *late, *pose_problems, *track_problems),
        )
        self.name = scene


def _read_sweep(files: Files, name: str) -> Float[np.ndarray, "n 3"]:
    return sweep_points(decode_points(files.read(name), name, SWEEP_COLUMNS), name)


def _cameras(files: Files, tables: SceneTables) -> tuple[list[DriveCamera], tuple[Problem, ...]]:
    """Those with at least one picture."""
    cameras: list[DriveCamera] = []
    problems: list[Problem] = []
    for channel, name in CAMERAS.items():
        pictures, absent = tables.present(channel, f"picture of camera {name}")
        problems += absent
        if not pictures:
            continue
        first = next(iter(pictures.values()))
        one, found = drive_camera(
            files,
            name,
            {place: picture.file for place, picture in pictures.items()},
            {place: picture.seconds for place, picture in pictures.items()},
            tables.intrinsics(first),
            first.size,
            tables.T_vehicle_sensor(first),
        )
        cameras.append(one)
        problems += found
    return cameras, tuple(problems)


def _trajectory(tables: SceneTables) -> tuple[Trajectory, tuple[Problem, ...]]:
    """Of the vehicle, through the poses of all readings."""
    poses = tables.vehicle_poses()
    if not poses:
        raise CaptureError(f"{tables.where}/ego_pose.json has no usable pose of this scene; fetch the tables again")
    unposed = [
        reading.file for readings in tables.by_channel.values() for reading in readings if reading.seconds not in poses
    ]
    trajectory = Trajectory(np.array(list(poses), np.float64), np.stack(list(poses.values())))
    return trajectory, counted("reading without a usable vehicle pose", unposed, "noted")


def _tracks(tables: SceneTables) -> tuple[tuple[Track, ...], tuple[Problem, ...]]:
    boxes = [box for box in tables.rows("sample_annotation") if box.get("sample_token") in tables.samples]
    width_length_height = np.array([numbers(box.get("size"), 3) for box in boxes]).reshape(-1, 3)
    return box_tracks(
        [str(box.get("instance_token")) for box in boxes],
        np.array([tables.samples[box["sample_token"]] for box in boxes], np.float64),
        motions(boxes),
        width_length_height[:, [1, 0, 2]],
    )
