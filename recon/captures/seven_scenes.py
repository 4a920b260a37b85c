"""Numbered colour, depth and pose files: 7-Scenes (Shotton et al. 2013), and the layout that tsdf-fusion reads."""

from functools import partial

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.base import Problem, Up
from recon.captures.checks import poses_from_matrices
from recon.captures.images import decode_depth_png
from recon.captures.numbered import counted, frames_with_files, numbered_files
from recon.captures.stills import Stills, usable_intrinsics
from recon.errors import CaptureError

SIZE = (640, 480)
INTRINSICS = np.array([585.0, 585.0, 320.0, 240.0])  # fx, fy, cx, cy that 7-Scenes gives for its depth camera
INTRINSICS_FILE = "camera-intrinsics.txt"
FRAMES_PER_SECOND = 30.0  # the format stores no times
NO_RETURN = 65535  # in depth files, besides 0
MAX_TEXT_BYTES = 1 << 16  # of sixteen numbers


class SevenScenes(Stills):
    """Depth is millimetres; poses are camera to world in OpenCV's axes, in a world that need not be level."""

    format = "7-Scenes"
    up: Up = "unknown"  # the first camera's or the model's
    signature = "frame-000000.pose.txt beside frame-000000.depth.png"

    @staticmethod
    def claims(files: Files) -> bool:
        return any(name.startswith("frame-") and name.endswith(".pose.txt") for name in files.names)

    def __init__(self, files: Files) -> None:
        poses, pose_problems = numbered_files(files.names, r"frame-([0-9]{1,9})\.pose\.txt")
        images, image_problems = numbered_files(files.names, r"frame-([0-9]{1,9})\.color\.(?:jpg|jpeg|png)")
        depths, depth_problems = numbered_files(files.names, r"frame-([0-9]{1,9})\.depth\.png")
        index, missing_problems = frames_with_files(poses, images, depths)
        if not len(index):
            raise CaptureError(
                f"{files.path}: no frames in the capture with both a pose and a picture; unpack it again"
            )
        names = [poses[frame] for frame in index.tolist()]
        intrinsics, intrinsics_problems = _intrinsics(files)
        super().__init__(
            files,
            index=index,
            timestamp=index / FRAMES_PER_SECOND,
            T_world_camera=poses_from_matrices(np.array([_read_pose(files, name) for name in names]), names),
            intrinsics=np.tile(intrinsics, (len(index), 1)),
            stated_size=SIZE,
            images=images,
            depths=depths,
            confidences={},
            decode_depth=partial(decode_depth_png, metres_per_unit=0.001, unknown=NO_RETURN),
            depth_unit="millimetres",
            problems=intrinsics_problems
            + pose_problems
            + image_problems
            + depth_problems
            + missing_problems
            + counted("colour file missing", sorted(set(index.tolist()) - set(images)), "noted"),
        )


def _intrinsics(files: Files) -> tuple[Float[np.ndarray, "4"], tuple[Problem, ...]]:
    if INTRINSICS_FILE not in files.names:
        what = f"no {INTRINSICS_FILE}, so 7-Scenes' own are taken (focal length 585 at 640x480)"
        return INTRINSICS, (Problem(what, 1, "noted"),)
    intrinsics = _matrix(files, INTRINSICS_FILE, 3)[[0, 1, 0, 1], [0, 1, 2, 2]]
    if not usable_intrinsics(intrinsics[None]).all():
        raise CaptureError(f"{files.path}: {INTRINSICS_FILE} holds no camera intrinsics (3 rows of 3 numbers)")
    return intrinsics, ()


def _read_pose(files: Files, name: str) -> Float[np.ndarray, "4 4"]:
    try:
        return _matrix(files, name, 4)
    except CaptureError:  # damaged in the archive: this frame has no pose
        return np.full((4, 4), np.nan)


def _matrix(files: Files, name: str, side: int) -> Float[np.ndarray, "side side"]:
    """The square matrix in a text file, NaN all over where it holds anything else."""
    text = files.read(name)[:MAX_TEXT_BYTES]
    try:
        values = [float(word) for word in text.decode("utf-8-sig").split()]
    except ValueError:  # also of bytes that are no text
        values = []
    return np.array(values).reshape(side, side) if len(values) == side * side else np.full((side, side), np.nan)
