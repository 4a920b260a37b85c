"""Segments of the Waymo Open Dataset, version 2 (Sun et al. 2020): five cameras and five lasers in Parquet files."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.spatial.transform import Rotation

from recon.captures.archive import Files
from recon.captures.arrow_tables import ParquetRows, matrices, read_parquet, whole_numbers
from recon.captures.base import Problem, Up
from recon.captures.box_tracks import box_tracks
from recon.captures.checks import poses_from_matrices
from recon.captures.drive import Drive, DriveCamera, Lidar, RawSweep, Track
from recon.captures.images import decode_image
from recon.captures.numbered import counted
from recon.captures.text_tables import rigid_motion
from recon.captures.undistortion import undistortion
from recon.captures.waymo_lasers import FRAME, Lasers, named
from recon.errors import CaptureError
from recon.geometry.camera import Camera
from recon.geometry.trajectory import Trajectory
from recon.geometry.transforms import rigid

FILE = re.compile(r"((?:.*/)?)([a-z_]+)/([^/]+)\.parquet")
LONE_FILE = re.compile(r"[0-9]+(?:_[0-9]+){4}\.parquet")  # the name of a segment
VERSION_1 = re.compile(r".*\.tfrecord(?:-[0-9]+-of-[0-9]+)?")
NEEDED = ("camera_image", "camera_calibration", "lidar", "lidar_calibration", "vehicle_pose")
CAMERAS = {1: "FRONT", 2: "FRONT_LEFT", 3: "FRONT_RIGHT", 4: "SIDE_LEFT", 5: "SIDE_RIGHT"}
GLOBAL_SHUTTER = 5
# Camera axes of the data set are x ahead, y left, z up.
T_WAYMO_OPENCV = rigid(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.zeros(3))
MICROSECOND = 1e-6
FRAME_POSE_SECONDS = 0.05  # after the stamp of a frame, the start of the sweep: its pose is of about the middle
MAX_SIDE = 1 << 16  # pixels
NAMES_SHOWN = 3

IMAGE = "[CameraImageComponent]"
CALIBRATION = "[CameraCalibrationComponent]"
BOX = "[LiDARBoxComponent].box"
INTRINSICS = ("f_u", "f_v", "c_u", "c_v", "k1", "k2", "p1", "p2", "k3")


class WaymoV2(Drive):
    """One segment; the body is the vehicle, the world the data set's own.

    The points of all lasers are moved to the pose of their frame. Pictures are freed of their distortion, and taken
    as if exposed at once, at the time of the vehicle's pose that is stored with each.
    """

    format = "Waymo"
    up: Up = "z"
    signature = "camera_image, lidar and vehicle_pose with Parquet files of one segment"

    @staticmethod
    def claims(files: Files) -> bool:
        return bool(_segments(files)) or any(
            VERSION_1.fullmatch(name) or LONE_FILE.fullmatch(name) for name in files.names
        )

    @staticmethod
    def holds(root: Path, name: str) -> bool:
        """Whether a folder, or a split inside, has pictures of a segment of this name."""
        pictures = (*root.glob("camera_image/*.parquet"), *root.glob("*/camera_image/*.parquet"))
        return any(path.stem == name for path in pictures)

    def __init__(self, files: Files, segment: str | None = None) -> None:
        """Raises ``CaptureError`` where no segment is named and several are complete."""
        segment, components = _segment(files, segment)
        frames, T_world_vehicle, pose_problems = _frame_poses(files, components["vehicle_pose"])
        cameras, T_of_pictures, camera_problems = _cameras(files, components, frames)
        lasers = Lasers(files, components, dict(zip(frames.tolist(), T_world_vehicle, strict=True)))
        times = frames * MICROSECOND + FRAME_POSE_SECONDS
        poses = T_of_pictures | dict(zip(times.tolist(), T_world_vehicle, strict=True))
        moments = sorted(poses)
        swept = [place for place, frame in enumerate(frames.tolist()) if frame in lasers.frames]
        tracks, track_problems = _tracks(files, components.get("lidar_box"), frames, times, T_world_vehicle)
        super().__init__(
            files,
            cameras=cameras,
            lidar=Lidar(
                T_body_lidar=rigid(np.eye(3), lasers.centre),
                timestamp=times[swept],
                read=lambda nth: RawSweep(lasers.points(int(frames[swept[nth]]))),
            ),
            trajectory=Trajectory(np.array(moments, np.float64), np.stack([poses[time] for time in moments])),
            tracks=tracks,
            problems=(*pose_problems, *camera_problems, *lasers.problems, *track_problems),
        )
        self.name = segment


def _segments(files: Files) -> dict[str, dict[str, str]]:
    """File names by component, of each segment with pictures or sweeps."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name in files.names:
        match = FILE.fullmatch(name)
        if match is not None:
            found.setdefault((match.group(1), match.group(3)), {})[match.group(2)] = name
    return {segment: kinds for (_, segment), kinds in found.items() if len({*NEEDED} & {*kinds}) > 1}


def _segment(files: Files, wanted: str | None) -> tuple[str, Mapping[str, str]]:
    """The segment to read and its files by component."""
    segments = _segments(files)
    if wanted in segments:
        segments = {wanted: segments[wanted]}
    if not segments and any(map(VERSION_1.fullmatch, files.names)):
        raise CaptureError(
            f"{files.path}: version 1 of Waymo's data set (.tfrecord); fetch the same segment of version 2 (.parquet)"
        )
    if not segments:
        raise CaptureError(
            f"{files.path}: one component of a Waymo segment; give the folder that holds {', '.join(NEEDED)}"
        )
    complete = {segment: kinds for segment, kinds in segments.items() if {*NEEDED} <= {*kinds}}
    if not complete:
        segment, kinds = next(iter(segments.items()))
        missing = [kind for kind in NEEDED if kind not in kinds]
        raise CaptureError(f"{files.path}: no {', '.join(missing)} of segment {segment}; fetch them too")
    if len(complete) > 1:
        shown = ", ".join(sorted(complete)[:NAMES_SHOWN]) + (" ..." if len(complete) > NAMES_SHOWN else "")
        raise CaptureError(f"{files.path}: {len(complete)} segments inside ({shown}); {_how_to_give(files, complete)}")
    return next(iter(complete.items()))


def _how_to_give(files: Files, complete: Mapping[str, Mapping[str, str]]) -> str:
    if not files.path.is_dir():
        return "unpack it, and name one behind its folder"
    segment = min(complete)
    return f"give one, as {files.local(complete[segment]['camera_image']).parents[1] / segment}"


def _frame_poses(
    files: Files, name: str
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n 4 4"], tuple[Problem, ...]]:
    """Stamps of the frames, microseconds, rising, and ``T_world_vehicle`` of each."""
    transform = "[VehiclePoseComponent].world_from_vehicle.transform"
    columns = read_parquet(files, name, (FRAME, transform))
    stamps = whole_numbers(columns[FRAME], f"{files.path}: {name}, {FRAME}")
    T = poses_from_matrices(matrices(columns[transform]), [f"{name}, row {row}" for row in range(len(stamps))])
    usable = np.isfinite(T).all(axis=(1, 2))
    if not usable.any():
        raise CaptureError(f"{files.path}: none of the {len(T)} poses in {name} is usable; fetch it again")
    frames, first = np.unique(stamps[usable], return_index=True)
    unusable = [f"{name}, row {row}" for row in np.flatnonzero(~usable).tolist()]
    return frames, T[usable][first], counted("pose that is no rigid motion", unusable, "dropped")


@dataclass(frozen=True)
class _Pictures:
    """The pictures of one camera, by their row in the file."""

    rows: ParquetRows
    row_of: tuple[int, ...]
    size: tuple[int, int]
    straighten: Callable[[UInt8[np.ndarray, "H W 3"]], UInt8[np.ndarray, "H W 3"]]
    where: str

    def __call__(self, nth: int) -> UInt8[np.ndarray, "H W 3"]:
        where = f"{self.where}, row {self.row_of[nth]}"
        stored = self.rows(self.row_of[nth])[f"{IMAGE}.image"]
        image = decode_image(stored if isinstance(stored, bytes) else b"", where)
        if image.shape[1::-1] != self.size:
            raise CaptureError(f"{where}: {image.shape[1]}x{image.shape[0]} pixels, but {self.size} in the calibration")
        return self.straighten(image)


def _cameras(
    files: Files, components: Mapping[str, str], frames: Int[np.ndarray, " n"]
) -> tuple[list[DriveCamera], dict[float, Float[np.ndarray, "4 4"]], tuple[Problem, ...]]:
    """With ``T_world_vehicle`` by the time of the pictures."""
    name = components["camera_image"]
    wanted = (FRAME, "key.camera_name", f"{IMAGE}.pose.transform", f"{IMAGE}.pose_timestamp")
    columns = read_parquet(files, name, wanted)
    stamps = whole_numbers(columns[FRAME], f"{files.path}: {name}, {FRAME}")
    of_camera = named(columns["key.camera_name"], CAMERAS)
    T = poses_from_matrices(
        matrices(columns[f"{IMAGE}.pose.transform"]), [f"{name}, row {row}" for row in range(len(stamps))]
    )
    seconds = columns[f"{IMAGE}.pose_timestamp"].astype(np.float64)
    place = np.searchsorted(frames, stamps)
    usable = np.isfinite(T).all(axis=(1, 2)) & np.isfinite(seconds) & np.isin(stamps, frames)
    unusable = [f"{name}, row {row}" for row in np.flatnonzero(~usable).tolist()]
    poses = dict(zip(seconds[usable].tolist(), T[usable], strict=True))
    cameras = []
    rolling = 0
    for calibrated in _calibrations(files, components["camera_calibration"]):
        rows = np.flatnonzero(usable & (of_camera == calibrated.name))
        rows = rows[np.argsort(seconds[rows], kind="stable")]
        rows = rows[np.diff(seconds[rows], prepend=-np.inf) > 0]
        pinhole, straighten = undistortion(calibrated.camera, "opencv", calibrated.coefficients)
        rolling += len(rows) if calibrated.rolling else 0
        cameras.append(
            DriveCamera(
                name=calibrated.name.lower(),
                camera=pinhole,
                T_body_camera=calibrated.T_vehicle_camera,
                index=place[rows].astype(np.int64),
                timestamp=seconds[rows],
                image=_Pictures(
                    ParquetRows(files, name, [f"{IMAGE}.image"]),
                    tuple(rows.tolist()),
                    (calibrated.camera.width, calibrated.camera.height),
                    straighten,
                    f"{files.path}: {name}",
                ),
            )
        )
    told = (Problem("rolling shutter, taken as if exposed at once", rolling, "noted"),) if rolling else ()
    return cameras, poses, (*counted("picture without a usable pose or frame", unusable, "dropped"), *told)


@dataclass(frozen=True, eq=False)
class _Calibrated:
    name: str  # as in "FRONT"
    camera: Camera  # its matrix, before distortion
    coefficients: Float[np.ndarray, "5"]  # OpenCV's k1 k2 p1 p2 k3
    T_vehicle_camera: Float[np.ndarray, "4 4"]
    rolling: bool


def _calibrations(files: Files, name: str) -> list[_Calibrated]:
    """One for each camera, FRONT first."""
    intrinsics = [f"{CALIBRATION}.intrinsic.{key}" for key in INTRINSICS]
    width, height, extrinsic, direction = (
        f"{CALIBRATION}.{key}" for key in ("width", "height", "extrinsic.transform", "rolling_shutter_direction")
    )
    columns = read_parquet(files, name, ("key.camera_name", *intrinsics, width, height, extrinsic, direction))
    of_camera = named(columns["key.camera_name"], CAMERAS)
    T = matrices(columns[extrinsic])
    found = []
    for camera in CAMERAS.values():
        for row in np.flatnonzero(of_camera == camera)[:1].tolist():
            where = f"{files.path}: {name}, {camera}"
            values = np.array([columns[key][row] for key in intrinsics], np.float64)
            w, h = int(columns[width][row]), int(columns[height][row])
            if not (np.isfinite(values).all() and (values[:2] > 0).all() and 1 <= min(w, h) <= max(w, h) <= MAX_SIDE):
                raise CaptureError(f"{where} has no usable intrinsics; fetch the calibration again")
            found.append(
                _Calibrated(
                    name=camera,
                    camera=Camera.from_focal(w, h, *values[:4].tolist()),
                    coefficients=values[4:],
                    T_vehicle_camera=rigid_motion(T[row], f"{where}, extrinsic") @ T_WAYMO_OPENCV,
                    rolling=int(columns[direction][row]) != GLOBAL_SHUTTER,
                )
            )
    return found


def _tracks(
    files: Files,
    name: str | None,
    frames: Int[np.ndarray, " n"],
    times: Float[np.ndarray, " n"],
    T_world_vehicle: Float[np.ndarray, "n 4 4"],
) -> tuple[tuple[Track, ...], tuple[Problem, ...]]:
    """Boxes are stored in the vehicle's axes at the pose of their frame."""
    if name is None:
        return (), ()
    centre, size = ([f"{BOX}.{kind}.{axis}" for axis in "xyz"] for kind in ("center", "size"))
    columns = read_parquet(files, name, (FRAME, "key.laser_object_id", f"{BOX}.heading", *centre, *size))
    stamps = whole_numbers(columns[FRAME], f"{files.path}: {name}, {FRAME}")
    known = np.isin(stamps, frames)
    place = np.searchsorted(frames, stamps[known])
    heading = columns[f"{BOX}.heading"][known].astype(np.float64)
    T_vehicle_box = np.tile(np.eye(4), (len(place), 1, 1))
    T_vehicle_box[:, :3, :3] = Rotation.from_euler("z", np.nan_to_num(heading)[:, None]).as_matrix()
    T_vehicle_box[~np.isfinite(heading)] = np.nan
    T_vehicle_box[:, :3, 3] = np.stack([columns[key][known].astype(np.float64) for key in centre], axis=1)
    return box_tracks(
        columns["key.laser_object_id"][known].astype(str).tolist(),
        times[place],
        T_world_vehicle[place] @ T_vehicle_box,
        np.stack([columns[key][known].astype(np.float64) for key in size], axis=1),
    )
