"""Frames of an empty box-shaped room whose walls are known exactly, to be written in each app's layout."""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from recon.captures.base import Capture
from recon.geometry.camera import Camera
from recon.geometry.projection import backproject, rays
from recon.geometry.transforms import OPENGL_FROM_OPENCV, apply

HALF_SIZE = np.array([2.0, 1.3, 2.5])  # metres from the room's centre to its walls
PICTURE = Camera.from_focal(1920, 1440, 1447.0, 1447.0, 965.5, 691.5)  # pixel centres at integers
PORTRAIT = Camera.from_focal(720, 960, 726.0, 726.0, 361.0, 483.5)


def walk(count: int) -> np.ndarray:
    """Poses (count, 4, 4) of a camera that turns by 4 degrees and moves by 5 cm from frame to frame."""
    T_world_camera = np.tile(np.eye(4), (count, 1, 1))
    for frame in range(count):
        T_world_arkit = np.eye(4)
        T_world_arkit[:3, :3] = Rotation.from_euler("YXZ", [4.0 * frame - 20, -15.0, 7.0], degrees=True).as_matrix()
        T_world_arkit[:3, 3] = [0.05 * frame - 0.3, 0.1, 0.02 * frame]
        T_world_camera[frame] = T_world_arkit @ OPENGL_FROM_OPENCV
    return T_world_camera


def room_depth(T_world_camera: np.ndarray, camera: Camera) -> np.ndarray:
    """Exact z-depth, metres: the nearest of the walls ahead along each pixel's ray."""
    directions = rays(camera).astype(np.float64) @ T_world_camera[:3, :3].T
    ahead = (np.sign(directions) * HALF_SIZE - T_world_camera[:3, 3]) / directions
    return ahead.min(axis=-1)


def distance_from_walls(capture: Capture, rows: Sequence[int] | None = None) -> float:
    """The farthest that any point of the capture's depth lies off the walls, metres."""
    farthest = 0.0
    for frame in capture.frames(range(len(capture)) if rows is None else rows):
        sensor = frame.sensor()
        assert sensor is not None
        points_camera = backproject(sensor.depth, sensor.camera)[sensor.depth > 0].astype(np.float64)
        points = apply(frame.T_world_camera, points_camera)
        farthest = max(farthest, float(np.abs(HALF_SIZE - np.abs(points)).min(axis=-1).max()))
    return farthest


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def jpg(width: int, height: int, level: int = 128) -> bytes:
    """A picture of one grey level, by which it can be told from others."""
    return cv2.imencode(".jpg", np.full((height, width, 3), level, np.uint8))[1].tobytes()


def millimetres(depth: np.ndarray) -> bytes:
    return png(np.round(depth * 1000).astype(np.uint16))


def whats(capture: Capture) -> dict[str, tuple[int, str, str]]:
    """Count, effect and example of each problem, by what it is."""
    return {problem.what: (problem.count, problem.effect, problem.example) for problem in capture.problems}
