"""Pictures and binary sweeps of drives, a file for each frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, UInt8

from recon.captures.archive import Files
from recon.captures.base import Problem
from recon.captures.checks import depth_camera
from recon.captures.drive import DriveCamera
from recon.captures.images import decode_image, picture_size
from recon.captures.numbered import counted
from recon.captures.stills import FILES_TRIED, Size, intrinsics_of_pictures
from recon.captures.text_tables import require_times
from recon.errors import CaptureError
from recon.geometry.camera import Camera

MIN_FOCAL = 1.0  # pixels
MAX_FOCAL_WIDTHS = 100.0  # of the picture


@dataclass(frozen=True)
class Pictures:
    """The picture files of one camera in the order of its frames."""

    files: Files
    names: Sequence[str]
    camera: Camera

    def __call__(self, number: int) -> UInt8[np.ndarray, "H W 3"]:
        """The nth picture; ``CaptureError`` where it cannot be read or has another size than the camera."""
        name = self.names[number]
        image = decode_image(self.files.read(name), name)
        height, width = image.shape[:2]
        if (width, height) != (self.camera.width, self.camera.height):
            raise CaptureError(
                f"{name}: {width}x{height}, but the first picture is {self.camera.width}x{self.camera.height}; "
                "fetch the camera's files again"
            )
        return image


def drive_camera(
    files: Files,
    name: str,
    pictures: Mapping[int, str],
    times: Mapping[int, float],
    K: Float[np.ndarray, "3 3"],
    stated: Size | None,
    T_body_camera: Float[np.ndarray, "4 4"],
) -> tuple[DriveCamera, tuple[Problem, ...]]:
    """A camera of those pictures that have a time, and what was left out.

    Args:
        name: of the camera.
        pictures, times: by frame number.
        K, stated: intrinsics, and the size in pixels that they are given for; None for that of the pictures.
    """
    numbers, problems = frames_in_time(pictures, times, f"picture of camera {name}")
    names = [pictures[number] for number in numbers]
    return (
        DriveCamera(
            name=name,
            camera=(camera := picture_camera(files, names or list(pictures.values()), K, stated)),
            T_body_camera=T_body_camera,
            index=np.array(numbers, np.int64),
            timestamp=np.array([times[number] for number in numbers], np.float64),
            image=Pictures(files, names, camera),
        ),
        problems,
    )


def picture_camera(files: Files, names: Sequence[str], K: Float[np.ndarray, "3 3"], stated: Size | None) -> Camera:
    """The camera at the size of the first picture that can be read; ``CaptureError`` where K cannot be of it."""
    size = first_size(files, names)
    intrinsics = np.array([[K[0, 0], K[1, 1], K[0, 2], K[1, 2]]])
    width = (stated or size)[0]
    farthest = MAX_FOCAL_WIDTHS * width
    if not ((np.abs(intrinsics) <= farthest).all() and (intrinsics[:, :2] >= MIN_FOCAL).all()):
        raise CaptureError(
            f"{files.path}: the calibration's focal lengths {K[0, 0]:g} and {K[1, 1]:g} and principal point "
            f"{K[0, 2]:g}, {K[1, 2]:g} cannot be of pictures {width} pixels wide; give pixels"
        )
    if stated is None:
        fx, fy, cx, cy = intrinsics_of_pictures(intrinsics, size, size, f"{files.path}: {names[0]}")[0].tolist()
        return Camera.from_focal(*size, fx, fy, cx, cy)
    return depth_camera(Camera.from_focal(*stated, *intrinsics[0].tolist()), *size, f"{files.path}: {names[0]}")


def first_size(files: Files, names: Sequence[str]) -> Size:
    """Width and height of the first picture whose header can be read; ``CaptureError`` where there is none."""
    fault = "is not a readable picture"
    for name in names[:FILES_TRIED]:
        try:
            size = picture_size(files.read(name))
        except CaptureError as error:
            fault = str(error)
            continue  # raised again, and counted, when the frame is read
        if size != (0, 0):
            return size
    raise CaptureError(f"{files.path}: no picture can be read, as {names[0]}: {fault}; fetch the camera's files again")


def frames_in_time(
    numbered: Mapping[int, str], times: Mapping[int, float], what: str
) -> tuple[list[int], tuple[Problem, ...]]:
    """Frame numbers with a file and a time, in order of both; what has no time or an earlier one is left out."""
    numbers, without, backwards = [], [], []
    latest = -np.inf
    for number in sorted(numbered):
        time = times.get(number, np.nan)
        if not np.isfinite(time):
            without.append(numbered[number])
        elif time <= latest:
            backwards.append(numbered[number])
        else:
            numbers.append(number)
            latest = time
    problems = (
        *counted(f"{what} without a time", without, "dropped"),
        *counted(f"{what} not later than the one before", backwards, "dropped"),
    )
    return numbers, problems


def missing_numbers(numbers: Sequence[int], what: str) -> tuple[Problem, ...]:
    """The holes between the first and the last of these rising frame numbers."""
    holes = [(before + 1, after - before - 1) for before, after in pairwise(numbers) if after > before + 1]
    if not holes:
        return ()
    return (Problem(what, sum(count for _, count in holes), "noted", f"frame {holes[0][0]}"),)


def times_by_number(times: Float[np.ndarray, " n"], where: str) -> dict[int, float]:
    """The finite ones by their line, counted from 0; ``CaptureError`` where they are no times of frames."""
    require_times(times, where)
    return {number: time for number, time in enumerate(times.tolist()) if np.isfinite(time)}
