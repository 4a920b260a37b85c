"""What a run leaves behind beside its mesh."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from recon import atomic
from recon.captures.base import MAIN_CAMERA
from recon.errors import UsageError
from recon.fates import Fates
from recon.geometry.camera import Camera
from recon.geometry.transforms import to_quaternion_xyzw
from recon.settings import Settings

CAMERAS = "cameras.csv"
REPORT = "report.html"
FILES = ("settings.toml", "frames.csv", CAMERAS, "trajectory.txt", "metrics.json", "preview.png", REPORT)


def frame_stem(index: int, camera: str) -> str:
    """The name of a frame's files, without suffix."""
    return f"{index:06d}" if camera == MAIN_CAMERA else f"{camera}_{index:06d}"


class RunFolder:
    """Settings, tables, trajectory, metrics and picture of a run, each file written whole or not at all.

    Predicted depth is kept in ``depth/``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        atomic.make_folder(path)
        for name in FILES:
            if (path / name).is_dir():  # told now, not when all work is done
                raise UsageError(f"{path / name}: a folder where a file of the run belongs; choose another folder")

    @property
    def depth(self) -> Path:
        return self.path / "depth"

    def write_settings(self, settings: Settings) -> None:
        atomic.write_bytes(self.path / "settings.toml", settings.to_toml().encode(errors="backslashreplace"))

    def write_frames(self, fates: Fates) -> None:
        atomic.write_bytes(self.path / "frames.csv", fates.to_csv().encode(errors="backslashreplace"))

    def write_trajectory(self, timestamps: Float[np.ndarray, " n"], T_world_camera: Float[np.ndarray, "n 4 4"]) -> None:
        """TUM's text: time, position in metres, scalar-last quaternion, of T_world_camera in OpenCV axes."""
        rows = np.column_stack([timestamps, T_world_camera[:, :3, 3], to_quaternion_xyzw(T_world_camera)])
        lines = (" ".join(np.format_float_positional(value, 9, trim="0") for value in row) for row in rows)
        header = "# timestamp tx ty tz qx qy qz qw"
        atomic.write_bytes(self.path / "trajectory.txt", "\n".join([header, *lines, ""]).encode())

    def write_cameras(self, frames: Sequence[tuple[int, str, Camera]]) -> None:
        """Pinhole intrinsics of the depth of each used frame, in pixels, by frame number and name of the camera.

        The centre of the first pixel is (0, 0).
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["index", "width", "height", "fx", "fy", "cx", "cy", "camera"])
        for index, name, camera in frames:
            intrinsics = (f"{value:.6f}" for value in (camera.fx, camera.fy, camera.cx, camera.cy))
            writer.writerow([index, camera.width, camera.height, *intrinsics, name])
        atomic.write_bytes(self.path / CAMERAS, text.getvalue().encode())

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        atomic.write_bytes(self.path / "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())

    def write_preview(self, image: UInt8[np.ndarray, "h w 3"]) -> None:
        picture = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
        atomic.write_bytes(self.path / "preview.png", picture.tobytes())
