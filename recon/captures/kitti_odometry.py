"""Sequences of KITTI's odometry benchmark (Geiger, Lenz, Urtasun 2012), SemanticKITTI's copies of them too."""

import re
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.base import Problem, Up
from recon.captures.drive import Drive, DriveCamera, Lidar, RawSweep
from recon.captures.drive_files import drive_camera, frames_in_time, missing_numbers, times_by_number
from recon.captures.numbered import counted, numbered_files
from recon.captures.point_files import KITTI_COLUMNS, decode_points, sweep_points
from recon.captures.text_tables import (
    keyed_numbers,
    matrix_3x4,
    number_lines,
    pose_lines,
    read_text,
    require_on_vehicle,
    text_above,
)
from recon.errors import CaptureError
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import invert, rigid

PERIOD = 0.1  # seconds, where no times are stored
SEQUENCE = re.compile(r"((?:(?:.*/)?(?:sequences/)?[0-9]{2}/)?)(velodyne|image_[0-3])/[0-9]+\.(?:bin|png|jpg)", re.I)
CAMERAS = {2: "front", 3: "front_right", 0: "grey_left", 1: "grey_right"}  # colour, then grey
GREY_ALONE = {0: "front", 1: "front_right"}  # where colour was not fetched


class KittiOdometry(Drive):
    """One sequence; the body is camera 0, whose first axes are the world: x right, y down, z ahead.

    Sweeps are stored as if measured at the moment of the pictures.
    """

    format = "KITTI odometry"
    up: Up = "-y"
    signature = "velodyne/000000.bin and image_2/000000.png beside calib.txt"

    @staticmethod
    def claims(files: Files) -> bool:
        return _sequence(files) is not None

    def __init__(self, files: Files) -> None:
        folder = _sequence(files)
        if folder is None:
            raise CaptureError(f"{files.path}: not exactly one sequence inside; give the folder of one")
        calibration = _calibration(files, folder)
        sweeps, sweep_problems = numbered_files(files.names, rf"{re.escape(folder)}velodyne/([0-9]+)\.bin")
        if not sweeps:
            raise CaptureError(f"{files.path}: no sweeps in {folder}velodyne; fetch KITTI's velodyne files")
        T_cam0_lidar = _T_cam0_lidar(calibration, f"{files.path}: {folder}calib.txt")
        pictures = {
            camera: numbered_files(files.names, rf"(?i){re.escape(folder)}image_{camera}/([0-9]+)\.(?:png|jpg)")[0]
            for camera in CAMERAS
        }
        times, time_problems = _times(files, folder, (sweeps, *pictures.values()))
        cameras, camera_problems = _cameras(files, calibration, pictures, times)
        numbers, late_problems = frames_in_time(sweeps, times, "sweep")
        posed, trajectory, pose_problems = _trajectory(files, folder, times)
        pictured = sorted({number for camera in cameras for number in camera.index.tolist()})
        unposed = [number for number in pictured if number not in posed] if trajectory else []
        super().__init__(
            files,
            cameras=cameras,
            lidar=Lidar(
                T_body_lidar=T_cam0_lidar,
                timestamp=np.array([times[number] for number in numbers], np.float64),
                read=lambda place: RawSweep(read_kitti_sweep(files, sweeps[numbers[place]])),
            ),
            trajectory=trajectory,
            problems=(
                *sweep_problems,
                *time_problems,
                *camera_problems,
                *late_problems,
                *pose_problems,
                *counted("frame without a pose", unposed, "noted"),
                *missing_numbers(numbers, "sweep missing"),
                *missing_numbers(pictured, "picture missing"),
            ),
        )


def read_kitti_sweep(files: Files, name: str) -> Float[np.ndarray, "n 3"]:
    """Points of a ``.bin`` of x, y, z, reflectance as float32; ``CaptureError`` where they cannot be that."""
    return sweep_points(decode_points(files.read(name), name, KITTI_COLUMNS), name)


def camera_offset(P: Float[np.ndarray, " k"] | None, where: str) -> tuple[Float[np.ndarray, "3 3"], np.ndarray]:
    """K and ``T_camera_cam0`` of a rectified camera from its 3x4 projection K [1 | b] of points of camera 0."""
    if P is None or len(P) != 12:
        raise CaptureError(f"{where} is missing or has not 12 numbers; fetch the calibration again")
    matrix = P.reshape(3, 4)
    K = matrix[:, :3]
    if not (np.isfinite(matrix).all() and K[0, 0] > 0 and K[1, 1] > 0 and (K[2] == [0, 0, 1]).all()):
        raise CaptureError(f"{where} is no projection of a rectified camera; fetch the calibration again")
    offset = np.linalg.solve(K, matrix[:, 3])
    require_on_vehicle(offset, where)
    return K, rigid(np.eye(3), offset)


def _sequence(files: Files) -> str | None:
    """The folder of the one sequence inside, with its slash; those with sweeps go first. None for none or several."""
    folders: dict[str, set[str]] = {}
    for name in files.names:
        match = SEQUENCE.fullmatch(name)
        if match is not None:
            folders.setdefault(match.group(1), set()).add(match.group(2))
    there = set(files.names)
    known = {folder: kinds for folder, kinds in folders.items() if f"{folder}calib.txt" in there or "velodyne" in kinds}
    with_sweeps = [folder for folder, kinds in known.items() if "velodyne" in kinds and len(kinds) > 1]
    candidates = with_sweeps or list(known)
    return candidates[0] if len(candidates) == 1 else None


def _calibration(files: Files, folder: str) -> dict[str, Float[np.ndarray, " k"]]:
    name = f"{folder}calib.txt"
    if name in files.names:
        return keyed_numbers(read_text(files, name))
    if any(re.fullmatch(rf"{re.escape(folder)}calib/[0-9]+\.txt", other) for other in files.names):
        raise CaptureError(
            f"{files.path}: KITTI's object benchmark, whose frames do not follow one another; give a sequence of the "
            "odometry benchmark or a raw drive"
        )
    raise CaptureError(f"{files.path}: no {name}; fetch KITTI's odometry calibration and put it beside the pictures")


def _T_cam0_lidar(calibration: dict[str, np.ndarray], where: str) -> Float[np.ndarray, "4 4"]:
    if "Tr" in calibration:
        return matrix_3x4(calibration["Tr"], f"{where}, Tr")
    if "Tr_velo_to_cam" in calibration:  # the object benchmark's keys, where the rectifying rotation stands apart
        rotation = calibration.get("R0_rect", calibration.get("R_rect", np.zeros(0)))
        if len(rotation) != 9:
            raise CaptureError(f"{where}, R0_rect is missing or has not 9 numbers; fetch the calibration again")
        rectifying = matrix_3x4(np.column_stack([rotation.reshape(3, 3), np.zeros(3)]).ravel(), f"{where}, R0_rect")
        return rectifying @ matrix_3x4(calibration["Tr_velo_to_cam"], f"{where}, Tr_velo_to_cam")
    raise CaptureError(f"{where}: no Tr, which places the LiDAR; it has {', '.join(calibration) or 'no numbers'}")


def _cameras(
    files: Files,
    calibration: dict[str, np.ndarray],
    pictures: dict[int, dict[int, str]],
    times: dict[int, float],
) -> tuple[list[DriveCamera], tuple[Problem, ...]]:
    names = CAMERAS if pictures[2] else CAMERAS | GREY_ALONE
    cameras: list[DriveCamera] = []
    problems: list[Problem] = []
    for camera, name in names.items():
        if not pictures[camera]:
            continue
        K, T_camera_cam0 = camera_offset(calibration.get(f"P{camera}"), f"{files.path}: calib.txt, P{camera}")
        one, found = drive_camera(files, name, pictures[camera], times, K, None, invert(T_camera_cam0))
        cameras.append(one)
        problems += found
    return cameras, tuple(problems)


def _times(
    files: Files, folder: str, numbered: Iterable[Iterable[int]]
) -> tuple[dict[int, float], tuple[Problem, ...]]:
    """Seconds by frame number."""
    name = f"{folder}times.txt"
    if name not in files.names:
        problem = Problem("no times.txt, so ten frames a second are assumed", 1, "noted")
        return {number: number * PERIOD for numbers in numbered for number in numbers}, (problem,)
    lines = number_lines(read_text(files, name))
    times = np.array([np.nan if line is None else line[0] for line in lines], np.float64)
    return times_by_number(times, f"{files.path}: {name}"), ()


def _trajectory(
    files: Files, folder: str, times: dict[int, float]
) -> tuple[set[int], Trajectory | None, tuple[Problem, ...]]:
    """Numbers of the frames with a pose, and the poses of camera 0 over time; None where none is usable."""
    text, name, problems = _pose_text(files, folder)
    if text is None:
        return set(), None, problems
    T = pose_lines(text, name)
    usable = dict.fromkeys(np.flatnonzero(np.isfinite(T).all(axis=(1, 2))).tolist(), name)
    numbers, _ = frames_in_time(usable, times, "pose")
    if not numbers:
        what = f"{name}: none of its {len(T)} poses is usable, so the drive has no poses; fetch them again"
        return set(), None, (*problems, Problem(what, 1, "noted"))
    damaged = [f"{name}, line {row + 1}" for row in range(len(T)) if row not in usable]
    trajectory = Trajectory(np.array([times[number] for number in numbers], np.float64), T[numbers])
    return set(numbers), trajectory, (*problems, *counted("pose that is no rigid motion", damaged, "dropped"))


def _pose_text(files: Files, folder: str) -> tuple[str | None, str, tuple[Problem, ...]]:
    """The poses beside the sweeps, else those of the data set's poses folder, inside or above what was given."""
    own = f"{folder}poses.txt"
    sequence = folder.rstrip("/").split("/")[-1]
    shared = f"{re.sub(r'sequences/$', '', folder[: len(folder) - len(sequence) - 1])}poses/{sequence}.txt"
    if own in files.names:
        both = sequence and shared in files.names
        return read_text(files, own), own, counted("poses.txt of the sequence used", [own] if both else [], "noted")
    if sequence and shared in files.names:
        return read_text(files, shared), shared, ()
    inside = f"{folder}calib.txt"
    above = files.local(inside).resolve().parent if files.path.is_dir() else None
    if above is None or above.parent.name != "sequences":
        return None, "", ()
    name = f"poses/{above.name}.txt"
    return text_above(files, inside, 2, name), name, ()
