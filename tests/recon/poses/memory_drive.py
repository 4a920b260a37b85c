"""A drive whose sweeps lie in memory, with one camera that has no pictures to show."""

from collections.abc import Sequence
from pathlib import Path

import made_drive
import numpy as np

from recon.captures.archive import open_files
from recon.captures.base import Up
from recon.captures.drive import Drive, DriveCamera, Lidar, RawSweep
from recon.errors import CaptureError
from recon.geometry.trajectory import Trajectory

NOISE_METRES = 0.02


class MemoryDrive(Drive):
    format = "memory"


def memory_drive(
    folder: Path,
    sweeps: Sequence[np.ndarray | None],
    timestamp: np.ndarray | None = None,
    *,
    seconds: Sequence[np.ndarray] | None = None,
    T_world_body: np.ndarray | None = None,
    T_body_lidar: np.ndarray | None = None,
    up: Up = "z",
) -> MemoryDrive:
    """None for a sweep is a file that cannot be read; times are tenths of a second where none are given."""
    times = np.arange(len(sweeps)) * 0.1 if timestamp is None else timestamp

    def read(number: int) -> RawSweep:
        points = sweeps[number]
        if points is None:
            raise CaptureError(f"{number}.bin: cut off")
        return RawSweep(points, None if seconds is None else seconds[number])

    camera = DriveCamera("front", made_drive.CAMERA, np.eye(4), np.arange(len(times)), times, lambda number: None)
    drive = MemoryDrive(
        open_files(folder),
        cameras=[camera],
        lidar=Lidar(np.eye(4) if T_body_lidar is None else T_body_lidar, times, read),
        trajectory=None if T_world_body is None else Trajectory(times, T_world_body),
    )
    drive.up = up
    return drive


def noisy(sweeps: Sequence[np.ndarray], seed: int = 0) -> list[np.ndarray]:
    """Sweeps whose lengths are wrong by 2 cm."""
    rng = np.random.default_rng(seed)
    lengths = [np.linalg.norm(sweep, axis=1, keepdims=True) for sweep in sweeps]
    return [
        (sweep * (1 + NOISE_METRES * rng.standard_normal(length.shape) / length)).astype(np.float32)
        for sweep, length in zip(sweeps, lengths, strict=True)
    ]


def between_walls(T_world_lidar: np.ndarray, posts: np.ndarray, half_width: float = 6.0) -> list[np.ndarray]:
    """Sweeps of a road along x with bare walls on both sides, and upright posts of 0.4 m radius at these x, y."""
    directions, _ = made_drive._beams(24, 480)
    rays = directions.reshape(-1, 3)
    sweeps = []
    for T in T_world_lidar:
        ahead, origin = rays @ T[:3, :3].T, T[:3, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            lengths = [np.where(ahead[:, 2] < 0, -origin[2] / ahead[:, 2], np.inf)]
            lengths += [(np.sign(ahead[:, 1]) * half_width - origin[1]) / ahead[:, 1]]
            level = np.linalg.norm(ahead[:, :2], axis=1)
            for x, y in posts.tolist():
                to_post = np.array([x, y]) - origin[:2]
                nearest = ahead[:, :2] @ to_post / level  # along the ray on the level
                off = to_post @ to_post - nearest**2
                length = (nearest - np.sqrt(np.where(off < 0.16, 0.16 - off, np.nan))) / level
                lengths.append(np.where(length > 0, length, np.inf))
        length = np.min(lengths, axis=0)
        seen = (length > 1.5) & (length < 60)
        sweeps.append((rays[seen] * length[seen, None]).astype(np.float32))
    return noisy(sweeps)
