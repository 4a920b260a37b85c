"""The metadata that both of Record3D's formats share."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.base import Problem, Up
from recon.captures.checks import poses_from_quaternions, require_poses
from recon.captures.json_files import number, numbers, read_object, rows_of_numbers
from recon.captures.numbered import counted
from recon.captures.stills import Size, usable_intrinsics
from recon.errors import CaptureError
from recon.geometry.transforms import OPENGL_FROM_OPENCV

FRAMES_PER_SECOND = 60.0  # of files that state neither times nor rate
MAX_SIDE_PX = 8192  # of a picture; 48 megapixels are 8064x6048
DAMAGED_METRES = 100.0  # a flipped bit in a float's exponent; ARKit gives up to some 20 m
IDENTITY = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]  # qx qy qz qw tx ty tz


@dataclass(frozen=True, eq=False)
class Record3DMetadata:
    """One row for each frame number from 0 on; pixel coordinates count from the centre of the first pixel."""

    image_size: Size  # of the pictures when recorded
    depth_size: Size | None  # old files do not state it
    timestamp: Float[np.ndarray, " n"]  # seconds
    T_world_camera: Float[np.ndarray, "n 4 4"]
    intrinsics: Float[np.ndarray, "n 4"]  # fx, fy, cx, cy for ``image_size``
    up: Up  # unknown in old files, whose world is the first camera's
    problems: tuple[Problem, ...]

    def __len__(self) -> int:
        return len(self.timestamp)


def read_metadata(files: Files, name: str) -> Record3DMetadata:
    """``CaptureError`` where sizes, intrinsics or poses are missing or of no use."""
    where = f"{files.path}: {name}"
    content = read_object(files, name)
    image_size = _size(content, "w", "h")
    if image_size is None:
        raise CaptureError(f"{where} does not state the pictures' size (w, h); export the capture again")
    stored = rows_of_numbers(content.get("poses"), 7)
    if not len(stored):
        raise CaptureError(f"{where} holds no camera poses; record with the LiDAR camera, whose motion is tracked")
    T_world_arkit = poses_from_quaternions(stored[:, :4], stored[:, 4:])
    require_poses(T_world_arkit, where)
    intrinsics, intrinsics_problems = _intrinsics(content, len(stored), where)
    timestamp, time_problems = _timestamps(content, len(stored))
    return Record3DMetadata(
        image_size=image_size,
        depth_size=_size(content, "dw", "dh"),
        timestamp=timestamp,
        T_world_camera=T_world_arkit @ OPENGL_FROM_OPENCV,
        intrinsics=intrinsics,
        up="unknown" if _is_identity(stored[0]) else "y",
        problems=intrinsics_problems + time_problems + _world_problems(content, stored),
    )


def checked_metres(depth: Float[np.ndarray, "h w"], name: str) -> Float[np.ndarray, "h w"]:
    """The depth itself; ``CaptureError`` where a value shows that the file is damaged."""
    largest = float(np.max(depth, initial=0, where=np.isfinite(depth)))
    if largest > DAMAGED_METRES:
        raise CaptureError(f"{name}: depth up to {largest:.3g} m, so the file is damaged; export the capture again")
    return depth.astype(np.float32)


def _size(content: dict, width_key: str, height_key: str) -> Size | None:
    width, height = number(content.get(width_key)), number(content.get(height_key))
    stated = 1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX
    return (int(width), int(height)) if stated else None


def _intrinsics(content: dict, count: int, where: str) -> tuple[Float[np.ndarray, "n 4"], tuple[Problem, ...]]:
    """Per frame where the file has them, else the first frame's ``K``, which is stored by columns."""
    first = numbers(content.get("K"), 9)[[0, 4, 6, 7]]
    intrinsics = np.tile(first, (count, 1))
    problems: tuple[Problem, ...] = ()
    each = rows_of_numbers(content.get("perFrameIntrinsicCoeffs"), 4)
    if len(each) == count:
        usable = usable_intrinsics(each)
        intrinsics[usable] = each[usable]
        problems = counted(
            "frame without intrinsics takes the first frame's", np.flatnonzero(~usable).tolist(), "repaired"
        )
    elif count > 1:
        problems = (
            Problem("intrinsics are of the first frame only, refocusing may change them by 3 %", count, "noted"),
        )
    if not usable_intrinsics(intrinsics).all():
        raise CaptureError(f"{where} holds no camera intrinsics; export the capture again")
    return intrinsics - [0, 0, 0.5, 0.5], problems  # ARKit counts from the pixel's corner


def _timestamps(content: dict, count: int) -> tuple[Float[np.ndarray, " n"], tuple[Problem, ...]]:
    timestamp = numbers(content.get("frameTimestamps"), count)
    if np.isfinite(timestamp).all():
        return timestamp, ()
    rate = number(content.get("fps"))
    rate = rate if 0 < rate < np.inf else FRAMES_PER_SECOND
    return np.arange(count) / rate, (Problem(f"no time stamps, so {rate:g} frames a second are taken", count, "noted"),)


def _world_problems(content: dict, stored: Float[np.ndarray, "n 7"]) -> tuple[Problem, ...]:
    problems = []
    if _is_identity(stored[0]):
        problems.append(Problem("the world is the first camera's, so which way is up is unknown", 1, "noted"))
    if "initPose" in content and not _is_identity(numbers(content["initPose"], 7)):
        problems.append(Problem("initPose is not the identity; poses are kept as stored", 1, "noted"))
    return tuple(problems)


def _is_identity(pose: Float[np.ndarray, "7"]) -> bool:
    return np.allclose(pose, IDENTITY, rtol=0, atol=1e-6)
