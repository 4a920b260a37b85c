"""Sensor logs of Argoverse 2 (Wilson et al. 2021): seven ring cameras and two LiDARs stored as one."""

import re

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.arrow_tables import Columns, read_feather, whole_numbers
from recon.captures.base import Problem, Up
from recon.captures.box_tracks import box_tracks
from recon.captures.checks import poses_from_quaternions
from recon.captures.drive import Drive, DriveCamera, Lidar, RawSweep, Track
from recon.captures.drive_files import drive_camera
from recon.captures.numbered import counted, numbered_files
from recon.captures.point_files import sweep_points
from recon.captures.stills import Size
from recon.errors import CaptureError
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import rigid

POSES = "city_SE3_egovehicle.feather"
SENSORS = "calibration/egovehicle_SE3_sensor.feather"
INTRINSICS = "calibration/intrinsics.feather"
BOXES = "annotations.feather"
CAMERAS = {
    "ring_front_center": "front",
    "ring_front_left": "front_left",
    "ring_front_right": "front_right",
    "ring_side_left": "side_left",
    "ring_side_right": "side_right",
    "ring_rear_left": "rear_left",
    "ring_rear_right": "rear_right",
}
STEREO = re.compile(r"sensors/cameras/stereo_[^/]+/.+")
LIDARS = ("up_lidar", "down_lidar")
POSE_COLUMNS = ("qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m")
NANOSECOND = 1e-9


class Argoverse2(Drive):
    """One log; the body is the vehicle, the world its city's axes.

    Sweeps are stored as if measured at their start, which is their time. Pictures are stored without distortion.
    """

    format = "Argoverse 2"
    up: Up = "z"
    signature = f"{POSES} and sensors/lidar"

    @staticmethod
    def claims(files: Files) -> bool:
        return POSES in files.names

    def __init__(self, files: Files) -> None:
        sensors = _sensors(files)
        cameras, camera_problems = _cameras(files, sensors)
        stereo = [name for name in files.names if STEREO.fullmatch(name)]
        if not cameras:
            raise CaptureError(
                f"{files.path}: no pictures in sensors/cameras, as of ring_front_center; fetch the cameras of this log"
            )
        sweeps, _ = numbered_files(files.names, r"sensors/lidar/([0-9]{1,18})\.feather")
        if not sweeps:
            raise CaptureError(f"{files.path}: no sweeps in sensors/lidar; fetch the LiDAR of this log")
        stamps = sorted(sweeps)
        trajectory, pose_problems = _trajectory(files)
        tracks, track_problems = _tracks(files, trajectory)
        centre = np.mean([sensors[name][:3, 3] for name in LIDARS if name in sensors] or [np.zeros(3)], axis=0)
        super().__init__(
            files,
            cameras=cameras,
            lidar=Lidar(
                T_body_lidar=rigid(np.eye(3), centre),  # between the two, along the vehicle's axes
                timestamp=np.array(stamps, np.int64) * NANOSECOND,
                read=lambda nth: RawSweep(_read_sweep(files, sweeps[stamps[nth]], centre)),
            ),
            trajectory=trajectory,
            tracks=tracks,
            problems=(
                *camera_problems,
                *counted("picture of a stereo camera, which is grey", stereo, "dropped"),
                *pose_problems,
                *track_problems,
            ),
        )


def _read_sweep(files: Files, name: str, centre: Float[np.ndarray, "3"]) -> Float[np.ndarray, "n 3"]:
    """Points around the LiDARs' place, stored around the vehicle's as float16."""
    columns = read_feather(files, name, ("x", "y", "z"))
    return sweep_points(columns, name) - centre.astype(np.float32)


def _poses(columns: Columns) -> Float[np.ndarray, "n 4 4"]:
    rows = np.stack([columns[column].astype(np.float64) for column in POSE_COLUMNS], axis=1)
    return poses_from_quaternions(rows[:, [1, 2, 3, 0]], rows[:, 4:])


def _sensors(files: Files) -> dict[str, Float[np.ndarray, "4 4"]]:
    """``T_vehicle_sensor`` by the sensor's name."""
    columns = read_feather(files, SENSORS, ("sensor_name", *POSE_COLUMNS))
    poses = _poses(columns)
    unusable = np.flatnonzero(~np.isfinite(poses).all(axis=(1, 2)))
    if len(unusable):
        raise CaptureError(f"{files.path}: {SENSORS} has no usable pose of {columns['sensor_name'][unusable[0]]}")
    return dict(zip(columns["sensor_name"].tolist(), poses, strict=True))


def _cameras(
    files: Files, sensors: dict[str, Float[np.ndarray, "4 4"]]
) -> tuple[list[DriveCamera], tuple[Problem, ...]]:
    """Ring cameras with pictures."""
    cameras: list[DriveCamera] = []
    problems: list[Problem] = []
    for sensor, name in CAMERAS.items():
        stamped, _ = numbered_files(files.names, rf"sensors/cameras/{sensor}/([0-9]{{1,18}})\.(?:jpg|png)")
        if not stamped:
            continue
        if sensor not in sensors:
            raise CaptureError(f"{files.path}: {SENSORS} has no {sensor}; fetch the calibration again")
        K, size = _intrinsics(files, sensor)
        stamps = sorted(stamped)
        pictures = {place: stamped[stamp] for place, stamp in enumerate(stamps)}
        times = {place: stamp * NANOSECOND for place, stamp in enumerate(stamps)}
        one, found = drive_camera(files, name, pictures, times, K, size, sensors[sensor])
        cameras.append(one)
        problems += found
    return cameras, tuple(problems)


def _intrinsics(files: Files, sensor: str) -> tuple[Float[np.ndarray, "3 3"], Size]:
    """K and the size of pictures; the coefficients beside them are of the lens before its distortion was removed."""
    names = ("fx_px", "fy_px", "cx_px", "cy_px", "width_px", "height_px")
    columns = read_feather(files, INTRINSICS, ("sensor_name", *names))
    row = np.flatnonzero(columns["sensor_name"] == sensor)
    if not len(row):
        raise CaptureError(f"{files.path}: {INTRINSICS} has no {sensor}; fetch the calibration again")
    fx, fy, cx, cy, width, height = (float(columns[name][row[0]]) for name in names)
    if not (np.isfinite([fx, fy, cx, cy]).all() and min(fx, fy, width, height) > 0):
        raise CaptureError(f"{files.path}: {INTRINSICS} has no usable intrinsics of {sensor}")
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), (int(width), int(height))


def _trajectory(files: Files) -> tuple[Trajectory, tuple[Problem, ...]]:
    columns = read_feather(files, POSES, ("timestamp_ns", *POSE_COLUMNS))
    stamps = whole_numbers(columns["timestamp_ns"], f"{files.path}: {POSES}, timestamp_ns")
    T = _poses(columns)
    usable = np.isfinite(T).all(axis=(1, 2))
    if not usable.any():
        raise CaptureError(f"{files.path}: none of the {len(T)} poses in {POSES} is usable; fetch it again")
    times, first = np.unique(stamps[usable] * NANOSECOND, return_index=True)  # some stamps are equal as float64
    unusable = [f"{POSES}, row {row}" for row in np.flatnonzero(~usable).tolist()]
    problems = counted("pose that is no rigid motion", unusable, "dropped")
    return Trajectory(times, T[usable][first]), problems


def _tracks(files: Files, trajectory: Trajectory) -> tuple[tuple[Track, ...], tuple[Problem, ...]]:
    """Boxes are stored in the vehicle's axes at the time of a sweep."""
    if BOXES not in files.names:
        return (), ()
    sizes = ("length_m", "width_m", "height_m")
    columns = read_feather(files, BOXES, ("timestamp_ns", "track_uuid", *sizes, *POSE_COLUMNS))
    times = whole_numbers(columns["timestamp_ns"], f"{files.path}: {BOXES}, timestamp_ns") * NANOSECOND
    return box_tracks(
        columns["track_uuid"].astype(str).tolist(),
        times,
        trajectory.at(times) @ _poses(columns),
        np.stack([columns[size].astype(np.float64) for size in sizes], axis=1),
    )
