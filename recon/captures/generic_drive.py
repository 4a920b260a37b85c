"""Drives of one's own vehicle or robot: a folder of pictures, sweeps, poses and one ``calib.yaml``."""

import posixpath
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.base import Problem, Up
from recon.captures.checks import poses_from_quaternions
from recon.captures.drive import Drive, DriveCamera, Lidar, RawSweep
from recon.captures.drive_files import Pictures, frames_in_time, picture_camera
from recon.captures.generic_calibration import CalibratedCamera, GenericCalibration, read_calibration
from recon.captures.generic_series import NANOSECONDS_FROM, PERIOD, Series, frame_number, read_series
from recon.captures.numbered import counted
from recon.captures.point_files import decode_points, sweep_points
from recon.captures.text_tables import number_lines, pose_lines, read_text, require_times
from recon.captures.undistortion import Image, undistortion
from recon.errors import CaptureError
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import invert

CALIBRATIONS = ("calib.yaml", "calib.yml")
DEFAULT_POSES = "poses.txt"
PLAUSIBLE_RANGE = (0.5, 500.0)  # metres, of the median of a sweep
SWEEPS_TRIED = 3  # for the unit
SHORTEST_POSE_STEP = 1e-4  # seconds; inertial systems give a thousand poses a second
TUM_COLUMNS = 8  # t x y z qx qy qz qw
KITTI_COLUMNS = (12, 16)
COUNTS_SHOWN = 5


class GenericDrive(Drive):
    """One drive; the body is what the poses are of, the world is theirs. docs/drives.md describes the folder."""

    format = "drive folder"
    signature = "calib.yaml beside images and lidar"

    @staticmethod
    def claims(files: Files) -> bool:
        return any(name in files.names for name in CALIBRATIONS) and any(
            name.startswith(("images/", "lidar/")) for name in files.names
        )

    def __init__(self, files: Files) -> None:
        name = next(name for name in CALIBRATIONS if name in files.names)
        calibration = read_calibration(read_text(files, name), f"{files.path}: {name}")
        pictures, sweeps, posed, problems = read_series(files, tuple(calibration.cameras), calibration.poses_of)
        trajectory, pose_problems = _trajectory(files, calibration, posed)
        cameras: list[DriveCamera] = []
        for camera, series in pictures.items():
            one, found = _camera(files, camera, calibration.cameras[camera], series, calibration.T_body_lidar)
            cameras.append(one)
            problems += found
        places, late = frames_in_time(*sweeps.by_place, "sweep")
        _require_metres(files, calibration, [sweeps.names[place] for place in places])
        super().__init__(
            files,
            cameras=cameras,
            lidar=Lidar(
                T_body_lidar=calibration.T_body_lidar,
                timestamp=np.array([sweeps.times[place] for place in places], np.float64),
                read=lambda nth: _read_sweep(files, calibration, sweeps.names[places[nth]]),
                min_range=calibration.min_range,
            ),
            trajectory=trajectory,
            problems=(*problems, *late, *pose_problems),
        )
        self.up: Up = calibration.up


def _read_sweep(files: Files, calibration: GenericCalibration, name: str) -> RawSweep:
    columns = decode_points(files.read(name), name, calibration.lidar_columns)
    points = sweep_points(columns, name)
    if calibration.deskewed:
        return RawSweep(points)
    if "time" not in columns:
        raise CaptureError(
            f"{name}: no column time (seconds after the sweep's own time), without which a sweep that is not deskewed "
            f"cannot be used; it has {', '.join(columns)}"
        )
    seconds = columns["time"].astype(np.float64)
    if not np.abs(seconds).max(initial=0) <= 1:
        raise CaptureError(f"{name}: time runs to {np.abs(seconds).max():g}; seconds after the sweep's time are needed")
    return RawSweep(points, seconds)


def _require_metres(files: Files, calibration: GenericCalibration, names: Sequence[str]) -> None:
    """Raises ``CaptureError`` if the first sweeps that can be read are none around a vehicle."""
    medians = []
    for name in names[:SWEEPS_TRIED]:
        try:
            columns = decode_points(files.read(name), name, calibration.lidar_columns)
        except CaptureError:
            continue  # raised again, and counted, when the sweep is used
        distance = np.linalg.norm(np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float64), axis=1)
        distance = distance[np.isfinite(distance) & (distance > 0)]
        medians += [float(np.median(distance))] if len(distance) else []
    low, high = PLAUSIBLE_RANGE
    if medians and not low <= float(np.median(medians)) <= high:
        raise CaptureError(
            f"{files.path}: half of the LiDAR's points lie within {np.median(medians):.4g} m; store metres, or name "
            "the columns in lidar_columns"
        )


def _camera(
    files: Files, name: str, calibrated: CalibratedCamera, series: Series, T_body_lidar: Float[np.ndarray, "4 4"]
) -> tuple[DriveCamera, tuple[Problem, ...]]:
    places, problems = frames_in_time(*series.by_place, f"picture of camera {name}")
    names = [series.names[place] for place in places]
    camera = picture_camera(files, names or series.names, calibrated.K, calibrated.size)
    image: Callable[[int], Image] = Pictures(files, names, camera)
    if calibrated.model != "pinhole":
        camera, straighten = undistortion(camera, calibrated.model, calibrated.D)
        image = partial(_straight, image, straighten)
    numbers = [frame_number(other) for other in names]
    index = numbers if None not in numbers and len({*numbers}) == len(numbers) else places
    return (
        DriveCamera(
            name=name,
            camera=camera,
            T_body_camera=T_body_lidar @ invert(calibrated.T_camera_lidar),
            index=np.array(index, np.int64),
            timestamp=np.array([series.times[place] for place in places], np.float64),
            image=image,
        ),
        problems,
    )


def _straight(read: Callable[[int], Image], straighten: Callable[[Image], Image], number: int) -> Image:
    return straighten(read(number))


def _trajectory(
    files: Files, calibration: GenericCalibration, posed: Series
) -> tuple[Trajectory | None, tuple[Problem, ...]]:
    """The poses at their own times, or at those of the files that they belong to; None where none is usable."""
    name = posixpath.normpath((calibration.poses_file or DEFAULT_POSES).replace("\\", "/"))
    if name.startswith(("/", "../")) or name == "..":
        raise CaptureError(f"{files.path}: calib.yaml, poses_file is {name}; poses_file must lie inside the drive")
    if name not in files.names:
        if calibration.poses_file is not None:
            raise CaptureError(f"{files.path}: no {name}, which calib.yaml names as poses_file")
        return None, ()
    text = "\n".join(line.split("#")[0].replace(",", " ") for line in read_text(files, name).splitlines())
    lines = number_lines(text)
    columns = {len(line) for line in lines if line is not None}
    if columns == {TUM_COLUMNS}:
        times, T = _tum(lines)
        problems: tuple[Problem, ...] = ()
        if np.isfinite(times).any():
            require_times(times, f"{files.path}: {name}", SHORTEST_POSE_STEP)
        _require_common_time(files, name, times, posed)
    elif columns and columns <= {*KITTI_COLUMNS}:
        T = pose_lines(text, name)
        times, problems = _times_of_lines(files, name, len(T), posed)
    else:
        what = (
            f"{name}: lines of {', '.join(map(str, sorted(columns)[:COUNTS_SHOWN])) or 'no'} numbers, so the drive has "
            "no poses; TUM poses have 8 (t x y z qx qy qz qw), KITTI's 12 or 16"
        )
        return None, (Problem(what, 1, "noted"),)
    usable = np.isfinite(T).all(axis=(1, 2)) & np.isfinite(times)
    order = np.flatnonzero(usable)[np.argsort(times[usable], kind="stable")]
    order = order[np.diff(times[order], prepend=-np.inf) > 0]
    written = np.array([line is not None for line in lines], bool)
    if problems:
        written &= np.isfinite(times)  # the others are counted as lines without a file
    unusable = [f"{name}, line {row + 1}" for row in np.setdiff1d(np.flatnonzero(written), order).tolist()]
    if not len(order):
        what = f"{name}: none of its {len(T)} poses is usable, so the drive has no poses"
        return None, (*problems, Problem(what, 1, "noted"))
    return Trajectory(times[order], T[order]), (*problems, *counted("pose unusable or repeated", unusable, "dropped"))


def _tum(lines: Sequence[Float[np.ndarray, " k"] | None]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n 4 4"]]:
    rows = np.array([np.full(TUM_COLUMNS, np.nan) if line is None else line for line in lines])
    times = rows[:, 0] * (1e-9 if (rows[:, 0] > NANOSECONDS_FROM).any() else 1.0)
    return times, poses_from_quaternions(rows[:, 4:], rows[:, 1:4])


def _require_common_time(files: Files, name: str, times: Float[np.ndarray, " n"], posed: Series) -> None:
    stored, others = times[np.isfinite(times)], np.array([time for time in posed.times if np.isfinite(time)])
    if len(stored) and len(others) and (others.max() < stored.min() - PERIOD or others.min() > stored.max() + PERIOD):
        raise CaptureError(
            f"{files.path}: {name} has poses from {stored.min():.3f} to {stored.max():.3f} s, but the files are from "
            f"{others.min():.3f} to {others.max():.3f} s; give times_images.txt and times_lidar.txt by the same clock"
        )


def _times_of_lines(
    files: Files, name: str, count: int, posed: Series
) -> tuple[Float[np.ndarray, " n"], tuple[Problem, ...]]:
    """Of poses without times: one for each file where there are as many, else by the numbers in the files' names."""
    if count == len(posed.names):
        return np.array(posed.times, np.float64), ()
    times = np.full(count, np.nan)
    for other, time in zip(posed.names, posed.times, strict=True):
        number = frame_number(other)
        if number is None:
            raise CaptureError(
                f"{files.path}: {name} has {count} poses for {len(posed.names)} files whose names are no "
                "frame numbers; give poses with times (TUM)"
            )
        if number < count:
            times[number] = time
    return times, counted("pose line without a file", np.flatnonzero(np.isnan(times)).tolist(), "noted")
