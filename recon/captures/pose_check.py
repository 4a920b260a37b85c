"""Whether poses and depth belong together: tracking, unit, axes, direction and handedness."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from recon.captures.base import Capture, FrameTable, SensorDepth
from recon.captures.checks import pose_faults, well_spaced_pairs
from recon.errors import CaptureError
from recon.geometry.camera import Camera
from recon.geometry.projection import backproject, project
from recon.geometry.transforms import OPENGL_FROM_OPENCV, apply, invert

MAX_SHARE_LOST = 0.75  # of the finite poses that may jump or stand still before none of them is believed
PAIRS = 6  # of views that are compared
MIN_PAIRS = 3  # that must overlap for a verdict
VIEW_PIXELS = 1 << 18  # of a depth map at most; of a larger one every second or third is looked at
COMPARED_POINTS = 5000  # of one view, looked up in the other
MIN_POINTS = 300  # that must meet sure depth there
SURE_METRES = 5.0  # ARKit extrapolates beyond

# On four real captures right poses left 4 to 11 mm, the best misreading of them 1.4 times as much and mostly 3 to
# 20 times, and undoing a misreading brought the gap down to 0.03 to 0.53 of what it was.
CLEARLY_BETTER = 0.6
EXACT_METRES = 0.005  # a gap that no misreading leaves
DISAGREEING_METRES = 0.1

Poses = Float[np.ndarray, "n 4 4"]
Pairs = Sequence[tuple[int, int]]


def _scaled(factor: float) -> Callable[[Poses], Poses]:
    lengths = np.ones((4, 4))
    lengths[:3, 3] = factor
    return lambda T: T * lengths


def _mirrored(axis: int) -> Callable[[Poses], Poses]:
    mirror = np.eye(4)
    mirror[axis, axis] = -1
    return lambda T: mirror @ T @ mirror


# What to do to poses that were taken for what they are not, and what is then wrong with the capture.
MISREADINGS: tuple[tuple[Callable[[Poses], Poses], str], ...] = (
    (lambda T: T @ OPENGL_FROM_OPENCV, "their camera axes y and z point the other way"),
    (invert, "they map the world to the camera"),
    (lambda T: invert(T) @ OPENGL_FROM_OPENCV, "they map the world to a camera whose axes y and z point the other way"),
    (_mirrored(0), "depth or poses swap left and right"),
    (_mirrored(1), "depth or poses swap up and down"),
    *(
        (_scaled(factor), f"positions and depth differ in unit by a factor of {max(factor, 1 / factor):.4g}")
        for factor in (0.001, 0.01, 0.1, 0.3048, 1 / 0.3048, 10.0, 100.0, 1000.0)
    ),
)


def require_fitting_poses(capture: Capture, table: FrameTable) -> None:
    """Raises ``CaptureError`` if these poses cannot be those of the capture's depth maps.

    Args:
        capture: whose depth is looked at, in a few frames.
        table: of the capture, with the poses that are going to be used.
    """
    faults = np.array(pose_faults(table))
    finite = np.isfinite(table.T_world_camera).all(axis=(1, 2))
    lost = int((finite & (faults != "")).sum())
    if lost > MAX_SHARE_LOST * finite.sum():
        kind = max(set(faults[finite & (faults != "")].tolist()), key=faults.tolist().count)
        raise CaptureError(
            f"{capture.name}: {lost} of {finite.sum()} poses cannot be trusted, mostly as {kind}; the tracking was "
            "lost or positions are not in metres, so record again or give --poses FILE"
        )
    usable = (faults == "") & table.has_depth
    T = np.where(usable[:, None, None], table.T_world_camera, np.nan)
    pairs = well_spaced_pairs(T, PAIRS)
    views = _views(capture, sorted({row for pair in pairs for row in pair}))
    pairs = [pair for pair in pairs if pair[0] in views and pair[1] in views]
    stored = _gaps(views, T, pairs)
    seen = np.isfinite(stored)
    if seen.sum() < MIN_PAIRS:
        return
    gap = float(np.median(stored[seen]))
    others = [(_median_beside(_gaps(views, undo(T), pairs), stored), what) for undo, what in MISREADINGS]
    other, what = min(others)
    if gap > EXACT_METRES and other < CLEARLY_BETTER * gap:
        raise CaptureError(
            f"{capture.name}: surfaces seen from two places lie {1000 * gap:.0f} mm apart by the poses, and "
            f"{1000 * other:.0f} mm were it not that {what}; export the capture again or give --poses FILE"
        )
    if gap > DISAGREEING_METRES:
        raise CaptureError(
            f"{capture.name}: surfaces seen from two places lie {100 * gap:.0f} cm apart by the poses, which so do "
            "not belong to the depth; export the capture again or give --poses FILE"
        )


class _View:
    """Sure depth of a frame as a map and as some of its points in the camera's frame."""

    def __init__(self, sensor: SensorDepth) -> None:
        sure = (sensor.depth > 0) & (sensor.depth < SURE_METRES)
        if sensor.confidence is not None:
            sure &= sensor.confidence == 2
        step = math.isqrt(sensor.depth.size // VIEW_PIXELS) + 1
        self.depth = np.where(sure, sensor.depth, np.float32(0))[::step, ::step].copy()
        height, width = self.depth.shape
        camera = sensor.camera
        self.camera = Camera.from_focal(
            width, height, camera.fx / step, camera.fy / step, camera.cx / step, camera.cy / step
        )
        points = backproject(self.depth, self.camera)[self.depth > 0].astype(np.float64)
        self.points = points[:: len(points) // COMPARED_POINTS + 1]


def _views(capture: Capture, rows: list[int]) -> dict[int, _View]:
    """Those of the rows that can be read."""
    views = {}
    for frame in capture.frames(rows, with_images=False):
        try:
            sensor = frame.sensor()
        except CaptureError:
            continue  # raised again, and counted, when the frame is used
        if isinstance(sensor, SensorDepth):
            views[frame.row] = _View(sensor)
    return views


def _gaps(views: dict[int, _View], T_world_camera: Poses, pairs: Pairs) -> Float[np.ndarray, " pairs"]:
    T_first_second = [invert(T_world_camera[first]) @ T_world_camera[second] for first, second in pairs]
    return np.array(
        [_gap(views[first], views[second], T) for (first, second), T in zip(pairs, T_first_second, strict=True)]
    )


def _gap(first: _View, second: _View, T_first_second: Float[np.ndarray, "4 4"]) -> float:
    """Median difference, metres, of the first view's depth and the second's carried over; NaN where few points meet."""
    uv, z = project(apply(T_first_second, second.points), first.camera)
    size = np.array([first.camera.width, first.camera.height])
    inside = (z > 0) & ((uv > -0.5) & (uv < size - 0.5)).all(axis=1)
    u, v = np.rint(uv[inside]).astype(int).T
    shown = first.depth[v, u]
    met = shown > 0
    return float(np.median(np.abs(z[inside] - shown)[met])) if met.sum() >= MIN_POINTS else float("nan")


def _median_beside(gaps: Float[np.ndarray, " pairs"], stored: Float[np.ndarray, " pairs"]) -> float:
    """Their median where enough pairs have both, scaled to be compared with the median of all stored ones."""
    both = np.isfinite(gaps) & np.isfinite(stored)
    if both.sum() < MIN_PAIRS:
        return float("inf")
    return float(np.median(gaps[both]) * np.nanmedian(stored) / max(np.median(stored[both]), 1e-9))
