"""A box-shaped room with exact depth, as a capture in memory or as files of the 3D Scanner App."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from recon.captures.base import Frame, FrameTable, Problem, SensorDepth
from recon.geometry.camera import Camera
from recon.geometry.projection import rays
from recon.geometry.transforms import OPENGL_FROM_OPENCV, rigid

SIZE = np.array([4.0, 2.5, 3.0])  # metres, y up; one corner is the world's origin
IMAGE = Camera.from_focal(320, 240, 260.0, 260.0, 159.5, 119.5)
DEPTH = IMAGE.resized(64, 48)
WALL_COLOURS = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [200, 200, 60], [60, 200, 200], [200, 60, 200]])


def poses(count: int) -> np.ndarray:
    """Cameras that turn once around, near the middle of the room, looking a little up and down, never straight at a
    wall, whose exact depth would be constant as that of a covered sensor."""
    T_world_camera = []
    for angle, tilt in zip(
        0.1 + np.linspace(0, 2 * np.pi, count, endpoint=False), np.sin(np.arange(count)) * 0.5, strict=True
    ):
        forward = np.array([np.sin(angle) * np.cos(tilt), np.sin(tilt), np.cos(angle) * np.cos(tilt)])
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
        position = SIZE * [0.5, 0.5, 0.5] + 0.3 * np.array([np.cos(angle), 0.0, np.sin(angle)])
        T_world_camera.append(rigid(rotation, position))
    return np.array(T_world_camera)


def look(camera: Camera, T_world_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact z-depth (m) and the number of the wall (0..5) that each pixel sees."""
    directions = rays(camera).astype(np.float64) @ T_world_camera[:3, :3].T
    position = T_world_camera[:3, 3]
    with np.errstate(divide="ignore"):
        reach = np.where(directions > 0, SIZE - position, -position) / directions
    axis = np.nanargmin(np.where(reach > 0, reach, np.inf), axis=-1)
    depth = np.take_along_axis(reach, axis[..., None], axis=-1)[..., 0]
    far_side = np.take_along_axis(directions, axis[..., None], axis=-1)[..., 0] > 0
    return depth.astype(np.float32), 2 * axis + far_side


class BoxRoom:
    """The room as a capture."""

    format = "box room"
    up = "y"

    def __init__(self, count: int = 24, coloured: bool = True) -> None:
        self.name = "box"
        self.problems: tuple[Problem, ...] = ()
        self.table = FrameTable(
            index=np.arange(count),
            timestamp=np.arange(count) / 5.0,
            T_world_camera=poses(count),
            has_image=np.full(count, coloured),
            has_depth=np.ones(count, bool),
        )

    def __len__(self) -> int:
        return len(self.table)

    def frames(self, rows: Sequence[int], with_images: bool = True) -> Iterator[Frame]:
        for row in rows:
            T_world_camera = self.table.T_world_camera[row]
            has_image = bool(self.table.has_image[row])
            yield Frame(
                row=row,
                index=int(self.table.index[row]),
                timestamp=float(self.table.timestamp[row]),
                T_world_camera=T_world_camera,
                camera=IMAGE if has_image else DEPTH,
                has_image=has_image,
                image=partial(picture, T_world_camera) if has_image and with_images else lambda: None,
                sensor=partial(measure, T_world_camera),
            )

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def picture(T_world_camera: np.ndarray) -> np.ndarray:
    """RGB with a colour for each wall."""
    return WALL_COLOURS[look(IMAGE, T_world_camera)[1]].astype(np.uint8)


def measure(T_world_camera: np.ndarray) -> SensorDepth:
    """Exact depth of full confidence."""
    depth = look(DEPTH, T_world_camera)[0]
    return SensorDepth(depth, np.full(depth.shape, 2, np.uint8), DEPTH)


def write_capture(folder: Path, count: int = 24) -> Path:
    """The room in the layout of the 3D Scanner App."""
    folder.mkdir(parents=True)
    room = BoxRoom(count)
    (folder / "info.json").write_text(json.dumps({"numImages": count, "title": "box", "captureMode": 1}))
    big = IMAGE.resized(1920, 1440)
    intrinsics = [big.fx, 0, big.cx + 0.5, 0, big.fy, big.cy + 0.5, 0, 0, 1]  # the app counts from the corner
    for frame in room.frames(range(count)):
        pose = frame.T_world_camera @ OPENGL_FROM_OPENCV
        fields = {
            "frame_index": frame.index, "time": frame.timestamp,
            "cameraPoseARFrame": pose.ravel().tolist(), "intrinsics": intrinsics,
        }  # fmt: skip
        (folder / f"frame_{frame.index:05d}.json").write_text(json.dumps(fields))
        image, sensor = frame.image(), frame.sensor()
        cv2.imwrite(str(folder / f"frame_{frame.index:05d}.jpg"), image[..., ::-1])
        cv2.imwrite(str(folder / f"depth_{frame.index:05d}.png"), np.rint(1000 * sensor.depth).astype(np.uint16))
        cv2.imwrite(str(folder / f"conf_{frame.index:05d}.png"), sensor.confidence)
    return folder
