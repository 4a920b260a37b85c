"""Raw drives of KITTI (Geiger, Lenz, Stiller, Urtasun 2013), rectified and synchronised."""

import re

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.base import Problem, Up
from recon.captures.drive import Drive, DriveCamera, Lidar, RawSweep, Track
from recon.captures.drive_files import drive_camera, first_size, frames_in_time, missing_numbers, times_by_number
from recon.captures.kitti_odometry import camera_offset, read_kitti_sweep
from recon.captures.numbered import counted, numbered_files
from recon.captures.oxts import imu_poses, read_packets, weak_positions
from recon.captures.stills import Size, capture_name
from recon.captures.text_tables import folder_of, keyed_numbers, read_text, rigid_motion, text_above, times_of_day
from recon.captures.tracklets import read_tracklets
from recon.errors import CaptureError
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import invert, rigid

CAMERAS = {2: "front", 3: "front_right", 0: "grey_left", 1: "grey_right"}  # colour, then grey
GREY_ALONE = {0: "front", 1: "front_right"}  # where colour was not fetched
DRIVE = re.compile(r"((?:.*/)?)(velodyne_points/data/[0-9]+\.(?:bin|txt)|oxts/data/[0-9]+\.txt|image_0[0-3]/data/.+)")
HALF_TURN_SECONDS = 0.0517  # from behind to straight ahead, where the cameras fire
CAMERA_AFTER_SWEEP_STAMP = 0.0105  # seconds
MAX_DELAY = 0.06  # seconds between a picture and its navigation packet, which come a hundred times a second
TRACKLETS = "tracklet_labels.xml"

Times = dict[int, float]


class KittiRaw(Drive):
    """One drive; the body is the inertial sensor, the world is east-north-up around its first place.

    Poses are moved from the time of their packets to that of the pictures, and so are the points of a sweep,
    which turns clockwise from behind.
    """

    format = "KITTI raw"
    up: Up = "z"
    signature = "velodyne_points/data, image_02/data and oxts/data, with calib_cam_to_cam.txt one level up"

    @staticmethod
    def claims(files: Files) -> bool:
        return _drive(files) is not None

    def __init__(self, files: Files) -> None:
        folder = _drive(files)
        if folder is None:
            raise CaptureError(f"{files.path}: not exactly one drive inside; give the folder of one")
        if f"{capture_name(files)}/{folder}".rstrip("/").endswith("_extract"):
            raise CaptureError(
                f"{files.path}: an unrectified drive (_extract); fetch the same drive as synced and rectified (_sync)"
            )
        sweeps, sweep_problems = numbered_files(files.names, rf"{re.escape(folder)}velodyne_points/data/([0-9]+)\.bin")
        if not sweeps:
            raise CaptureError(f"{files.path}: no sweeps in {folder}velodyne_points/data; fetch the whole drive")
        calibration = _Calibration(files, folder)
        cameras, camera_problems = _cameras(files, folder, calibration)
        if not cameras:
            raise CaptureError(f"{files.path}: no pictures in {folder}image_02/data; fetch the whole drive")
        times = _camera_times(files, folder)
        numbers, late_problems = frames_in_time(sweeps, times, "sweep")
        trajectory, poses, pose_problems = _trajectory(files, folder, times)
        tracks, track_problems = _tracks(files, folder, calibration, poses, times)
        pictured = cameras[0].index.tolist()
        stamped = f"{folder}velodyne_points/timestamps.txt" in files.names
        no_stamps = Problem("no velodyne_points/timestamps.txt, so sweeps have the times of pictures", 1, "noted")
        super().__init__(
            files,
            cameras=cameras,
            lidar=Lidar(
                T_body_lidar=calibration.T_imu_lidar,
                timestamp=np.array([times[number] for number in numbers], np.float64),
                read=lambda place: read_spinning_sweep(files, sweeps[numbers[place]]),
            ),
            trajectory=trajectory,
            tracks=tracks,
            problems=(
                *sweep_problems,
                *(() if stamped else (no_stamps,)),
                *camera_problems,
                *late_problems,
                *pose_problems,
                *track_problems,
                *missing_numbers(numbers, "sweep missing"),
                *missing_numbers(pictured, "picture missing"),
            ),
        )


def read_spinning_sweep(files: Files, name: str) -> RawSweep:
    """A sweep as measured: clockwise from straight behind, ahead at its own time."""
    points = read_kitti_sweep(files, name)
    azimuth = np.arctan2(points[:, 1], points[:, 0]).astype(np.float64)
    return RawSweep(points, seconds=-HALF_TURN_SECONDS * azimuth / np.pi)


class _Calibration:
    """The three files of a day; the camera's axes are those of the rectified camera 0."""

    def __init__(self, files: Files, folder: str) -> None:
        self.cameras = _day_file(files, folder, "calib_cam_to_cam.txt")
        self.where = f"{files.path}: calib_cam_to_cam.txt"
        rotation = self.cameras.get("R_rect_00", np.zeros(0))
        if len(rotation) != 9:
            raise CaptureError(f"{self.where}, R_rect_00 is missing or has not 9 numbers; fetch the calibration again")
        rectifying = rigid_motion(rigid(rotation.reshape(3, 3), np.zeros(3)), f"{self.where}, R_rect_00")
        T_cam0_lidar = rectifying @ _motion(files, folder, "calib_velo_to_cam.txt")
        self.T_imu_lidar = invert(_motion(files, folder, "calib_imu_to_velo.txt"))
        self.T_imu_cam0 = self.T_imu_lidar @ invert(T_cam0_lidar)

    def camera(self, number: int) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "4 4"]]:
        """K and ``T_imu_camera``."""
        key = f"P_rect_{number:02d}"
        K, T_camera_cam0 = camera_offset(self.cameras.get(key), f"{self.where}, {key}")
        return K, self.T_imu_cam0 @ invert(T_camera_cam0)

    def size(self, key: str) -> Size | None:
        """Width and height of pictures, as ``S_rect_02``."""
        size = self.cameras.get(key)
        if size is None or len(size) != 2 or not (np.isfinite(size).all() and (size >= 1).all()):
            return None
        return int(size[0]), int(size[1])


def _drive(files: Files) -> str | None:
    """The folder of the one drive inside, with its slash; None for none or several."""
    kinds: dict[str, set[str]] = {}
    for name in files.names:
        match = DRIVE.fullmatch(name)
        if match is not None:
            kinds.setdefault(match.group(1), set()).add(match.group(2).split("/")[0])
    drives = [folder for folder, found in kinds.items() if len(found) > 1]
    return drives[0] if len(drives) == 1 else None


def _day_file(files: Files, folder: str, name: str) -> dict[str, Float[np.ndarray, " k"]]:
    """Numbers by key of a day's calibration, beside the drive or in it, inside what was given or one level above."""
    for place in (folder, folder_of(folder.rstrip("/"))):
        if place + name in files.names:
            return keyed_numbers(read_text(files, place + name))
    inside = next(other for other in files.names if other.startswith(f"{folder}velodyne_points/data/"))
    text = text_above(files, inside, 3, name)
    if text is None:
        raise CaptureError(
            f"{files.path}: no {name} beside the drive; fetch that day's calibration, as 2011_09_26_calib.zip, and "
            "unpack it into the folder that holds the drive"
        )
    return keyed_numbers(text)


def _motion(files: Files, folder: str, name: str) -> Float[np.ndarray, "4 4"]:
    numbers = _day_file(files, folder, name)
    R, t = numbers.get("R", np.zeros(0)), numbers.get("T", np.zeros(0))
    if len(R) != 9 or len(t) != 3:
        raise CaptureError(f"{files.path}: {name} without R of 9 and T of 3 numbers; fetch the calibration again")
    return rigid_motion(rigid(R.reshape(3, 3), t), f"{files.path}: {name}, R")


def _cameras(files: Files, folder: str, calibration: _Calibration) -> tuple[list[DriveCamera], tuple[Problem, ...]]:
    pictures: dict[int, dict[int, str]] = {}
    problems: list[Problem] = []
    for camera in CAMERAS:
        pattern = rf"(?i){re.escape(folder)}image_{camera:02d}/data/([0-9]+)\.(?:png|jpg)"
        pictures[camera], found = numbered_files(files.names, pattern)
        problems += found
    cameras = []
    for camera, name in (CAMERAS if pictures[2] else CAMERAS | GREY_ALONE).items():
        if not pictures[camera]:
            continue
        stated, unrectified = calibration.size(f"S_rect_{camera:02d}"), calibration.size(f"S_{camera:02d}")
        if unrectified is not None and first_size(files, list(pictures[camera].values())) == unrectified != stated:
            raise CaptureError(f"{files.path}: unrectified pictures in image_{camera:02d}; fetch the drive as _sync")
        K, T_imu_camera = calibration.camera(camera)
        times = _stamps(files, f"{folder}image_{camera:02d}/timestamps.txt")
        one, found = drive_camera(files, name, pictures[camera], times, K, stated, T_imu_camera)
        cameras.append(one)
        problems += found
    return cameras, tuple(problems)


def _stamps(files: Files, name: str) -> Times:
    """Seconds by frame number, which is the line; empty lines have none."""
    if name not in files.names:
        raise CaptureError(f"{files.path}: no {name}; fetch the whole drive")
    return times_by_number(times_of_day(read_text(files, name)), f"{files.path}: {name}")


def _camera_times(files: Files, folder: str) -> Times:
    """When the colour cameras, or the grey ones, fired; where none has a stamp, what the sweep's own tells."""
    times: Times = {}
    own = f"{folder}velodyne_points/timestamps.txt"
    if own in files.names:
        times |= {number: time + CAMERA_AFTER_SWEEP_STAMP for number, time in _stamps(files, own).items()}
    for camera in reversed(CAMERAS):
        name = f"{folder}image_{camera:02d}/timestamps.txt"
        if name in files.names:
            times |= _stamps(files, name)
    return times


def _trajectory(
    files: Files, folder: str, times: Times
) -> tuple[Trajectory | None, dict[int, Float[np.ndarray, "4 4"]], tuple[Problem, ...]]:
    """Poses of the inertial sensor at the times of the pictures, also by frame number."""
    numbered, _ = numbered_files(files.names, rf"{re.escape(folder)}oxts/data/([0-9]+)\.txt")
    if not numbered:
        return None, {}, ()
    packets, problems = read_packets(files, numbered)
    stamps = _stamps(files, f"{folder}oxts/timestamps.txt")
    usable, late = frames_in_time({number: numbered[number] for number in packets}, times, "pose")
    delay = {number: times[number] - stamps.get(number, np.nan) for number in usable}
    unstamped = [numbered[number] for number in usable if not abs(delay[number]) <= MAX_DELAY]
    packets = {number: packets[number] for number in usable if abs(delay[number]) <= MAX_DELAY}
    if not packets:
        what = f"none of the {len(numbered)} navigation packets is usable, so the drive has no poses; fetch them again"
        return None, {}, (*problems, Problem(what, 1, "noted"))
    poses = imu_poses(packets, delay)
    trajectory = Trajectory(np.array([times[number] for number in poses], np.float64), np.array(list(poses.values())))
    far = counted("navigation packet without a time near its picture's", unstamped, "dropped")
    return trajectory, poses, (*problems, *late, *far, *weak_positions(packets))


def _tracks(
    files: Files,
    folder: str,
    calibration: _Calibration,
    T_world_imu: dict[int, Float[np.ndarray, "4 4"]],
    times: Times,
) -> tuple[tuple[Track, ...], tuple[Problem, ...]]:
    name = f"{folder}{TRACKLETS}"
    if name not in files.names or not T_world_imu:
        return (), ()
    T_world_lidar = {number: T @ calibration.T_imu_lidar for number, T in T_world_imu.items()}
    return read_tracklets(files, name, T_world_lidar, times)
