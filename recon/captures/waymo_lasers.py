"""The five lasers of a Waymo segment, whose range images become points at the pose of their frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.arrow_tables import ParquetRows, matrices, read_parquet, whole_numbers
from recon.captures.base import Problem
from recon.captures.numbered import counted
from recon.captures.range_image import at_one_moment, beam_inclinations, measured_points
from recon.captures.text_tables import rigid_motion
from recon.errors import CaptureError

FRAME = "key.frame_timestamp_micros"
LASERS = {1: "TOP", 2: "FRONT", 3: "SIDE_LEFT", 4: "SIDE_RIGHT", 5: "REAR"}
CALIBRATION = "[LiDARCalibrationComponent]"
RANGES = ("[LiDARComponent].range_image_return1", "[LiDARComponent].range_image_return2")
POSES = "[LiDARPoseComponent].range_image_return1"
FARTHEST_METRES = 1000.0


@dataclass(frozen=True, eq=False)
class _Laser:
    T_vehicle_laser: Float[np.ndarray, "4 4"]
    inclinations: Float[np.ndarray, " k"]  # radians, the lowermost beam first; empty where they are even
    lowest: float
    highest: float
    rows: ParquetRows  # of both returns
    row_of: Mapping[int, int]  # by frame
    pose_rows: ParquetRows | None
    pose_row_of: Mapping[int, int]


class Lasers:
    """All lasers that have range images, read frame by frame.

    Args:
        components: file names by component.
        T_world_vehicle: by frame.
    """

    def __init__(
        self, files: Files, components: Mapping[str, str], T_world_vehicle: Mapping[int, Float[np.ndarray, "4 4"]]
    ) -> None:
        self._T_world_vehicle = T_world_vehicle
        self._where = f"{files.path}: {components['lidar']}"
        ranges = _rows_by_laser(files, components["lidar"])
        poses = _rows_by_laser(files, components["lidar_pose"]) if "lidar_pose" in components else {}
        self._lasers: dict[str, _Laser] = {}
        for name, calibration in _calibrations(files, components["lidar_calibration"]).items():
            if name not in ranges:
                continue
            pose_row_of = poses.get(name, {})
            self._lasers[name] = _Laser(
                *calibration,
                rows=ParquetRows(files, components["lidar"], _columns(*RANGES)),
                row_of=ranges[name],
                pose_rows=ParquetRows(files, components["lidar_pose"], _columns(POSES)) if pose_row_of else None,
                pose_row_of=pose_row_of,
            )
        if not self._lasers:
            raise CaptureError(f"{self._where} has no laser that is in the calibration too; fetch both again")
        first = self._lasers.get("TOP") or next(iter(self._lasers.values()))
        self.centre = first.T_vehicle_laser[:3, 3]
        self.frames = {frame for laser in self._lasers.values() for frame in laser.row_of}
        top = self._lasers.get("TOP")
        unmoved = [frame for frame in top.row_of if frame not in top.pose_row_of] if top is not None else []
        self.problems: tuple[Problem, ...] = counted("sweep of TOP not moved to one moment", unmoved, "noted")

    def points(self, frame: int) -> Float[np.ndarray, "n 3"]:
        """Float32 metres around ``centre``, along the vehicle's axes, at the pose of the frame."""
        clouds = [np.zeros((0, 3))]
        for laser in self._lasers.values():
            if frame in laser.row_of:
                clouds += self._returns(laser, frame)
        return (np.concatenate(clouds) - self.centre).astype(np.float32)

    def _returns(self, laser: _Laser, frame: int) -> list[Float[np.ndarray, "n 3"]]:
        cells = laser.rows(laser.row_of[frame])
        where = f"{self._where}, row {laser.row_of[frame]}"
        poses = None
        if laser.pose_rows is not None and frame in laser.pose_row_of:
            poses = _image(laser.pose_rows(laser.pose_row_of[frame]), POSES, where)
        clouds = []
        for stored in RANGES:
            image = _image(cells, stored, where)
            if image is None:
                continue
            distance = np.where(image[..., 0] < FARTHEST_METRES, image[..., 0], 0)
            inclination = beam_inclinations(laser.inclinations, laser.lowest, laser.highest, len(distance))
            if len(inclination) != len(distance):
                raise CaptureError(f"{where}: {len(distance)} rows, but {len(inclination)} beams in the calibration")
            points, measured = measured_points(distance, inclination, laser.T_vehicle_laser)
            if poses is not None:
                if poses.shape != (*distance.shape, 6):
                    raise CaptureError(f"{where}: poses of shape {poses.shape} for distances of {distance.shape}")
                points = at_one_moment(points, poses[measured], self._T_world_vehicle[frame])
            clouds.append(points)
        return clouds


def named(column: np.ndarray, names: Mapping[int, str]) -> np.ndarray:
    """Sensors by name, from a column of their numbers or, as in some files, their names."""
    return np.array([names.get(value, value) for value in column.tolist()], object)


def _columns(*images: str) -> list[str]:
    return [f"{image}.{part}" for image in images for part in ("values", "shape")]


def _rows_by_laser(files: Files, name: str) -> dict[str, dict[int, int]]:
    """The row of each frame by laser."""
    columns = read_parquet(files, name, (FRAME, "key.laser_name"))
    stamps = whole_numbers(columns[FRAME], f"{files.path}: {name}, {FRAME}").tolist()
    rows: dict[str, dict[int, int]] = {}
    for row, (laser, frame) in enumerate(zip(named(columns["key.laser_name"], LASERS), stamps, strict=True)):
        rows.setdefault(laser, {}).setdefault(frame, row)
    return rows


def _calibrations(
    files: Files, name: str
) -> dict[str, tuple[Float[np.ndarray, "4 4"], Float[np.ndarray, " k"], float, float]]:
    """``T_vehicle_laser``, inclinations, and the lowest and highest of them, by laser, TOP first."""
    extrinsic = f"{CALIBRATION}.extrinsic.transform"
    lowest, highest, values = (f"{CALIBRATION}.beam_inclination.{key}" for key in ("min", "max", "values"))
    columns = read_parquet(files, name, ("key.laser_name", extrinsic, lowest, highest, values))
    laser = named(columns["key.laser_name"], LASERS)
    T = matrices(columns[extrinsic])
    found = {}
    for one in LASERS.values():
        for row in np.flatnonzero(laser == one)[:1].tolist():
            where = f"{files.path}: {name}, {one}"
            beams = np.array([np.nan if value is None else value for value in columns[values][row] or ()], np.float64)
            ends = float(columns[lowest][row]), float(columns[highest][row])
            if not np.isfinite(beams if len(beams) else ends).all():
                raise CaptureError(f"{where} has no usable inclinations of its beams; fetch the calibration again")
            found[one] = (rigid_motion(T[row], f"{where}, extrinsic"), beams, *ends)
    return found


def _image(cells: Mapping[str, Any], stored: str, where: str) -> Float[np.ndarray, "h w c"] | None:
    """None where the laser has none of this frame, or an empty one."""
    values, shape = cells[f"{stored}.values"], cells[f"{stored}.shape"]
    if values is None or shape is None or not len(values):
        return None
    if len(shape) != 3 or (shape < 1).any() or np.prod(shape, dtype=object) != len(values):
        raise CaptureError(
            f"{where}: {len(values):,} values in a range image of shape {shape.tolist()}; fetch it again"
        )
    image: np.ndarray = values.reshape(shape)
    return image
