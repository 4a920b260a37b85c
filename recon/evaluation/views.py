"""The cameras that saw a scene, from a capture or from the folder of a run."""

import csv
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from recon.captures.base import Up
from recon.captures.readers import open_capture
from recon.errors import UsageError
from recon.geometry.camera import Camera
from recon.geometry.transforms import from_quaternion_xyzw
from recon.settings import Settings, read_toml

TRAJECTORY, FRAMES, CAMERAS, SETTINGS = "trajectory.txt", "frames.csv", "cameras.csv", "settings.toml"


@dataclass(frozen=True, eq=False)
class Views:
    """One camera a pose."""

    T_world_camera: Float[np.ndarray, "n 4 4"]
    cameras: tuple[Camera, ...]
    reach: float = float("inf")  # z-depth in metres beyond which nothing counts as seen
    up: Up = "unknown"  # of the world

    def __post_init__(self) -> None:
        if len(self.cameras) != len(self.T_world_camera) or not self.cameras:
            raise ValueError(f"Views of {len(self.cameras)} cameras and {len(self.T_world_camera)} poses")

    def moved(self, T_new_world: Float[np.ndarray, "4 4"]) -> "Views":
        """The same views in another frame."""
        return dataclasses.replace(self, T_world_camera=T_new_world @ self.T_world_camera)


def read_views(path: Path) -> Views:
    """All views of a capture that have a pose, or the used ones of a run and the depth it believed.

    Raises:
        UsageError: a run's folder that does not tell its cameras.
        CaptureError: what is there is neither.
    """
    return _of_run(path) if (path / TRAJECTORY).is_file() and (path / FRAMES).is_file() else _of_capture(path)


def _of_capture(path: Path) -> Views:
    with open_capture(path) as capture:
        T = capture.table.T_world_camera
        rows = np.flatnonzero(np.isfinite(T).all(axis=(1, 2)))
        if not len(rows):
            raise UsageError(f"{path}: no frame has a pose; give a capture or a run with poses")
        cameras = {frame.row: frame.camera for frame in capture.frames(rows.tolist(), with_images=False)}
        kept = np.array(sorted(cameras))
        return Views(T[kept], tuple(cameras[row] for row in kept.tolist()), up=capture.up)


def _of_run(folder: Path) -> Views:
    if not (folder / CAMERAS).is_file():
        raise UsageError(f"{folder}: no {CAMERAS} inside, so the run's cameras are unknown; give the capture itself")
    try:
        numbers = np.loadtxt(folder / TRAJECTORY, ndmin=2)
        with (folder / FRAMES).open(newline="", encoding="utf-8") as file:
            used = [(row["index"], row.get("camera")) for row in csv.DictReader(file) if row["state"] == "used"]
        with (folder / CAMERAS).open(newline="", encoding="utf-8") as file:
            cameras = {(row["index"], row.get("camera")): _camera(row) for row in csv.DictReader(file)}
        if numbers.shape != (len(used), 8):
            raise ValueError(f"{TRAJECTORY} has {numbers.shape[0]} poses for {len(used)} used frames")
        chosen = tuple(cameras[frame] for frame in used)
        T = from_quaternion_xyzw(numbers[:, 4:], numbers[:, 1:4])
        if not np.isfinite(T).all():
            raise ValueError(f"{TRAJECTORY} holds a pose that is not finite")
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UsageError(f"{folder}: the run's tables cannot be used ({error}); give the capture itself") from error
    if not chosen:
        raise UsageError(f"{folder}: the run used no frame; give another run or the capture")
    settings = folder / SETTINGS
    reach = Settings().updated(read_toml(settings), str(settings)).max_depth if settings.is_file() else None
    return Views(T, chosen, float("inf") if reach is None else reach)


def _camera(row: dict[str, str]) -> Camera:
    return Camera.from_focal(
        int(row["width"]), int(row["height"]), *(float(row[name]) for name in ("fx", "fy", "cx", "cy"))
    )
