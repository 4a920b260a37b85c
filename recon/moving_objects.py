"""The stage that takes moving objects out of the depth of a drive, by its data set's boxes and by other views."""

import contextlib
import dataclasses
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from recon.fusion.moving import MeasuredView, moved_pixels
from recon.geometry.resampling import resize_nearest
from recon.stages import DepthView, Lost
from recon.stream import Stopwatch, Stream

OFFSETS = (1, 2, 4, 8)  # to either side, among the views of the same camera: at once for fast, later for slow objects


@dataclass
class Moved:
    """How much was taken out so far."""

    pixels: int = 0
    known: int = 0

    @property
    def share(self) -> float:
        """Of the pixels with depth."""
        return self.pixels / max(self.known, 1)


@dataclass(eq=False)
class _Waiting:
    """A view, and those of its camera that came before and after it."""

    item: DepthView | Lost
    measured: MeasuredView | None
    before: list[MeasuredView] = field(default_factory=list)
    after: list[MeasuredView] = field(default_factory=list)


def without_moving(
    depths: Stream[DepthView | Lost], T_world_camera: Float[np.ndarray, "n 4 4"], moved: Moved, busy: Stopwatch
) -> Stream[DepthView | Lost]:
    """Depth without the pixels that show what moves, each item once enough later ones have been seen.

    Args:
        T_world_camera: by row.
        moved: counts what is taken out.
    """
    waiting: deque[_Waiting] = deque()
    earlier: dict[str, deque[MeasuredView]] = {}
    with contextlib.closing(depths):
        for item in depths:
            with busy:
                waiting.append(_entered(item, T_world_camera, waiting, earlier))
            while waiting and _complete(waiting[0]):
                with busy:
                    done = _cleaned(waiting.popleft(), moved)
                yield done
        while waiting:
            with busy:
                done = _cleaned(waiting.popleft(), moved)
            yield done


def _entered(
    item: DepthView | Lost,
    T_world_camera: Float[np.ndarray, "n 4 4"],
    waiting: deque[_Waiting],
    earlier: dict[str, deque[MeasuredView]],
) -> _Waiting:
    if isinstance(item, Lost):
        return _Waiting(item, None)
    sensor = item.view.sensor
    measured = MeasuredView(sensor.depth, sensor.camera, T_world_camera[item.row])
    camera = item.view.frame.camera_name
    for other in waiting:
        if isinstance(other.item, DepthView) and other.item.view.frame.camera_name == camera:
            other.after.append(measured)
    past = earlier.setdefault(camera, deque(maxlen=OFFSETS[-1]))
    entered = _Waiting(item, measured, before=list(past))
    past.append(measured)
    return entered


def _complete(first: _Waiting) -> bool:
    return first.measured is None or len(first.after) >= OFFSETS[-1]


def _cleaned(waiting: _Waiting, moved: Moved) -> DepthView | Lost:
    item, measured = waiting.item, waiting.measured
    if isinstance(item, Lost) or measured is None:
        return item
    before, after = waiting.before[::-1], waiting.after  # nearest first
    others = [views[offset - 1] for views in (before, after) for offset in OFFSETS if offset <= len(views)]
    mask = moved_pixels(measured, others)
    if item.view.moving is not None:
        mask |= item.view.moving
    return _taken_out(item, mask, moved)


def _taken_out(item: DepthView, mask: Bool[np.ndarray, "h w"], moved: Moved) -> DepthView | Lost:
    depth = item.depth_map.depth
    gone = resize_nearest(mask, depth.shape[1], depth.shape[0]) & (depth > 0)
    moved.pixels += int(gone.sum())
    moved.known += int((depth > 0).sum())
    left = np.where(gone, np.float32(0), depth)
    if not left.any():
        return Lost(item.row, "shows nothing but what moves", False, item.passed_over)
    return DepthView(item.view, dataclasses.replace(item.depth_map, depth=left))
