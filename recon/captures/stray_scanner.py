"""Captures of the Stray Scanner app, all versions since March 2021, and of its clones."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int

from recon.captures.archive import Files
from recon.captures.base import Frame, FrameTable, Problem, SensorDepth, Up
from recon.captures.checks import agreement, require_poses, well_spaced_pairs
from recon.captures.images import decode_confidence_png, decode_depth_npy, decode_depth_png
from recon.captures.numbered import counted, numbered_files
from recon.captures.stills import (
    capture_name,
    intrinsics_of_pictures,
    no_image,
    require_unit,
    sensor_depth,
    usable_intrinsics,
)
from recon.captures.stray_tables import CAMERA_MATRIX, ODOMETRY, Odometry, read_camera_matrix, read_odometry
from recon.captures.stray_video import pictures_by_order, pictures_by_time
from recon.captures.video import Video
from recon.errors import CaptureError
from recon.geometry.camera import Camera
from recon.geometry.transforms import OPENGL_FROM_OPENCV, invert

VIDEOS = ("rgb.mp4", "rgb.mov")  # the app's, ReScan's
APP_IMAGE_SIZE = (1920, 1440)  # pixels; what the stored intrinsics mean
CLONE = "poses in ARKit's axes, as of a clone of the app"
METRES_PER_UNIT = 0.001
FIRST_MAPS = 20  # that may be damaged before the capture counts as unreadable
CHECKED_PAIRS = 6
CLEARLY_BETTER = 0.6  # times the distance of the other axes; real captures gave 0.44 and less
DISAGREEING_METRES = 0.1  # real captures gave up to 0.025


class StrayScanner:
    """Poses are stored as camera to world in OpenCV's axes by the app, in ARKit's by some clones."""

    format = "Stray Scanner"
    up: Up = "y"
    signature = "odometry.csv with depth/ or rgb.mp4"

    @staticmethod
    def claims(files: Files) -> bool:
        return ODOMETRY in files.names and any(name.startswith("depth/") or name in VIDEOS for name in files.names)

    def __init__(self, files: Files) -> None:
        self._files = files
        self.name = capture_name(files)
        odometry = read_odometry(files)
        require_poses(odometry.T_world_camera, f"{files.path}: {ODOMETRY}")
        frames = odometry.frame.tolist()
        depths, problems_depth = numbered_files(files.names, r"depth/([0-9]{1,9})\.(?:png|npy)")
        confidences, problems_confidence = numbered_files(files.names, r"confidence/([0-9]{1,9})\.png")
        self._depths = [depths.get(frame) for frame in frames]
        self._confidences = [confidences.get(frame) for frame in frames]
        has_depth = np.array([name is not None for name in self._depths])
        if not has_depth.any():
            raise CaptureError(
                f"{files.path}: none of the {len(depths)} files in depth/ has the number of one of the {len(frames)} "
                f"rows of {ODOMETRY}; record on a phone with LiDAR or export again"
            )
        self._video, problems_video = _open_video(files, len(frames))
        self._image_size = (self._video.width, self._video.height) if self._video else APP_IMAGE_SIZE
        self._intrinsics, problems_intrinsics = _intrinsics(files, odometry, self._image_size, problems_video)
        with_depth = np.flatnonzero(has_depth).tolist()
        self._depth_size = self._first_depth_size(with_depth)
        require_unit([partial(self._sensor, row) for row in with_depth], "millimetres", files.path)
        T_world_camera, problems_axes = self._in_opencv_axes(odometry.T_world_camera, has_depth)
        is_clone = VIDEOS[1] in files.names or any(problem.what == CLONE for problem in problems_axes)
        self._pictures, problems_pairing = self._pair(odometry, is_clone)
        self.table = FrameTable(
            index=odometry.frame,
            timestamp=self._times(odometry),
            T_world_camera=T_world_camera,
            has_image=self._pictures >= 0,
            has_depth=has_depth,
        )
        self.problems = (
            *odometry.problems,
            *problems_depth,
            *problems_confidence,
            *counted("row without a depth file", odometry.frame[~has_depth].tolist(), "noted"),
            *counted("depth file without a row", [depths[n] for n in sorted(depths.keys() - set(frames))], "dropped"),
            *_without_confidence(self._depths, self._confidences),
            *problems_intrinsics,
            *problems_axes,
            *problems_video,
            *problems_pairing,
        )

    def __len__(self) -> int:
        return len(self.table)

    def frames(self, rows: Sequence[int], with_images: bool = True) -> Iterator[Frame]:
        places = [int(self._pictures[row]) for row in rows if self._pictures[row] >= 0]
        pictures = self._video.pictures(places) if self._video and with_images else iter(())
        for row in rows:
            has_image = bool(self.table.has_image[row])
            camera = self._camera(row)
            yield Frame(
                row=row,
                index=int(self.table.index[row]),
                timestamp=float(self.table.timestamp[row]),
                T_world_camera=self.table.T_world_camera[row],
                camera=camera if has_image else camera.resized(*self._depth_size),
                has_image=has_image,
                image=next(pictures) if has_image and with_images else no_image,
                sensor=partial(self._sensor, row),
            )

    def close(self) -> None:
        self._files.close()

    def __enter__(self) -> "StrayScanner":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _camera(self, row: int) -> Camera:
        return Camera.from_focal(*self._image_size, *self._intrinsics[row].tolist())

    def _sensor(self, row: int) -> SensorDepth | None:
        name, name_confidence = self._depths[row], self._confidences[row]
        if name is None:
            return None
        decode = decode_depth_npy if name.endswith(".npy") else decode_depth_png
        depth = decode(self._files.read(name), name, METRES_PER_UNIT)
        confidence = None
        if name_confidence is not None:
            confidence = decode_confidence_png(self._files.read(name_confidence), name_confidence)
        return sensor_depth(depth, confidence, self._camera(row), name)

    def _first_depth_size(self, rows: list[int]) -> tuple[int, int]:
        """Width and height of the first map that can be read."""
        reasons = []
        for row in rows[:FIRST_MAPS]:
            try:
                sensor = self._sensor(row)
            except CaptureError as error:
                reasons.append(error)
                continue
            if sensor is not None:
                return sensor.camera.width, sensor.camera.height
        raise reasons[0]

    def _in_opencv_axes(
        self, T_world_stored: Float[np.ndarray, "n 4 4"], has_depth: Bool[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, "n 4 4"], tuple[Problem, ...]]:
        """The stored poses, turned if neighbouring depth agrees clearly better that way.

        Only the depth can tell the app from clones that store ARKit's own axes in the same layout.
        """
        stored, turned = [], []
        for first, second in well_spaced_pairs(
            np.where(has_depth[:, None, None], T_world_stored, np.nan), CHECKED_PAIRS
        ):
            try:
                sensor_first, sensor_second = self._sensor(first), self._sensor(second)
            except CaptureError:
                continue  # counted where its frame is used
            if sensor_first is None or sensor_second is None:
                continue
            T_first_second = invert(T_world_stored[first]) @ T_world_stored[second]
            stored.append(agreement(sensor_first, sensor_second, T_first_second))
            T_turned = OPENGL_FROM_OPENCV @ T_first_second @ OPENGL_FROM_OPENCV
            turned.append(agreement(sensor_first, sensor_second, T_turned))
        known = np.isfinite(stored) | np.isinf(stored)
        if not known.any():
            unchecked = Problem(
                "pose axes not checked, as no two views with sure depth overlap", len(has_depth), "noted"
            )
            return T_world_stored, (unchecked,)
        as_stored, as_turned = float(np.median(np.array(stored)[known])), float(np.median(np.array(turned)[known]))
        if min(as_stored, as_turned) > DISAGREEING_METRES and known.sum() > CHECKED_PAIRS // 2:
            raise CaptureError(
                f"{self._files.path}: surfaces seen from neighbouring frames lie {100 * as_stored:.0f} cm apart under "
                f"the poses of {ODOMETRY}, so these do not belong to the depth; export the capture again"
            )
        if as_turned < CLEARLY_BETTER * as_stored:
            example = f"surfaces lie {1000 * as_turned:.0f} mm apart, {1000 * as_stored:.0f} mm in the app's own axes"
            return T_world_stored @ OPENGL_FROM_OPENCV, (Problem(CLONE, len(has_depth), "repaired", example),)
        return T_world_stored, ()

    def _pair(self, odometry: Odometry, is_clone: bool) -> tuple[Int[np.ndarray, " n"], tuple[Problem, ...]]:
        if self._video is None or not len(self._video):
            return np.full(len(odometry.frame), -1), ()
        if is_clone:
            return pictures_by_time(odometry, self._video.times)
        return pictures_by_order(odometry, self._video, self._sensor)

    def _times(self, odometry: Odometry) -> Float[np.ndarray, " n"]:
        """Seconds; of the versions that stored none, the video's where it has a picture for each row."""
        if odometry.has_clock or self._video is None or (self._pictures < 0).any():
            return odometry.timestamp
        times: Float[np.ndarray, " n"] = self._video.times[self._pictures]
        return times


def _open_video(files: Files, frames: int) -> tuple[Video | None, tuple[Problem, ...]]:
    name = next((name for name in VIDEOS if name in files.names), None)
    if name is None:
        return None, (Problem(f"no video ({' or '.join(VIDEOS)}), so no colour", frames, "noted"),)
    try:
        return Video(files.local(name), name), ()
    except CaptureError as error:
        return None, (Problem("video not readable, so no colour", frames, "noted", str(error)),)


def _intrinsics(
    files: Files, odometry: Odometry, image_size: tuple[int, int], problems_video: tuple[Problem, ...]
) -> tuple[Float[np.ndarray, "n 4"], tuple[Problem, ...]]:
    """fx, fy, cx, cy of each row for the pictures, counted from the first pixel's centre."""
    intrinsics = odometry.intrinsics.copy()
    lacking = ~usable_intrinsics(intrinsics)
    problems: tuple[Problem, ...] = ()
    if lacking.any():
        intrinsics[lacking] = read_camera_matrix(files)
        if not usable_intrinsics(intrinsics).all():
            raise CaptureError(
                f"{files.path}: no camera intrinsics, neither in {CAMERA_MATRIX} nor for each row of {ODOMETRY}; "
                "export the capture again"
            )
        if not lacking.all():
            problems = counted("row without intrinsics of its own", odometry.frame[lacking].tolist(), "repaired")
    intrinsics[:, 2:] -= 0.5  # ARKit counts from the pixel's corner
    where = f"{files.path}{''.join(f' ({problem.what})' for problem in problems_video)}"  # whose size it would tell
    return intrinsics_of_pictures(intrinsics, APP_IMAGE_SIZE, image_size, where), problems


def _without_confidence(depths: Sequence[str | None], confidences: Sequence[str | None]) -> tuple[Problem, ...]:
    without = [depth for depth, confidence in zip(depths, confidences, strict=True) if depth and not confidence]
    return counted("depth without confidence", without, "noted")
