"""Which picture of a Stray Scanner video belongs to which row of its odometry.

The app counts its pictures instead of timing them, and at 60 a second players hide the first, so that
picture k belongs to row k + 1 there. Clones of the app store true times but leave pictures out.
"""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from recon.captures.base import Problem, SensorDepth
from recon.captures.numbered import counted
from recon.captures.stray_tables import Odometry
from recon.captures.video import Video
from recon.errors import CaptureError
from recon.geometry.projection import backproject, project
from recon.geometry.transforms import apply, invert, rotation_angle

Sensor = Callable[[int], SensorDepth | None]  # by row

FULL_RATE_SECONDS = 1 / 45  # rows closer than this were recorded at 60 a second
SEARCHED_PICTURES = 180  # from the start, since decoding goes forwards only
PAIR_SECONDS = 0.1  # between two pictures that are compared
PAIRS = 8
TELLING_RADIANS = np.deg2rad(0.3)  # a pixel of a 256x192 depth map
SCENE_METRES = 2.0  # turns a difference of position into an angle
AGREEING_SHARE = 0.85  # of pairs, to decide
MIN_PAIRS = 4
MIN_PIXELS = 1000


def pictures_by_time(
    odometry: Odometry, times: Float[np.ndarray, " m"]
) -> tuple[Int[np.ndarray, " n"], tuple[Problem, ...]]:
    """The picture within half a step of each row's time after the first; -1 for rows without."""
    seconds = odometry.timestamp - odometry.timestamp[0]
    around = np.clip(np.searchsorted(times, seconds)[:, None] + [-1, 0], 0, len(times) - 1)
    distance = np.abs(times[around] - seconds[:, None])
    nearest, distance = around[np.arange(len(around)), distance.argmin(axis=1)], distance.min(axis=1)
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else np.inf
    pictures = np.where(distance <= step / 2, nearest, -1)
    repeated = np.ones(len(pictures), bool)
    repeated[np.unique(pictures, return_index=True)[1]] = False
    pictures[repeated] = -1
    return pictures, counted("picture left out of the video", odometry.frame[pictures < 0].tolist(), "noted")


def pictures_by_order(
    odometry: Odometry, video: Video, sensor: Sensor
) -> tuple[Int[np.ndarray, " n"], tuple[Problem, ...]]:
    """The picture of each row by counting; -1 for rows without. A video that is too short is lined up by its motion."""
    place, written = np.arange(len(odometry.frame)), odometry.written
    problems = []
    counted = odometry.frame - odometry.frame[0]
    if len(video) > written and abs(len(video) - 1 - counted[-1]) <= 1:
        place, written = counted, int(counted[-1]) + 1
        problems.append(
            Problem("rows left out of odometry.csv, pictures found by frame number", written - len(place), "noted")
        )
    missing, offset = written - len(video), 0
    if missing < 0:
        problems.append(Problem("picture without a row", -missing, "noted"))
    if missing > 0:
        seen = offset_by_motion(video, odometry, place, sensor)
        hidden_first = missing == 1 or _is_full_rate(odometry)
        offset = int(hidden_first) if seen is None else seen
        reason = "as the app hides its first picture" if seen is None else "as the motion shows"
        problems.append(
            Problem(
                "video shorter than odometry.csv",
                missing,
                "noted",
                f"picture 0 belongs to row {offset}" + (f", {reason}" if offset or seen is not None else ""),
            )
        )
    pictures = place - offset
    return np.where(pictures < len(video), pictures, -1).clip(-1), tuple(problems)


def offset_by_motion(video: Video, odometry: Odometry, place: Int[np.ndarray, " n"], sensor: Sensor) -> int | None:
    """0 or 1, whichever row's poses and depth carry pictures onto each other better; None where neither clearly does.

    Pictures are compared over those short spans in which the camera's motion changed most, because
    steady motion looks alike from one row to the next.
    """
    if (place != np.arange(len(place))).any() or len(place) < 3:
        return None
    T = odometry.T_world_camera
    span = max(1, round(PAIR_SECONDS / max(float(np.median(np.diff(odometry.timestamp))), 1e-3)))
    T_first_second = invert(T[:-span]) @ T[span:]
    change = invert(T_first_second[:-1]) @ T_first_second[1:]
    telling = rotation_angle(change[:, :3, :3]) + np.linalg.norm(change[:, :3, 3], axis=1) / SCENE_METRES
    telling = telling[: max(min(len(video), SEARCHED_PICTURES) - span, 0)]
    firsts = np.flatnonzero(telling >= TELLING_RADIANS)  # False for NaN
    firsts = np.sort(firsts[np.argsort(-telling[firsts])[:PAIRS]])
    greys = _greys(video, sorted({int(k) for first in firsts for k in (first, first + span)}))
    votes = []
    for first in firsts.tolist():
        try:
            shown = greys[first], greys[first + span]
            likeness = [_likeness(*shown, sensor(row), T_first_second[row]) for row in (first, first + 1)]
        except (KeyError, CaptureError):
            continue  # a picture or depth map that cannot be decoded
        if np.isfinite(likeness).all():
            votes.append(likeness[1] > likeness[0])
    share = float(np.mean(votes)) if len(votes) >= MIN_PAIRS else 0.5
    if max(share, 1 - share) < AGREEING_SHARE:
        return None
    return int(share > 0.5)


def _is_full_rate(odometry: Odometry) -> bool:
    return len(odometry.frame) > 1 and float(np.median(np.diff(odometry.timestamp))) < FULL_RATE_SECONDS


def _greys(video: Video, places: list[int]) -> dict[int, UInt8[np.ndarray, "h w"]]:
    greys = {}
    for place, picture in zip(places, video.pictures(places), strict=True):
        try:
            greys[place] = cv2.cvtColor(picture(), cv2.COLOR_RGB2GRAY)
        except CaptureError:
            continue
    return greys


def _likeness(
    grey_first: UInt8[np.ndarray, "h w"],
    grey_second: UInt8[np.ndarray, "h w"],
    sensor: SensorDepth | None,
    T_first_second: Float[np.ndarray, "4 4"],
) -> float:
    """Correlation of the first picture with the second carried over by depth and motion; NaN where little overlaps."""
    if sensor is None:
        return float("nan")
    camera = sensor.camera
    first, second = (
        cv2.resize(grey, (camera.width, camera.height), interpolation=cv2.INTER_AREA).astype(np.float32)
        for grey in (grey_first, grey_second)
    )
    points = apply(invert(T_first_second), backproject(sensor.depth, camera))
    uv, z = project(points, camera)
    u, v = uv[..., 0], uv[..., 1]
    seen = (sensor.depth > 0) & (z > 0) & (u >= 0) & (v >= 0) & (u <= camera.width - 1) & (v <= camera.height - 1)
    if seen.sum() < min(MIN_PIXELS, seen.size // 4):
        return float("nan")
    moved = cv2.remap(second, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR)
    shown, carried = first[seen] - first[seen].mean(), moved[seen] - moved[seen].mean()
    energy = float(np.linalg.norm(shown) * np.linalg.norm(carried))
    return float(shown @ carried) / energy if energy > 0 else float("nan")
