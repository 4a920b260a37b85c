"""Drives of KITTI-360 (Liao, Xie, Geiger 2022): its rectified pair of cameras; the fisheyes are left out."""

import re

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.base import Problem, Up
from recon.captures.checks import poses_from_matrices
from recon.captures.drive import Drive, DriveCamera, Lidar
from recon.captures.drive_files import drive_camera, frames_in_time, missing_numbers, times_by_number
from recon.captures.kitti_odometry import camera_offset
from recon.captures.kitti_raw import CAMERA_AFTER_SWEEP_STAMP, read_spinning_sweep
from recon.captures.numbered import counted, numbered_files
from recon.captures.text_tables import keyed_numbers, matrix_3x4, number_lines, read_text, rigid_motion, times_of_day
from recon.errors import CaptureError
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import invert, rigid

CAMERAS = {0: "front", 1: "front_right"}
PICTURES = re.compile(r"data_2d_raw/([^/]+)/image_0[01]/data_rect/[0-9]+\.(?:png|jpg)", re.IGNORECASE)
SWEEPS = re.compile(r"data_3d_raw/([^/]+)/velodyne_points/data/[0-9]+\.bin")
FISHEYE = re.compile(r"data_2d_raw/[^/]+/image_0[23]/.*\.(?:png|jpg)", re.IGNORECASE)
PERIOD = 0.1  # seconds, where no times are stored
MAX_FRAME = 10**10  # file names have ten digits
NAMES_SHOWN = 4


class Kitti360(Drive):
    """One drive; the body is the inertial sensor (x forward, y right, z down), the world the data set's own.

    Sweeps are as measured. Poses belong to frames by number, and standing frames have none.
    """

    format = "KITTI-360"
    up: Up = "z"
    signature = "calibration, data_2d_raw, data_3d_raw and data_poses"

    @staticmethod
    def claims(files: Files) -> bool:
        return any(SWEEPS.fullmatch(name) for name in files.names) and any(map(PICTURES.fullmatch, files.names))

    def __init__(self, files: Files) -> None:
        drive = _only_drive(files)
        images, raw = f"data_2d_raw/{drive}", f"data_3d_raw/{drive}/velodyne_points"
        T_imu_cam0, T_lidar_cam0 = _sensors(files)
        T_imu_lidar = T_imu_cam0 @ invert(T_lidar_cam0)
        sweeps, sweep_problems = numbered_files(files.names, rf"{re.escape(raw)}/data/([0-9]+)\.bin")
        pictures = {
            camera: numbered_files(
                files.names, rf"(?i){re.escape(images)}/image_{camera:02d}/data_rect/([0-9]+)\.(?:png|jpg)"
            )[0]
            for camera in CAMERAS
        }
        times, time_problems = _times(files, images, raw, {*sweeps, *pictures[0], *pictures[1]})
        cameras, T_imu_rectified, camera_problems = _cameras(files, pictures, times, T_imu_cam0)
        numbers, late_problems = frames_in_time(sweeps, times, "sweep")
        posed, trajectory, pose_problems = _trajectory(files, f"data_poses/{drive}", times, T_imu_rectified)
        pictured = sorted({number for camera in cameras for number in camera.index.tolist()})
        unposed = [number for number in pictured if number not in posed] if trajectory else []
        fisheye = [name for name in files.names if FISHEYE.fullmatch(name)]
        super().__init__(
            files,
            cameras=cameras,
            lidar=Lidar(
                T_body_lidar=T_imu_lidar,
                timestamp=np.array([times[number] for number in numbers], np.float64),
                read=lambda place: read_spinning_sweep(files, sweeps[numbers[place]]),
            ),
            trajectory=trajectory,
            problems=(
                *sweep_problems,
                *time_problems,
                *camera_problems,
                *late_problems,
                *pose_problems,
                *counted("frame without a pose of its own", unposed, "noted"),
                *missing_numbers(numbers, "sweep missing"),
                *missing_numbers(pictured, "picture missing"),
                *counted("picture of a fisheye camera", fisheye, "dropped"),
            ),
        )
        self.name = drive


def _only_drive(files: Files) -> str:
    pictured = {match.group(1) for name in files.names if (match := PICTURES.fullmatch(name))}
    swept = {match.group(1) for name in files.names if (match := SWEEPS.fullmatch(name))}
    drives = sorted(pictured & swept)
    if len(drives) == 1:
        return drives[0]
    if not drives:
        raise CaptureError(
            f"{files.path}: pictures of {', '.join(sorted(pictured)[:NAMES_SHOWN])} but sweeps of "
            f"{', '.join(sorted(swept)[:NAMES_SHOWN])}; fetch both of one drive"
        )
    shown = ", ".join(drives[:NAMES_SHOWN]) + (" ..." if len(drives) > NAMES_SHOWN else "")
    raise CaptureError(
        f"{files.path}: {len(drives)} drives inside ({shown}); put the calibration and the folders of one drive into a "
        "folder of their own"
    )


def _calibration(files: Files, name: str) -> str:
    if f"calibration/{name}" not in files.names:
        raise CaptureError(f"{files.path}: no calibration/{name}; fetch KITTI-360's calibrations")
    return read_text(files, f"calibration/{name}")


def _sensors(files: Files) -> tuple[Float[np.ndarray, "4 4"], Float[np.ndarray, "4 4"]]:
    """``T_imu_cam0`` and ``T_lidar_cam0`` of the camera before it was rectified."""
    poses = keyed_numbers(_calibration(files, "calib_cam_to_pose.txt"))
    T_imu_cam0 = matrix_3x4(poses.get("image_00"), f"{files.path}: calib_cam_to_pose.txt, image_00")
    lines = number_lines(_calibration(files, "calib_cam_to_velo.txt"))  # unlike KITTI's, from the camera to the LiDAR
    return T_imu_cam0, matrix_3x4(lines[0] if lines else None, f"{files.path}: calib_cam_to_velo.txt")


def _cameras(
    files: Files, pictures: dict[int, dict[int, str]], times: dict[int, float], T_imu_cam0: Float[np.ndarray, "4 4"]
) -> tuple[list[DriveCamera], Float[np.ndarray, "4 4"], tuple[Problem, ...]]:
    """With the pose of the rectified camera 0 on the body."""
    perspective = keyed_numbers(_calibration(files, "perspective.txt"))
    where = f"{files.path}: perspective.txt"
    rotation = perspective.get("R_rect_00", np.zeros(0))
    if len(rotation) != 9:
        raise CaptureError(f"{where}, R_rect_00 is missing or has not 9 numbers; fetch the calibration again")
    rectifying = rigid_motion(rigid(rotation.reshape(3, 3), np.zeros(3)), f"{where}, R_rect_00")
    T_imu_rectified = T_imu_cam0 @ invert(rectifying)
    cameras: list[DriveCamera] = []
    problems: list[Problem] = []
    for camera, name in CAMERAS.items():
        if not pictures[camera]:
            continue
        K, T_camera_rectified = camera_offset(perspective.get(f"P_rect_{camera:02d}"), f"{where}, P_rect_{camera:02d}")
        size = perspective.get(f"S_rect_{camera:02d}", np.zeros(0))
        stated = (int(size[0]), int(size[1])) if len(size) == 2 and (size >= 1).all() else None
        T_imu_camera = T_imu_rectified @ invert(T_camera_rectified)
        one, found = drive_camera(files, name, pictures[camera], times, K, stated, T_imu_camera)
        cameras.append(one)
        problems += found
    return cameras, T_imu_rectified, tuple(problems)


def _times(files: Files, images: str, raw: str, numbers: set[int]) -> tuple[dict[int, float], tuple[Problem, ...]]:
    """Seconds by frame number: when the cameras fired."""
    for name, delay in (
        (f"{images}/image_00/timestamps.txt", 0.0),
        (f"{images}/image_01/timestamps.txt", 0.0),
        (f"{raw}/timestamps.txt", CAMERA_AFTER_SWEEP_STAMP),
    ):
        if name in files.names:
            return times_by_number(times_of_day(read_text(files, name)) + delay, f"{files.path}: {name}"), ()
    problem = Problem("no timestamps.txt, so ten frames a second are assumed", 1, "noted")
    return {number: number * PERIOD for number in numbers}, (problem,)


def _trajectory(
    files: Files, folder: str, times: dict[int, float], T_imu_rectified: Float[np.ndarray, "4 4"]
) -> tuple[set[int], Trajectory | None, tuple[Problem, ...]]:
    """Numbers of the frames with a pose, and the poses of the inertial sensor over time."""
    of_imu, of_camera = f"{folder}/poses.txt", f"{folder}/cam0_to_world.txt"
    if of_imu in files.names:
        name, values, T_sensor_imu = of_imu, 12, np.eye(4)
    elif of_camera in files.names:
        name, values, T_sensor_imu = of_camera, 16, invert(T_imu_rectified)
    else:
        return set(), None, ()
    poses, damaged = _poses_by_frame(read_text(files, name), name, values)
    numbers, _ = frames_in_time(dict.fromkeys(poses, name), times, "pose")
    if not numbers:
        what = f"{name}: no pose belongs to a frame, so the drive has no poses; fetch them again"
        return set(), None, (Problem(what, 1, "noted"),)
    trajectory = Trajectory(
        np.array([times[number] for number in numbers], np.float64),
        np.stack([poses[number] for number in numbers]) @ T_sensor_imu,
    )
    return set(numbers), trajectory, counted("pose that is no rigid motion", damaged, "dropped")


def _poses_by_frame(text: str, name: str, values: int) -> tuple[dict[int, Float[np.ndarray, "4 4"]], list[str]]:
    """Poses from lines of a frame number and ``values`` numbers, and the lines that are none."""
    frames, stored, lines = [], [], []
    damaged = []
    for row, line in enumerate(number_lines(text), 1):
        where = f"{name}, line {row}"
        if line is None or len(line) != values + 1 or not np.abs(line).max() <= MAX_FRAME or line[0] < 0 or line[0] % 1:
            damaged.append(where)
            continue
        T = np.eye(4)
        T.flat[:values] = line[1:]
        frames.append(int(line[0]))
        stored.append(T)
        lines.append(where)
    T_world = poses_from_matrices(np.array(stored).reshape(-1, 4, 4), lines)
    usable = np.isfinite(T_world).all(axis=(1, 2)).tolist()
    damaged += [where for where, good in zip(lines, usable, strict=True) if not good]
    return {frame: T for frame, T, good in zip(frames, T_world, usable, strict=True) if good}, damaged
