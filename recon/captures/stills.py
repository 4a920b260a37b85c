"""Frames whose colour, depth and confidence are each a file of their own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from recon.captures.archive import Files
from recon.captures.base import Frame, FrameTable, LidarSweep, Problem, SensorDepth, Up
from recon.captures.checks import ASPECT_TOLERANCE, depth_camera, recording_order, require_metres, require_poses
from recon.captures.images import decode_confidence_png, decode_image, picture_size
from recon.errors import CaptureError
from recon.geometry.camera import Camera
from recon.geometry.resampling import resize_nearest

PRINCIPAL_POINT_TOLERANCE = 0.15  # of the picture's size, from its centre; image stabilisation moves it by 1 %
UNIT_SAMPLES = 5  # depth maps, spread over the capture, that must hold sensible distances
FILES_TRIED = 10  # for the size of pictures; a capture whose first ten are damaged has no more to give

Size = tuple[int, int]  # width, height


class Stills:
    """What the readers of such captures share; each hands in its tables, one row a frame.

    Args:
        files: the capture's; ``close`` closes them.
        index: the capture's own frame numbers, increasing.
        timestamp: seconds.
        T_world_camera: NaN where there is no usable pose.
        intrinsics: fx, fy, cx, cy of each frame, for pictures of ``stated_size``.
        stated_size: width and height that the format gives its intrinsics for; the pictures may be smaller.
        images, depths, confidences: file names by frame number.
        decode_depth, decode_confidence: arrays from the bytes and the name of a file.
        depth_unit: what the depth files hold, for the message where that gives no sensible distances.
        depth_size: width and height of depth maps, where their files do not begin as pictures do.
        problems: what the reader found.
    """

    format: str
    up: Up

    def __init__(
        self,
        files: Files,
        *,
        index: Int[np.ndarray, " n"],
        timestamp: Float[np.ndarray, " n"],
        T_world_camera: Float[np.ndarray, "n 4 4"],
        intrinsics: Float[np.ndarray, "n 4"],
        stated_size: Size,
        images: Mapping[int, str],
        depths: Mapping[int, str],
        confidences: Mapping[int, str],
        decode_depth: Callable[[bytes, str], np.ndarray],
        depth_unit: str,
        decode_confidence: Callable[[bytes, str], np.ndarray] = decode_confidence_png,
        depth_size: Size | None = None,
        problems: tuple[Problem, ...] = (),
    ) -> None:
        require_poses(T_world_camera, files.path)
        numbers: list[int] = index.tolist()
        self.name = capture_name(files)
        self.table = FrameTable(
            index=index,
            timestamp=timestamp,
            T_world_camera=T_world_camera,
            has_image=np.array([number in images for number in numbers], bool),
            has_depth=np.array([number in depths for number in numbers], bool),
        )
        self.problems = problems + recording_order(index, timestamp)[1]
        self._files = files
        self._images, self._depths, self._confidences = images, depths, confidences
        self._decode_depth, self._decode_confidence = decode_depth, decode_confidence
        depth_size = depth_size or _first_size(files, depths, numbers)
        self._image_size = _first_size(files, images, numbers) or depth_size or stated_size
        self._depth_size = depth_size or self._image_size
        self._intrinsics = intrinsics_of_pictures(intrinsics, stated_size, self._image_size, str(files.path))
        with_depth = np.flatnonzero(self.table.has_depth).tolist()
        require_unit([frame.sensor for frame in self.frames(with_depth, with_images=False)], depth_unit, files.path)

    def __len__(self) -> int:
        return len(self.table)

    def frames(self, rows: Sequence[int], with_images: bool = True) -> Iterator[Frame]:
        for row in rows:
            number = int(self.table.index[row])
            camera = Camera.from_focal(*self._image_size, *self._intrinsics[row].tolist())
            yield Frame(
                row=row,
                index=number,
                timestamp=float(self.table.timestamp[row]),
                T_world_camera=self.table.T_world_camera[row],
                camera=camera if number in self._images else camera.resized(*self._depth_size),
                has_image=number in self._images,
                image=partial(self._image, number) if with_images else no_image,
                sensor=partial(self._sensor, number, camera),
            )

    def close(self) -> None:
        self._files.close()

    def __enter__(self) -> "Stills":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _image(self, number: int) -> UInt8[np.ndarray, "H W 3"] | None:
        if number not in self._images:
            return None
        name = self._images[number]
        image = decode_image(self._files.read(name), name)
        height, width = image.shape[:2]
        if (width, height) != self._image_size:
            raise CaptureError(
                f"{name}: {width}x{height}, but the first picture is {self._image_size[0]}x{self._image_size[1]}; "
                "export the capture again"
            )
        return image

    def _sensor(self, number: int, camera: Camera) -> SensorDepth | None:
        if number not in self._depths:
            return None
        name = self._depths[number]
        depth = self._decode_depth(self._files.read(name), name)
        confidence = None
        if number in self._confidences:
            confidence_name = self._confidences[number]
            confidence = self._decode_confidence(self._files.read(confidence_name), confidence_name)
        return sensor_depth(depth, confidence, camera, name)


def sensor_depth(
    depth: Float[np.ndarray, "h w"], confidence: UInt8[np.ndarray, "h2 w2"] | None, camera: Camera, name: str
) -> SensorDepth:
    """Depth with whatever is not a positive number made unknown, confidence at its size, and its camera.

    ``camera`` is of the whole view at any size; ``CaptureError`` where the depth's aspect differs from it.
    """
    height, width = depth.shape
    camera_depth = depth_camera(camera, width, height, name)
    if confidence is not None and confidence.shape != depth.shape:
        if not _same_aspect(confidence.shape[::-1], (width, height)):
            raise CaptureError(
                f"{name}: {width}x{height}, but its confidence map has {confidence.shape[1]}x{confidence.shape[0]}; "
                "export the capture again"
            )
        confidence = resize_nearest(confidence, width, height)
    known = np.isfinite(depth) & (depth > 0)
    return SensorDepth(np.where(known, depth, 0).astype(np.float32), confidence, camera_depth)


def require_unit(sensors: Sequence[Callable[[], SensorDepth | LidarSweep | None]], unit: str, where: Path) -> None:
    """Reads some, spread over all; ``CaptureError`` if their depth is no distance in a scene."""
    depths = [np.zeros(0, np.float32)]  # in one row, as sizes may differ
    for read in sensors[:: len(sensors) // UNIT_SAMPLES + 1]:
        try:
            sensor = read()
        except CaptureError:
            continue  # raised again, and counted, when the frame is read
        if isinstance(sensor, SensorDepth):
            depths.append(sensor.depth.ravel())
    require_metres([np.concatenate(depths)[None]], unit, where)


def intrinsics_of_pictures(
    intrinsics: Float[np.ndarray, "n 4"], stated: Size, pictures: Size, where: str
) -> Float[np.ndarray, "n 4"]:
    """fx, fy, cx, cy for the size of the pictures, from those for the stated size or for the pictures' own."""
    centre = np.median(intrinsics[:, 2:], axis=0)

    def offset(size: Size) -> float:
        return float(np.abs(centre / size - 0.5).max())

    size = min(stated, pictures, key=offset)
    if offset(size) < PRINCIPAL_POINT_TOLERANCE and _same_aspect(pictures, size):
        scale = np.array(pictures) / size
        return np.hstack([intrinsics[:, :2] * scale, (intrinsics[:, 2:] + 0.5) * scale - 0.5])
    raise CaptureError(
        f"{where}: intrinsics for {stated[0]}x{stated[1]} pixels with the principal point at "
        f"({centre[0]:.0f}, {centre[1]:.0f}) do not fit pictures of {pictures[0]}x{pictures[1]}; "
        "export the capture again, neither turned nor cropped"
    )


def usable_intrinsics(intrinsics: Float[np.ndarray, "n 4"]) -> Bool[np.ndarray, " n"]:
    """Which rows are finite with positive focal lengths."""
    usable: Bool[np.ndarray, " n"] = np.isfinite(intrinsics).all(axis=1) & (intrinsics[:, :2] > 0).all(axis=1)
    return usable


def no_image() -> None:
    """The image of a frame that has none, or whose image is not wanted."""


def capture_name(files: Files) -> str:
    """The folder's name, or the archive's without its suffix."""
    path = files.path.resolve()
    return path.name if path.is_dir() else path.stem


def _first_size(files: Files, names: Mapping[int, str], numbers: Sequence[int]) -> Size | None:
    """Size of the first picture whose header can be read; None where there is none."""
    for number in [number for number in numbers if number in names][:FILES_TRIED]:
        try:
            size = picture_size(files.read(names[number]))
        except CaptureError:
            continue  # raised again, and counted, when the frame is read
        if size != (0, 0):
            return size
    return None


def _same_aspect(size: Size, other: Size) -> bool:
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1) <= ASPECT_TOLERANCE
