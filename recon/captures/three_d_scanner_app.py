"""Laan Labs' 3D Scanner App, "All Data" export: a JSON file a frame, with depth for each, colour for some."""

from functools import partial

import numpy as np
from jaxtyping import Float

from recon.captures.archive import Files
from recon.captures.base import Up
from recon.captures.checks import poses_from_matrices
from recon.captures.images import decode_depth_png
from recon.captures.json_files import number, numbers, read_object
from recon.captures.numbered import counted, frames_with_files, numbered_files, without_confidence
from recon.captures.stills import Stills, usable_intrinsics
from recon.errors import CaptureError
from recon.geometry.transforms import OPENGL_FROM_OPENCV

INTRINSICS_SIZE = (1920, 1440)  # pixels; the files do not say so


class ThreeDScannerApp(Stills):
    """Depth is millimetres; poses are camera to world in ARKit's axes.

    Of the JSON files only pose, intrinsics and time are looked at: some hold the place of the scan.
    """

    format = "3D Scanner App"
    up: Up = "y"
    signature = "info.json beside frame_00000.json"

    @staticmethod
    def claims(files: Files) -> bool:
        has_frame = any(name.startswith("frame_") and name.endswith(".json") for name in files.names)
        return has_frame and "info.json" in files.names

    def __init__(self, files: Files) -> None:
        jsons, json_problems = numbered_files(files.names, r"frame_([0-9]{1,9})\.json")
        images, image_problems = numbered_files(files.names, r"frame_([0-9]{1,9})\.(?:jpg|jpeg|png)")
        depths, depth_problems = numbered_files(files.names, r"depth_([0-9]{1,9})\.png")
        confidences, confidence_problems = numbered_files(files.names, r"conf_([0-9]{1,9})\.png")
        entries, damaged = _read_frames(files, jsons)
        index, missing_problems = frames_with_files(entries, images.keys() - damaged, depths.keys() - damaged)
        if not len(index):
            raise CaptureError(
                f"{files.path}: no frames in the capture with both a pose and a depth map; export it again"
            )
        rows = np.array([entries[frame] for frame in index.tolist()])
        T_world_arkit = poses_from_matrices(rows[:, :16].reshape(-1, 4, 4), [jsons[frame] for frame in index.tolist()])
        super().__init__(
            files,
            index=index,
            timestamp=rows[:, 20],
            T_world_camera=T_world_arkit @ OPENGL_FROM_OPENCV,
            intrinsics=rows[:, 16:20] - [0, 0, 0.5, 0.5],  # ARKit counts from the pixel's corner
            stated_size=INTRINSICS_SIZE,
            images=images,
            depths=depths,
            confidences=confidences,
            decode_depth=partial(decode_depth_png, metres_per_unit=0.001),
            depth_unit="millimetres",
            problems=json_problems
            + image_problems
            + depth_problems
            + confidence_problems
            + counted("frame's JSON damaged", [jsons[frame] for frame in sorted(damaged)], "dropped")
            + missing_problems
            + without_confidence(index, depths, confidences),
        )


def _read_frames(files: Files, jsons: dict[int, str]) -> tuple[dict[int, Float[np.ndarray, "21"]], set[int]]:
    """Pose (16, by rows), fx, fy, cx, cy and time of each frame, and the numbers of those that lack one."""
    entries, damaged = {}, set()
    for frame, name in sorted(jsons.items()):
        try:
            content = read_object(files, name)
        except CaptureError:
            damaged.add(frame)
            continue
        intrinsics = numbers(content.get("intrinsics"), 9)[[0, 4, 2, 5]]
        time = number(content.get("time"))
        if usable_intrinsics(intrinsics[None]).all() and np.isfinite(time):
            entries[frame] = np.array([*numbers(content.get("cameraPoseARFrame"), 16), *intrinsics, time])
        else:
            damaged.add(frame)
    return entries, damaged
